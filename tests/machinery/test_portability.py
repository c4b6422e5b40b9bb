"""The package runs where Python runs, Windows too: it needs nothing that only POSIX has.

A folder on PYTHONPATH takes these things away, from every Python process that starts there: the grading
process too. They are taken away from our modules alone. The libraries below us ask which system they are on,
and on this one need them: subprocess and psutil end a process with SIGKILL, torch asks for getuid.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from snippets import mistake_of, reference, solution_of

from minicompress.grading import stubs
from minicompress.lab.paths import ROOT

MODULES = ("resource", "fcntl", "pwd", "grp", "termios")
NAMES = {
    "os": ("killpg", "setsid", "fork", "getuid", "getpgid", "getpgrp", "WIFSIGNALED"),
    "signal": ("SIGKILL", "SIGALRM", "alarm", "setitimer"),
}

SITECUSTOMIZE = f"""
import builtins, os, signal, types

GONE = {NAMES!r}
WINDOWS = {{}}
for module in (os, signal):
    kept = {{name: value for name, value in vars(module).items() if name not in GONE[module.__name__]}}
    WINDOWS[module.__name__] = types.ModuleType(module.__name__)
    vars(WINDOWS[module.__name__]).update(kept)
real_import = builtins.__import__


def import_as_on_windows(name, globals=None, locals=None, fromlist=(), level=0):
    module = real_import(name, globals, locals, fromlist, level)
    if (globals or {{}}).get("__name__", "").split(".")[0] not in ("minicompress", "__main__"):
        return module
    if name in {MODULES!r}:
        raise ImportError(f"{{name}} is not there on Windows")
    return WINDOWS.get(name, module)


builtins.__import__ = import_as_on_windows
"""

IMPORT_ALL = """
import importlib, pkgutil
import minicompress
for module in pkgutil.walk_packages(minicompress.__path__, "minicompress."):
    importlib.import_module(module.name)
    print(module.name)
"""

CHECK_EACH = """
import dataclasses, json, pathlib, sys
from minicompress.grading import checking, course, journal

journal.FILE = pathlib.Path("journal/progress.json")
task = dataclasses.replace(course.exercise("1.6"), seconds=3)
reports = {}
for answer in ("right", "wrong", "endless"):
    report = checking.examine(task, pathlib.Path(answer) / "pruning.py")
    reports[answer] = {"solved": report.solved, "reason": report.reason, "mistake": report.mistake}
print(json.dumps(reports))
"""

ENDLESS = """
def nm_mask(scores, n=2, m=4):
    import pathlib, subprocess, sys
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    pathlib.Path(PLACE).write_text(str(sleeper.pid), encoding="utf-8")
    while True:
        pass
"""


@pytest.fixture(scope="module")
def as_on_windows(tmp_path_factory):
    """Run a Python text, in a folder and on a system without what only POSIX has; return what it prints."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")

    def run(text: str, folder: Path) -> str:
        paths = os.pathsep.join([str(site), str(ROOT)])
        environment = os.environ | {"PYTHONPATH": paths, "MINICOMPRESS_SOLUTIONS": "1"}
        words = [sys.executable, "-c", text]
        done = subprocess.run(words, capture_output=True, encoding="utf-8", cwd=folder, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    "line", [*(f"import {name}" for name in MODULES), "import os; os.killpg", "from signal import SIGKILL"]
)
def test_what_only_posix_has_is_really_gone(line, as_on_windows, tmp_path):
    trial = f"try:\n    {line}\nexcept (ImportError, AttributeError):\n    print('gone')"
    assert as_on_windows(trial, tmp_path) == "gone\n"


def test_every_module_can_be_imported(as_on_windows, tmp_path):
    names = as_on_windows(IMPORT_ALL, tmp_path).split()
    files = [path for path in (ROOT / "minicompress").rglob("*.py") if path.parent.name != "minicompress"]
    assert len(names) >= len(files)


@pytest.fixture(scope="module")
def checked(as_on_windows, tmp_path_factory) -> dict:
    """The reports on a right, a wrong and an endless answer, and the number of a process that one started."""
    folder = tmp_path_factory.mktemp("answers")
    mark = "    ### BEGIN SOLUTION\n"
    proof = '    import os\n    assert not hasattr(os, "killpg"), "the grading process has it"\n'
    answers = {
        "right": solution_of("1.6", "nm_mask").replace(mark, mark + proof),
        "wrong": mistake_of("1.6", "prunes_n").source,
        "endless": ENDLESS.replace("PLACE", repr(str(folder / "sleeper"))),
    }
    for name, text in answers.items():
        (folder / name).mkdir()
        fresh = stubs.stub("pruning", reference("1.6"))
        (folder / name / "pruning.py").write_text(f"{fresh}\n{text}", encoding="utf-8")
    reports = json.loads(as_on_windows(CHECK_EACH, folder).splitlines()[-1])
    return reports | {"sleeper": int((folder / "sleeper").read_text(encoding="utf-8"))}


def test_a_right_answer_is_solved(checked):
    assert checked["right"]["solved"]


def test_a_wrong_answer_is_told_its_misconception(checked):
    assert checked["wrong"]["mistake"] == mistake_of("1.6", "prunes_n").sentence


def test_an_endless_answer_is_told_so(checked):
    assert checked["endless"]["reason"].startswith("nm_mask did not return within 3 s")


def test_nothing_is_left_running(checked):
    assert not psutil.pid_exists(checked["sleeper"])


# ------------------------------------------------------------ before anything is installed

SET_UP = """
import pathlib, sys, tempfile
from minicompress.setup import commands, environment

environment.sys.platform = "win32"
own = environment.Environment(pathlib.Path("made"), (pathlib.Path("lock"),))
own.folder.mkdir()
environment.make(own, "", lambda words: print("ran", pathlib.Path(words[0]).name, *words[1:4]) or 0)
print("ready", own.stamp.is_file())
"""

TEST = """
from minicompress.setup import commands
commands.interpreter = lambda: "python.exe"
commands.call = lambda words, *rest: print("ran", *words[:3]) or 0
print("code", commands.main(["test"]))
"""

CALL = """
import pathlib, sys
from minicompress.setup import commands
text = "import sys, os; print(sys.argv[1], os.environ['SAID']); sys.exit(5)"
settings = {"SAID": "\u2713", "PYTHONUTF8": "1"}
print("code", commands.call([sys.executable, "-c", text, "\u2713 \u00e9"], settings))
"""

DOCTOR = """
from minicompress.setup import doctor, python_checks
python_checks.torch_facts = lambda: {"error": "no torch here"}
print("code", doctor.main())
"""


def test_setup_runs_its_steps_to_the_end(as_on_windows, tmp_path):
    lines = as_on_windows(SET_UP, tmp_path).splitlines()
    ran = [line for line in lines if line.startswith("ran")]
    assert ran[0].endswith("-m venv made") and ran[1:] == 2 * ["ran python.exe -m pip install"], lines
    assert lines[-1] == "ready True"


def test_test_runs_what_make_test_runs(as_on_windows, tmp_path):
    lines = [line for line in as_on_windows(TEST, tmp_path).splitlines() if line.startswith("ran")]
    modules = ["pip", "pip", "minicompress.cli", "ruff", "ruff", "pytest", "pytest"]  # two lock files
    assert lines == [f"ran python.exe -m {module}" for module in modules]


def test_a_process_gets_words_and_settings_in_utf_8_and_gives_its_code(as_on_windows, tmp_path):
    assert as_on_windows(CALL, tmp_path).splitlines() == ["\u2713 \u00e9 \u2713", "code 5"]


def test_the_doctor_prints_every_check(as_on_windows, tmp_path):
    said = as_on_windows(DOCTOR, tmp_path)
    assert "FAILED  torch" in said and "SmolLM2" in said and said.endswith("code 1\n")


# ------------------------------------------------------------ what no run would show

SOURCES = sorted((ROOT / "minicompress").rglob("*.py"))


FORKING = {"forking.py", "start.py"}  # of classroom/: they fork on Linux, and start anew elsewhere


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_what_only_posix_has(path):
    gone = {f"{module}.{name}" for module, names in NAMES.items() for name in names}
    if path.parent.name == "classroom" and path.name in FORKING:
        assert 'sys.platform == "linux"' in path.read_text(encoding="utf-8") or path.name == "forking.py"
        gone -= {"os.fork", "os.setsid"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not named & gone


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_read_and_written_as_utf_8(path):
    """Without `encoding`, Windows takes a code page in which ✓ and é are something else, or an error."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [ast.unparse(call) for call in calls if leaves_encoding_open(call)]


def leaves_encoding_open(call: ast.Call) -> bool:
    """Whether a call opens a text file, or a process whose output is text, without saying `encoding`."""
    called, words = ast.unparse(call.func), [word.arg for word in call.keywords]
    modes = [word.value for word in call.args[:2] if isinstance(word, ast.Constant)]
    reads = called.endswith(".read_text") and not call.args  # not a function of ours, which is given a path
    writes = called.endswith(".write_text")
    others = (
        "tokenize.open",
        "os.open",
        "zipped.open",
    )  # the first finds the encoding, the others give bytes
    opens = called in ("open", "os.fdopen") or (called.endswith(".open") and called not in others)
    runs = called.startswith("subprocess.") and ("text" in words or "universal_newlines" in words)
    binary = any("b" in str(mode) for mode in modes)
    return "encoding" not in words and (reads or writes or (opens and not binary) or runs)
