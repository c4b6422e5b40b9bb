"""The course's functions beside other tools, on SmolLM2-135M: `python -m benchmarks.peers`.

The files `by_*.py` run in the environments of those tools; everything else runs in the course's own.
"""
