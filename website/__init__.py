"""The reading site: `python -m website` makes out/site from the notebooks, docs/ and the docstrings."""
