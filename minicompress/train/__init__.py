"""Given: how the models in assets/ were made, `python -m minicompress.train`."""
