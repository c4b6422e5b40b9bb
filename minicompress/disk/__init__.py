"""Compressing a checkpoint from disk to disk, one block in memory at a time: `minicompress compress`."""
