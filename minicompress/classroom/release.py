"""A copy of the course for students, without solutions, wrong answers, other right answers, and whatever
grades a class.

It has `stubs/`, the seven files as they were given, in the place of `solutions/`. By that folder the package
knows that it is a student's copy (`minicompress.lab.paths.STUDENT_COPY`): `check` then runs the public
graders on the student's own files, `make test` skips what is not written, and `reveal` refuses.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from minicompress.grading import stubs
from minicompress.lab.paths import CHAPTERS, ROOT, SOLUTIONS

# Only what is named here is copied: a file that is added to the course stays at home until someone says so.
COPIED = (
    ".binder",
    ".devcontainer",
    ".gitignore",
    "AGENTS.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.ko.md",
    "README.md",
    "assets",
    "benchmarks",
    "course.toml",
    "docs/architecture.md",
    "docs/cheatsheet.md",
    "docs/compress.md",
    "docs/course.md",
    "docs/export.md",
    "docs/glossary.md",
    "docs/grading.md",
    "docs/ko",
    "docs/memory.svg",
    "docs/models.md",
    "docs/peers.svg",
    "docs/projects.md",
    "docs/results.md",
    "docs/setup.md",
    "docs/use.md",
    "environment.yml",
    "minicompress",
    "notebooks",
    "pyproject.toml",
    "requirements-extras.lock",
    "requirements-llm.txt",
    "requirements.lock",
    "results",
    "tests/conftest.py",
    "tests/graders",
)
AT_HOME = ("assets/next", "minicompress/classroom", *(f"minicompress/{m}.py" for m in CHAPTERS))
UNWANTED = ("__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache")


def release(folder: Path) -> int:
    """Write the copy into a new folder, all or nothing. Return how many files it has.

    ValueError when the folder exists and is not empty, lies inside of what is copied, or when this is a
    student's copy itself.
    """
    folder = folder.absolute()
    if not SOLUTIONS.is_dir():
        raise ValueError("this copy of the course has no solutions: release from the teacher's one")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already: give a new folder, or an empty one")
    if any(folder.is_relative_to(ROOT / name) for name in COPIED):
        raise ValueError(f"{folder} lies inside of what is copied: give a folder elsewhere")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
        copy = Path(made) / "copy"
        for path in files():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, copy / path)
        for module in CHAPTERS:
            write_stub(module, copy)
        if folder.exists():
            folder.rmdir()
        copy.rename(folder)
    return sum(path.is_file() for path in folder.rglob("*"))


def files() -> Iterator[Path]:
    """The files to copy, as paths from the root."""
    for name in COPIED:
        inside = sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]
        for path in inside:
            short = path.relative_to(ROOT)
            kept = not set(short.parts) & set(UNWANTED) and not any(map(short.is_relative_to, AT_HOME))
            if kept and path.is_file() and not path.is_symlink():
                yield short


def write_stub(module: str, copy: Path) -> None:
    """The learner's file of a chapter, twice: to be written, and as it was given."""
    text = stubs.stub(module, (SOLUTIONS / f"{module}.py").read_text(encoding="utf-8"))
    for place in ("minicompress", "stubs"):
        (copy / place).mkdir(parents=True, exist_ok=True)
        (copy / place / f"{module}.py").write_text(text, encoding="utf-8", newline="\n")
