"""What a notebook lacks, earlier exercises or the real LLM: `require` and `require_llm` say so at its top."""

import os
import re
import sys
from pathlib import Path

from minicompress.grading.box import place_of, sentence
from minicompress.grading.checking import SWITCH, Unsolved, module_file, stop
from minicompress.grading.course import exercise, unwritten
from minicompress.lab import smollm2
from minicompress.lab.paths import CHAPTERS, STUDENT_COPY, shown


def require(*exercises: str) -> None:
    """Raise Unsolved, in one line, unless these earlier exercises are written. The line names all that is
    missing, file by file, and the setting that uses the reference instead.
    """
    missing = {exercise(key).id: names for key in exercises if (names := lacking(key))}
    if missing:
        unsolved = Unsolved(needed_here(missing, os.environ.get(SWITCH, "")))
        places = [place_of(names[0], module_file(exercise(key))) for key, names in missing.items()]
        stop(unsolved, sentence(str(unsolved), places))


def require_llm() -> None:
    """Raise Unsolved, in one line that says what to run, unless SmolLM2-135M is on this machine."""
    try:
        smollm2.folder()
    except ValueError as error:
        stop(Unsolved(str(error)), sentence(str(error), []))


def lacking(key: str) -> list[str]:
    """The names that an exercise lacks. Unsolved when its file cannot be read."""
    task = exercise(key)
    try:
        return unwritten(task, module_file(task).read_text(encoding="utf-8-sig"))
    except SyntaxError as error:
        where = f"{shown(module_file(task))}, line {error.lineno}"
        raise Unsolved(f"Exercise {task.id} is needed here, but {where} is no Python: {error.msg}.") from None


def needed_here(missing: dict[str, list[str]], setting: str) -> str:
    """The sentence for what is missing, exercise id -> names, under a setting of the switch."""
    by_file = {}
    for key, names in missing.items():
        by_file.setdefault(exercise(key).module, []).append(f"{listed(names)} ({key})")
    todo = [f"{listed(parts)} in minicompress/{module}.py" for module, parts in by_file.items()]
    needed = (
        f"Exercise {listed([*missing])} is" if len(missing) == 1 else f"Exercises {listed([*missing])} are"
    )
    if STUDENT_COPY:
        return f"{needed} needed here: write {'; '.join(todo)} first."
    modules = [module for module in CHAPTERS if module in by_file or module in setting.split(",")]
    return (
        f"{needed} needed here: write {'; '.join(todo)} first. "
        f"Or use the reference of these files: start Jupyter again with `{lab_with(modules)}`."
    )


def lab_with(modules: list[str]) -> str:
    """The command that opens this notebook again, with the reference of some modules: for a POSIX shell, on
    Windows for PowerShell.
    """
    chapter, setting = chapter_here(), ",".join(modules)
    if sys.platform == "win32":
        opened = f" --chapter {chapter}" if chapter else ""
        return f"$env:{SWITCH}='{setting}'; python -m minicompress lab{opened}"
    return f"{SWITCH}={setting} make lab" + (f" CHAPTER={chapter}" if chapter else "")


def chapter_here() -> str:
    """The chapter of this notebook, `03`; nothing where Jupyter does not name the notebook."""
    name = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    found = re.match(r"\d\d(?=_)", name)
    return found[0] if found else ""


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
