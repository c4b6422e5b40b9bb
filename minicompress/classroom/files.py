"""A folder that judge and worker both have a copy of: what one of them changes in it is sent to the other."""

import os
import stat
from pathlib import Path, PurePosixPath

FOLDER = "folder"  # what stands for the content of one
MOST = 100_000_000  # bytes that one side takes from the other, in all


class Folder:
    """This side's copy. Links and special files are not sent."""

    def __init__(self, path: Path):
        self.path = path
        self.taken = 0  # bytes
        self.seen: dict[str, tuple] = {}  # relative name -> (time, size), or FOLDER

    def look(self) -> dict[str, tuple]:
        """What is in it now."""
        found = {}
        for folder, folders, files in os.walk(self.path):
            inside = Path(folder).relative_to(self.path)
            for name in folders:
                if not os.path.islink(os.path.join(folder, name)):
                    found[(inside / name).as_posix()] = (FOLDER,)
            for name in files:
                status = os.lstat(os.path.join(folder, name))
                if stat.S_ISREG(status.st_mode):
                    found[(inside / name).as_posix()] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found

    def changes(self, blobs: list[bytes]) -> list:
        """[name, FOLDER or the place of its content among the blobs, or None where it is gone], in order."""
        now, changed = self.look(), []
        for name in sorted(self.seen.keys() - now.keys(), reverse=True):
            changed.append([name, None])
        for name in sorted(now):
            if self.seen.get(name) == now[name]:
                continue
            content = FOLDER
            if now[name] != (FOLDER,):
                content = len(blobs)
                blobs.append((self.path / name).read_bytes())
            changed.append([name, content])
        self.seen = now
        return changed

    def apply(self, changed: list, blobs: list[bytes]) -> None:
        """Do here what the other side did. ValueError: a name that leads out of the folder."""
        for name, content in changed:
            parts = PurePosixPath(name).parts
            if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\0" in name:
                raise ValueError(f"{name[:100]!r} is no name of a file inside")
            self.taken += len(blobs[content]) if type(content) is int else 0
            if self.taken > MOST:
                raise ValueError(f"more than {MOST / 1e6:.0f} MB of files were written")
            path = self.path.joinpath(*parts)
            if content is None:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            elif content == FOLDER:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(blobs[content])
        if changed:
            self.seen = self.look()
