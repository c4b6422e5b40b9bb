"""Given: what `minicompress run` does."""
