"""Functions of the standard library that a grader may replace for a while: the worker then calls back.

With these a grader lets the renaming of a file fail, or watches it. What the graders put in their place runs
in the judge, so it is given no path outside the folder that judge and worker share.
"""

import os
from collections.abc import Callable
from pathlib import Path

from minicompress.classroom.peer import Peer

ORIGINAL = {"replace": os.replace, "rename": os.rename}  # of the module os


def tell(peer: Peer) -> None:
    """Let the worker have the same functions replaced as this process has."""
    for name, original in ORIGINAL.items():
        current = getattr(os, name)
        if current is not peer.patches.get(name, original):
            peer.patches[name] = current
            stand_in = None if current is original else inside_only(current, peer.folder.path)
            peer.ask("patch", name, stand_in)


def inside_only(function: Callable, folder: Path) -> Callable:
    def guarded(*paths, **more):
        for path in map(Path, paths):
            if more or ".." in path.parts or not path.is_relative_to(folder):
                raise PermissionError(f"{path.name} is no file of this grader's")
        return function(*paths)

    return guarded


def take(name: str, stand_in: Callable | None) -> None:
    """In the worker: use what the judge uses."""
    setattr(os, name, stand_in or ORIGINAL[name])
