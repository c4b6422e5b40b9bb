"""The commands that grade: what they print, and how they end."""

import sys

import pytest
from snippets import mistake_of, solution_of
from typer.testing import CliRunner

from minicompress import cli
from minicompress.grading import checking, journal, workspace


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command line in this process; return the exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minicompress", *words])
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")  # main sets these two where they are not set
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def check(work, monkeypatch, in_this_process):
    """`minicompress check 1.6` on a learner's file: the exit code, and what was printed in one line."""

    def run(answer: str, *options: str) -> tuple[int, str]:
        file = work("1.6", answer)
        monkeypatch.setattr(checking, "module_file", lambda task: file)
        done = CliRunner().invoke(cli.app, ["check", "1.6", *options])
        return done.exit_code, " ".join(done.output.split())

    return run


def test_a_right_answer_ends_with_0(check):
    code, said = check(solution_of("1.6", "nm_mask"))
    assert code == 0 and "solved" in said


def test_a_wrong_answer_ends_with_1_and_says_how_to_see_more(check):
    code, said = check(mistake_of("1.6", "prunes_n").source)
    assert code == 1 and "Tracebacks: minicompress check 1.6 --traceback" in said


def test_the_traceback_shows_the_grader(check):
    code, said = check(mistake_of("1.6", "prunes_n").source, "--traceback")
    assert code == 1 and "tests/graders/test_pruning.py" in said.replace("\\", "/")


def test_an_answer_not_begun_ends_with_1_and_says_what_to_do(check):
    code, said = check("")
    assert code == 1 and "save, and run this command again." in said


def test_a_check_by_the_name_of_a_function(work, monkeypatch, in_this_process):
    file = work("1.6", solution_of("1.6", "nm_mask"))
    monkeypatch.setattr(checking, "module_file", lambda task: file)
    done = CliRunner().invoke(cli.app, ["check", "nm_mask"])
    assert done.exit_code == 0 and "Exercise 1.6, N:M sparsity: solved" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("setting", "others"), [("1", "0"), ("pruning", "0"), ("metrics,pruning", "metrics")]
)
def test_a_check_of_the_reference_says_so_and_where_the_learners_file_is(
    setting, others, monkeypatch, in_this_process
):
    monkeypatch.setenv("MINICOMPRESS_SOLUTIONS", setting)
    monkeypatch.setattr(checking, "module_file", lambda task: task.solution)
    done = CliRunner().invoke(cli.app, ["check", "1.6"])
    said = " ".join(done.output.split())
    assert "this is the reference, not your file" in said and "No points are noted" in said
    assert "Your file is minicompress/pruning.py" in said and f"with MINICOMPRESS_SOLUTIONS={others}." in said
    assert "points." not in said and not journal.FILE.exists()


def test_a_misspelt_function_is_answered_with_the_nearest(command):
    code, _, error = command("check", "magnitude_maks")
    assert code == 2 and "did you mean magnitude_mask (1.1)" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(("key", "said"), [("1.12", "chapter 1 has 1.1, 1.2"), ("0,1", "chapter 0 has 0.1")])
def test_an_id_that_is_not_there_is_answered_with_those_of_its_chapter(command, key, said):
    assert said in command("hint", key)[2]


def test_lab_opens_a_chapter_and_hands_other_options_on(command, monkeypatch):
    started = []
    monkeypatch.setattr(workspace, "start", lambda *given: started.append(given))
    command("lab", "--chapter", "3", "--no-browser", "--port=9000")
    assert started == [("03", "en", ["--no-browser", "--port=9000"])]


def test_lab_opens_a_chapter_in_korean(command, monkeypatch):
    started = []
    monkeypatch.setattr(workspace, "start", lambda *given: started.append(given))
    command("lab", "--chapter", "1", "--language", "ko")
    assert started == [("01", "ko", [])]


def test_lab_opens_the_first_unsolved_chapter_by_itself(command, monkeypatch):
    started = []
    monkeypatch.setattr(workspace, "start", lambda *given: started.append(given))
    command("lab")
    assert started == [("00", "en", [])]


def test_lab_refuses_an_unknown_chapter_in_one_sentence(command):
    code, _, error = command("lab", "--chapter", "9")
    assert code == 2 and "no chapter '9'" in error and len(error.splitlines()) == 1


def test_a_missing_word_is_asked_for(command):
    code, out, error = command("check")
    assert code == 2 and error.endswith("Say, for example: minicompress check 1.6\n") and "Usage" not in out


def test_no_word_at_all_shows_the_help_alone(command):
    code, out, error = command()
    assert code == 2 and "Usage" in out and error == ""


def test_the_reference_asked_for_too_early_ends_in_one_sentence_and_exit_code_2(command):
    code, out, error = command("reveal", "1.6")
    assert code == 2 and "after 2 failed checks" in error and len(error.splitlines()) == 1 and not out


def test_the_reference_after_two_failed_checks(check, command):
    for _ in range(2):
        check(mistake_of("1.6", "prunes_n").source)
    code, out, _ = command("reveal", "1.6")
    assert not code and "def nm_mask" in out


@pytest.mark.parametrize("name", ["check", "hint", "reveal", "more"])
def test_an_unknown_exercise_ends_in_one_sentence_and_exit_code_2(command, name):
    code, _, error = command(name, "7.7")
    assert code == 2 and "'7.7'" in error and len(error.strip().splitlines()) == 1
