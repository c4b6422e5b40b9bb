"""What somebody handed in: the seven files, or some of them, from a folder or a zip file.

Only regular files of the seven names are looked at, in the root or in `minicompress/`. Nothing is extracted
by the name that an archive gives it, and nothing is imported.
"""

import json
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from minicompress.grading.assemble import LARGEST
from minicompress.grading.processes import Limits, run_module
from minicompress.lab.paths import CHAPTERS

FILES = {f"{module}.py": module for module in CHAPTERS}
LIMITS = Limits(starting=15, memory=1_500_000_000)  # for reading a zip file: computing seconds, bytes


class Submission(NamedTuple):
    """What can be graded, and why the rest cannot: module -> content, and module -> one sentence."""

    files: dict[str, bytes]
    troubles: dict[str, str]


def read_submission(path: Path) -> dict[str, bytes]:
    """Module name -> content of its file. What is missing or no plain file is left out."""
    return open_submission(path).files


def open_submission(path: Path) -> Submission:
    """Read a folder or a zip file. ValueError when there is neither: that is not the student's mistake."""
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise ValueError(f"there is no submission {path}: give a folder or a zip file")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        words = ["minicompress.classroom.unpacking", str(path.absolute()), str(folder / "files")]
        (folder / "files").mkdir()
        ending = run_module(words, folder, LIMITS)
        if ending.code != 0:
            return nothing(f"{path.name} needs too much time or memory to be unpacked")
        troubles = json.loads((folder / "files" / "troubles.json").read_text(encoding="utf-8"))
        found = read_folder(folder / "files")
    return Submission(found.files, found.troubles | troubles)


def nothing(reason: str) -> Submission:
    """A submission of which nothing can be read."""
    return Submission({}, dict.fromkeys(CHAPTERS, reason))


def read_folder(folder: Path) -> Submission:
    """The files of a folder. A file that is not there is no trouble here: it is simply not handed in."""
    names = [f"{place}{file}" for file in FILES for place in ("", "minicompress/")]
    there = [name for name in names if os.path.lexists(folder / name)]
    files, troubles = {}, twice(there)
    if (folder / "minicompress").is_symlink():
        return nothing("minicompress is a link: hand in the files themselves")
    for name in there:
        module = FILES[name.rpartition("/")[2]]
        if module not in troubles:
            try:
                files[module] = read_plain(folder / name, name)
            except ValueError as error:
                troubles[module] = str(error)
    return Submission(files, troubles)


def twice(names: Iterable[str]) -> dict[str, str]:
    """Module -> a sentence, for those that several names claim."""
    by_module: dict[str, list[str]] = {}
    for name in names:
        by_module.setdefault(FILES[name.rpartition("/")[2]], []).append(name)
    return {
        module: f"{module}.py is there {len(claims)} times ({', '.join(claims[:3])}): hand in one"
        for module, claims in by_module.items()
        if len(claims) > 1
    }


def read_plain(path: Path, name: str) -> bytes:
    """The content of a regular file of bounded size. ValueError in one sentence for anything else."""
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ValueError(f"{name} is {kind}: hand in the file itself")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    return within_size(content, name)


def within_size(content: bytes, name: str) -> bytes:
    """The same content. ValueError when it is longer than an answer can be."""
    if len(content) > LARGEST:
        raise ValueError(f"{name} has more than {LARGEST:,} bytes, which no answer needs")
    return content
