"""Take the seven files out of a zip file: `python -m minicompress.classroom.unpacking ZIP FOLDER`.

It runs in a process with limits, because an archive may be made to exhaust whoever opens it. The files get
our names, never the archive's; why one is missing goes to FOLDER/troubles.json.
"""

import stat
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from minicompress.classroom.submission import FILES, LIMITS, twice, within_size
from minicompress.grading.assemble import LARGEST
from minicompress.grading.watch import limit_resources
from minicompress.lab.files import write_json
from minicompress.lab.paths import CHAPTERS

BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)


def unpack(archive: Path, folder: Path) -> dict[str, str]:
    """Write what can be graded into `folder`. Module -> a sentence, for what cannot."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = wanted(opened.infolist())
            troubles = twice(name for name, _ in entries)
            for name, entry in entries:
                module = FILES[name.rpartition("/")[2]]
                if module not in troubles:
                    try:
                        content = read(opened, entry, name)
                        (folder / f"{module}.py").write_bytes(content)
                    except BROKEN as error:
                        troubles[module] = f"{name} cannot be taken out of {archive.name}: {error}"
    except BROKEN as error:
        return dict.fromkeys(CHAPTERS, f"{archive.name} cannot be read as a zip file: {error}")
    return troubles


def wanted(entries: list[zipfile.ZipInfo]) -> list[tuple[str, zipfile.ZipInfo]]:
    """The entries in the root or in `minicompress/` that have one of the seven names.

    A folder that holds everything is passed over, as zip files of a folder have one.
    """
    paths = [(PurePosixPath(entry.filename), entry) for entry in entries]
    paths = [(path, entry) for path, entry in paths if path.parts and path.parts[0] != "__MACOSX"]
    tops = {path.parts[0] for path, _ in paths}
    alone = len(tops) == 1 and not tops & {"minicompress", *FILES}
    found = []
    for path, entry in paths:
        parts = path.parts[1:] if alone else path.parts
        if parts and parts[-1] in FILES and parts[:-1] in ((), ("minicompress",)):
            found.append(("/".join(parts), entry))
    return found


def read(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    """The content of an entry, never more than the largest answer."""
    mode = entry.external_attr >> 16
    if entry.is_dir() or stat.S_ISDIR(mode):
        raise ValueError("it is a folder")
    if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
        raise ValueError("it is a link, or no regular file")
    with opened.open(entry) as file:
        return within_size(file.read(LARGEST + 1), name)


if __name__ == "__main__":
    archive, folder = map(Path, sys.argv[1:])
    limit_resources(LIMITS.memory, sys.stderr.fileno())
    write_json(folder / "troubles.json", unpack(archive, folder))
