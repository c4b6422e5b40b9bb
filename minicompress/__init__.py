"""minicompress: how large language models are made small.

`MINICOMPRESS_SOLUTIONS=1` makes `minicompress.pruning` and its siblings resolve to the reference solutions;
`MINICOMPRESS_SOLUTIONS=pruning,low_rank` does so for those modules only. Code always says
`minicompress.<module>`.
"""

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder

from minicompress.lab.paths import CHAPTERS, SOLUTIONS, STUDENT_COPY


class SolutionFinder(MetaPathFinder):
    """Find `minicompress.<chapter>` in `solutions/` for the chapters it was given."""

    def __init__(self, chapters: list[str]):
        self.names = {f"{__name__}.{chapter}": SOLUTIONS / f"{chapter}.py" for chapter in chapters}

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, self.names[name]) if name in self.names else None


def _switch(wanted: str) -> None:
    if wanted in ("", "0") or (wanted == "1" and STUDENT_COPY):  # a student's copy uses its own files alone
        return
    chapters = (
        [stem for stem in CHAPTERS if (SOLUTIONS / f"{stem}.py").is_file()]
        if wanted == "1"
        else wanted.split(",")
    )
    unknown = [chapter for chapter in chapters if chapter not in CHAPTERS]
    if unknown:
        raise ImportError(
            f"MINICOMPRESS_SOLUTIONS names {', '.join(unknown)}: use 1, or some of {', '.join(CHAPTERS)}"
        )
    if STUDENT_COPY:
        raise ImportError("MINICOMPRESS_SOLUTIONS: a student's copy of the course has no solutions")
    if not SOLUTIONS.is_dir():
        raise ImportError(
            "the solutions are not beside the package: install it with `pip install -e .` from a clone"
        )
    sys.meta_path.insert(0, SolutionFinder(chapters))


_switch(os.environ.get("MINICOMPRESS_SOLUTIONS", ""))
