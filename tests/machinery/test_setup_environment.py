"""`.venv`: the steps that make it, when it is ready, and what is said when it cannot be made."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from minicompress.lab.paths import ROOT
from minicompress.setup import environment
from minicompress.setup.environment import LEARNERS, TORCH, Environment, SetupError, make, steps


@pytest.fixture
def own(tmp_path):
    """An environment in a folder of the test, made from a lock file that is there; none of it is made yet."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("tiny==1.0\n", encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    return Environment(tmp_path / ".venv", (lock,))


def made_by(*codes):
    """A runner of steps that ends with these codes, one after the other, and notes what it was given."""
    left, given = list(codes), []

    def run(words):
        given.append(words)
        return left.pop(0)

    return run, given


# ------------------------------------------------------------ the steps


def test_torch_comes_first_then_the_pinned_packages_then_the_course_without_dependencies(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "elsewhere")  # `make test` runs this with .venv's own interpreter
    words = [step.words for step in steps(LEARNERS)]
    assert [line[1:] for line in words] == [
        ["-m", "venv", str(ROOT / ".venv")],
        ["-m", "pip", "install", "-q", TORCH],
        ["-m", "pip", "install", "-q", "-r", str(ROOT / "requirements.lock")],
        ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ]
    assert [line[0] for line in words] == [sys.executable, *3 * [str(LEARNERS.python)]]


def test_torch_is_the_pinned_one():
    assert TORCH in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def test_an_index_of_torch_is_for_torch_alone(own):
    words = [step.words for step in steps(own, "URL")]
    assert [line[-2:] for line in words if "-i" in line] == [["-i", "URL"]]
    assert TORCH in words[1] and "-i" in words[1]


@pytest.mark.parametrize(("option", "used"), [("", "FROM-VARIABLE"), ("FROM-OPTION", "FROM-OPTION")])
def test_the_index_is_the_option_s_or_else_the_variable_s(option, used, own, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_TORCH_INDEX", "FROM-VARIABLE")
    run, given = made_by(0, 0, 0)
    make(own, option, run)
    assert given[1][-2:] == ["-i", used]


def test_a_running_interpreter_is_not_written_over(own, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(own.folder))
    assert "venv" not in steps(own)[0].words and len(steps(own)) == 2


@pytest.mark.parametrize(
    ("platform", "tail"), [("win32", ("Scripts", "python.exe")), ("darwin", ("bin", "python"))]
)
def test_the_interpreter_lies_where_the_system_puts_it(platform, tail, own, monkeypatch):
    monkeypatch.setattr(environment.sys, "platform", platform)
    assert own.python == own.folder.joinpath(*tail)


# ------------------------------------------------------------ ready or not


def test_it_is_ready_after_the_last_step(own):
    own.python.parent.mkdir()
    own.python.touch()
    assert not own.is_ready()
    make(own, "", made_by(0, 0, 0)[0])
    assert own.is_ready()


def test_it_is_not_ready_when_the_lock_file_has_changed_since(own):
    own.python.parent.mkdir()
    own.python.touch()
    make(own, "", made_by(0, 0, 0)[0])
    later = own.stamp.stat().st_mtime + 10
    os.utime(own.made_from[0], (later, later))
    assert not own.is_ready()


def test_it_is_not_ready_without_its_interpreter(own):
    make(own, "", made_by(0, 0, 0)[0])
    assert own.stamp.is_file() and not own.is_ready()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failed_step_is_named_with_what_helps_and_leaves_nothing_ready(failing, own):
    own.stamp.touch()  # of an earlier time
    run, given = made_by(*failing * [0], 7)
    with pytest.raises(SetupError) as error:
        make(own, "", run)
    step = steps(own)[failing]
    assert str(error.value) == f"{step.does} failed (see above): {step.remedy}; then {environment.AGAIN}"
    assert error.value.code == 1 and len(given) == failing + 1 and not own.stamp.exists()


def test_an_interruption_leaves_nothing_ready_and_ends_with_130(own):
    def interrupted(words):
        raise KeyboardInterrupt

    own.stamp.touch()
    with pytest.raises(SetupError, match="interrupted; the same command goes on") as error:
        make(own, "", interrupted)
    assert error.value.code == 130 and not own.stamp.exists()


def test_a_process_that_cannot_be_started_is_told_likewise(own):
    def blocked(words):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(SetupError, match="making .venv failed .*Permission denied"):
        make(own, "", blocked)


# ------------------------------------------------------------ which Python


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OLDEST", (3, 99), "the course needs 3.11, 3.12 or 3.13"),
        ("TOO_NEW", (3, 11), "the course needs 3.11, 3.12 or 3.13"),
    ],
)
def test_a_python_that_does_not_fit_is_refused_before_anything_runs(name, value, said, own, monkeypatch):
    monkeypatch.setattr(environment, name, value)
    run, given = made_by()
    with pytest.raises(SetupError, match=said):
        make(own, "", run)
    assert not given


def test_a_32_bit_python_is_refused(own, monkeypatch):
    monkeypatch.setattr(environment.sys, "maxsize", 2**31 - 1)
    with pytest.raises(SetupError, match="32-bit"):
        make(own, "", made_by()[0])


def test_the_versions_are_those_of_pyproject():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest, too_new = (".".join(map(str, version)) for version in (environment.OLDEST, environment.TOO_NEW))
    assert f'requires-python = ">={oldest},<{too_new}"' in text


def test_another_python_s_environment_is_neither_mixed_with_nor_touched(own):
    own.stamp.touch()
    (own.folder / "pyvenv.cfg").write_text("home = x\nversion = 3.10.4\n", encoding="utf-8")
    run, given = made_by()
    with pytest.raises(SetupError, match=r"made with Python 3\.10, and this is .*: delete the folder .venv"):
        make(own, "", run)
    assert not given and own.stamp.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there the interpreter is a copy, no link")
def test_an_environment_whose_python_is_gone_is_not_mended(own):
    own.python.parent.mkdir()
    own.python.symlink_to(own.folder / "nowhere")
    run, given = made_by()
    with pytest.raises(SetupError, match="is gone, or .* another system: delete the folder .venv"):
        make(own, "", run)
    assert not given


# ------------------------------------------------------------ before anything is installed

EARLY = [
    *sorted((ROOT / "minicompress" / "setup").glob("*.py")),
    ROOT / "minicompress" / "__main__.py",
    ROOT / "minicompress" / "__init__.py",
    ROOT / "minicompress" / "lab" / "__init__.py",
    ROOT / "minicompress" / "lab" / "paths.py",
]


@pytest.mark.parametrize("words", [["setup", "--help"], ["test", "--help"], ["--help"]])
def test_nothing_but_the_standard_library_is_needed(words):
    """`-S` leaves out every installed package."""
    words = [sys.executable, "-S", "-m", "minicompress", *words]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and "python -m minicompress" in done.stdout, done.stderr


@pytest.mark.parametrize("path", EARLY, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_old_python_can_read_it_to_say_that_it_is_too_old(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


# ------------------------------------------------------------ with real processes


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a package that holds nothing, as pip installs it."""
    facts = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as packed:
        packed.writestr(f"{name}.py", "")
        packed.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{facts}/RECORD", "")


@pytest.mark.slow
def test_a_real_environment_is_made_and_a_missing_package_ends_it_before_it_is_ready(
    own, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    wheel(tmp_path, *TORCH.split("=="))
    with pytest.raises(SetupError, match="installing requirements.lock failed"):
        make(own)
    assert "tiny==1.0" in capfd.readouterr().err and not own.is_ready()
    wheel(tmp_path, "tiny", "1.0")
    make(own)
    assert own.is_ready()
    subprocess.run([own.python, "-c", "import torch, tiny"], check=True)
