"""`python -m minicompress COMMAND`: what each command runs, with which interpreter, and how it ends."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from minicompress.lab.paths import ROOT
from minicompress.setup import commands
from minicompress.setup.environment import Environment, SetupError

PYTHON = Path("the-interpreter")
CLI = ["-m", "minicompress.cli"]


@pytest.fixture
def called(monkeypatch):
    """Note the processes that commands would run; `called.codes` says how they end, 0 by default."""
    noted = SimpleNamespace(words=[], settings=[], folders=[], codes={})

    def call(words, settings=None, folder=None):
        assert words[0] == PYTHON
        noted.words.append([str(word) for word in words[1:]])
        noted.settings.append(settings)
        noted.folders.append(folder)
        return next((code for part, code in noted.codes.items() if part in " ".join(noted.words[-1])), 0)

    monkeypatch.setattr(commands, "call", call)
    monkeypatch.setattr(commands, "interpreter", lambda: PYTHON)
    return noted


# ------------------------------------------------------------ test

GRADERS = ["-m", "pytest", "--dist", "loadfile", "-n", "2"]
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
NOTEBOOKS = [*GRADERS, *NBVAL, "--ignore-glob=notebooks/??/*", "notebooks"]
CHECKS = [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."], GRADERS, NOTEBOOKS]


def test_test_runs_ruff_the_tests_and_the_notebooks(called):
    assert commands.main(["test"]) == 0
    assert called.words[-4:] == CHECKS
    assert called.folders[-4:] == 4 * [ROOT]


def test_test_brings_the_extras_the_site_s_packages_and_the_real_llm_first(called):
    commands.main(["test"])
    assert "requirements-extras.lock" in called.words[0][-1]
    assert "requirements-site.lock" in called.words[1][-1]
    assert called.words[2] == [*CLI, "llm"] and len(called.words) == 7


def test_what_cannot_be_brought_is_said_and_everything_else_runs(called, capsys):
    called.codes = {"requirements-extras.lock": 1, "requirements-site.lock": 1, "llm": 2}
    assert commands.main(["test"]) == 0 and called.words[-4:] == CHECKS
    said = capsys.readouterr().out
    for lock in ("requirements-extras.lock", "requirements-site.lock"):
        assert f"The packages of {lock} are not here: their tests are skipped." in said
    assert "No SmolLM2 here: the tests of its chapter are skipped." in said


def test_tests_have_a_journal_of_their_own_the_reference_and_one_thread_a_process(called):
    commands.main(["test"])
    progress = str(ROOT / ".minicompress" / "tests.json")
    own = {"OMP_NUM_THREADS": "1", "MINICOMPRESS_SOLUTIONS": "1", "MINICOMPRESS_PROGRESS": progress}
    assert all(own.items() <= settings.items() for settings in called.settings[-4:])


def test_the_number_of_workers_can_be_chosen(called):
    commands.main(["test", "--workers", "7"])
    assert [words[words.index("-n") + 1] for words in called.words[-2:]] == ["7", "7"]


@pytest.mark.parametrize(("failing", "runs"), [("ruff check", 1), ("ruff format", 2), ("pytest", 3)])
def test_the_first_that_fails_ends_it_with_its_code(failing, runs, called):
    called.codes = {failing: 5}
    assert commands.main(["test"]) == 5
    assert called.words[3:] == CHECKS[:runs]


def test_a_student_s_copy_runs_no_notebook_as_a_whole_and_installs_no_extras(called, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    commands.main(["test"])
    assert called.words == [[*CLI, "llm"], *CHECKS[:3]]


# ------------------------------------------------------------ the others


def test_lab_and_every_command_of_the_package_is_handed_on_as_it_is(called):
    commands.main(["lab", "--chapter", "01", "--no-browser"])
    commands.main(["check", "1.1"])
    assert called.words == [[*CLI, "lab", "--chapter", "01", "--no-browser"], [*CLI, "check", "1.1"]]
    assert called.folders == [None, None], "a path that a user gives counts from where he stands"


@pytest.mark.parametrize(("set_to", "used"), [(None, "1"), ("0", "0"), ("metrics", "metrics")])
def test_run_takes_the_reference_unless_another_setting_is_given(set_to, used, called, monkeypatch):
    monkeypatch.delenv("MINICOMPRESS_SOLUTIONS", raising=False)
    if set_to is not None:
        monkeypatch.setenv("MINICOMPRESS_SOLUTIONS", set_to)
    commands.main(["run", "--quick"])
    assert called.words == [[*CLI, "run", "--quick"]]
    assert called.settings[0]["MINICOMPRESS_SOLUTIONS"] == used


def test_benchmarks_bring_the_real_llm_first_and_run_with_the_reference(called):
    commands.main(["bench"])
    commands.main(["peers"])
    benchmarks = [["-m", "benchmarks", "bench"], ["-m", "benchmarks.peers"], ["-m", "benchmarks.readme"]]
    assert called.words == [[*CLI, "llm"], benchmarks[0], [*CLI, "llm"], *benchmarks[1:]]
    assert all(settings["MINICOMPRESS_SOLUTIONS"] == "1" for settings in called.settings)


def test_parity_makes_the_environment_of_the_other_tools(called, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(commands, "ORACLES", Environment(tmp_path, ()))
    monkeypatch.setattr(commands, "make", made.append)
    assert commands.main(["parity"]) == 0
    assert made == [commands.ORACLES] and called.words == [["-m", "benchmarks", "parity"]]


def test_extras_are_installed_once_and_again_when_their_lock_file_is_newer(called, tmp_path, monkeypatch):
    lock, own = tmp_path / "extras.lock", Environment(tmp_path / ".venv", ())
    lock.touch()
    own.folder.mkdir()
    own.stamp.touch()
    monkeypatch.setattr(commands, "EXTRAS", lock)
    monkeypatch.setattr(commands, "LEARNERS", own)
    monkeypatch.setattr(Environment, "python", PYTHON)
    assert commands.main(["extras"]) == 0 and commands.main(["extras"]) == 0
    assert called.words == [["-m", "pip", "install", "-q", "-q", "--no-deps", "-r", str(lock)]]
    (own.folder / "extras").unlink()
    called.codes = {"pip": 1}
    assert commands.main(["extras"]) == 1 and not (own.folder / "extras").exists()


def test_the_site_is_built_from_the_reference_with_packages_that_are_installed_beside(called):
    assert commands.main(["site", "elsewhere"]) == 0
    install, build = called.words
    assert "--no-deps" in install and install[-1] == str(ROOT / "requirements-site.lock")
    assert build == ["-m", "website", "elsewhere"] and called.settings[1] == {"MINICOMPRESS_SOLUTIONS": "1"}


def test_no_site_is_built_where_its_packages_cannot_be_installed(called):
    called.codes = {"requirements-site.lock": 3}
    assert commands.main(["site"]) == 3 and len(called.words) == 1


# ------------------------------------------------------------ which interpreter


@pytest.fixture
def places(monkeypatch, tmp_path):
    """.venv in a folder of the test; whether the course is installed in the running interpreter: no."""
    made = []
    own = Environment(tmp_path / ".venv", ())
    monkeypatch.setattr(commands, "LEARNERS", own)
    monkeypatch.setattr(commands, "make", made.append)
    monkeypatch.setattr(commands, "course_is_installed_here", lambda: False)
    return own, made


def test_a_fresh_clone_s_environment_is_made_first(places):
    own, made = places
    assert commands.interpreter() == own.python and made == [own]


def test_an_environment_that_is_ready_is_used_as_it_is(places):
    own, made = places
    own.python.parent.mkdir(parents=True)
    own.python.touch()
    own.stamp.touch()
    assert commands.interpreter() == own.python and not made


def test_where_the_course_is_installed_otherwise_that_interpreter_is_used(places, monkeypatch):
    monkeypatch.setattr(commands, "course_is_installed_here", lambda: True)
    assert commands.interpreter() == Path(sys.executable) and not places[1]


def test_venv_s_own_interpreter_makes_it_again_where_it_has_grown_old(places, monkeypatch):
    own, made = places
    monkeypatch.setattr(commands, "course_is_installed_here", lambda: True)
    monkeypatch.setattr(sys, "prefix", str(own.folder))
    assert commands.interpreter() == own.python and made == [own]


def test_setup_makes_it_with_the_index_of_the_option(places, monkeypatch):
    given = []
    monkeypatch.setattr(commands, "make", lambda *words: given.append(words))
    assert commands.main(["setup", "--torch-index", "URL"]) == 0
    assert given == [(places[0], "URL")]


# ------------------------------------------------------------ how a command ends


def test_what_cannot_be_made_ends_in_one_sentence(monkeypatch, capsys):
    def refuse():
        raise SetupError("no room", 1)

    monkeypatch.setattr(commands, "interpreter", refuse)
    assert commands.main(["lab"]) == 1
    assert capsys.readouterr().err == "minicompress: no room\n"


def test_an_interpreter_that_cannot_be_started_ends_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "interpreter", lambda: tmp_path / "nowhere")
    assert commands.main(["lab"]) == 1
    said = capsys.readouterr().err
    assert "nowhere" in said and "python -m minicompress doctor" in said and said.count("\n") == 1


def test_without_a_command_all_are_listed(capsys):
    assert commands.main([]) == 2
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in commands.COMMANDS)


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (3, 3), (-15, 143)])
def test_the_code_is_that_of_the_process(ended, code, monkeypatch):
    process = SimpleNamespace(wait=lambda: ended)
    monkeypatch.setattr(commands.subprocess, "Popen", lambda *words, **options: process)
    assert commands.call(["x"]) == code


def test_an_interrupt_waits_for_the_process_which_gets_it_too(monkeypatch):
    answers = iter([KeyboardInterrupt, 0])

    def wait():
        answer = next(answers)
        if answer is KeyboardInterrupt:
            raise answer
        return answer

    monkeypatch.setattr(commands.subprocess, "Popen", lambda *words, **options: SimpleNamespace(wait=wait))
    assert commands.call(["jupyter"]) == 0


def test_a_process_gets_the_settings_and_its_words(tmp_path):
    text = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['SAID'])"
    assert commands.call([sys.executable, "-c", text, "file"], {"SAID": "here"}, tmp_path) == 0
    assert (tmp_path / "file").read_text(encoding="utf-8") == "here"


# ------------------------------------------------------------ make


def test_make_has_these_commands_and_calls_nothing_else():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = [line for line in text.splitlines() if line.startswith("\t")]
    assert all(line.startswith("\t$(COURSE) ") for line in recipes) and recipes
    targets = re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split()
    assert set(targets) | {"oracles"} == set(commands.COMMANDS)
