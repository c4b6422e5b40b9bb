"""Every figure quoted in this repository.

Benchmarks measure the reference, unless MINICOMPRESS_SOLUTIONS says otherwise.
"""

import os

os.environ.setdefault("MINICOMPRESS_SOLUTIONS", "1")
