"""What a learner can ask for: a hint, the progress, the reference, the list."""

import ast

import pytest
from snippets import solution_of

from minicompress.grading import guide, journal
from minicompress.grading.course import exercise, exercises


def test_hints_come_one_at_a_time_and_the_last_stays(capsys):
    for number in (1, 2, 3, 3):
        guide.hint("1.6")
        said = " ".join(capsys.readouterr().out.split())
        assert f"Hint {number} of 3" in said and exercise("1.6").hints[number - 1] in said
    assert "reveal 1.6" in said


def test_the_last_hint_says_that_it_is_and_at_a_further_call_how_to_go_on(capsys):
    for _ in range(3):
        guide.hint("1.6")
    third = capsys.readouterr().out
    guide.hint("1.6")
    further = " ".join(capsys.readouterr().out.split())
    assert "This was the last hint" in third and "How to go on" not in third
    assert "You have seen all hints: this was the last one. How to go on:" in further
    assert "check 1.6 --traceback" in further and "tests/graders/test_pruning.py" in further


def test_a_solved_exercise_tells_no_further_hint_so_a_notebook_can_be_run_as_a_whole(capsys):
    guide.hint("1.6")
    journal.write("passed", "1.6", "today")
    for _ in range(2):
        guide.hint("1.6")
    assert capsys.readouterr().out.count("Hint 1 of 3") == 3 and journal.read()["hints"] == {"1.6": 1}


def test_a_hint_and_the_reference_can_be_asked_for_by_function(capsys):
    fail("1.6", 2)
    guide.hint("nm_mask")
    guide.reveal("nm_mask")
    said = capsys.readouterr().out
    assert "Hint 1 of 3 for exercise 1.6" in said and "def nm_mask" in said
    assert journal.read()["hints"] == {"1.6": 1}


def test_progress_counts_points_and_names_what_comes_next(capsys):
    journal.write("passed", "0.1", "today")
    guide.progress()
    said = capsys.readouterr().out
    assert "1 of 4" in said and f"{exercise('0.1').points} of " in said and "Next: 0.2" in said


def solve(*keys: str, day: int = 1) -> None:
    """Note exercises as passed, a minute after each other."""
    for minute, key in enumerate(keys):
        journal.write("passed", key, f"2026-01-{day:02}T10:{minute:02}:00")


def of_chapter(*chapters: str) -> list[str]:
    return [task.id for task in exercises().values() if task.chapter in chapters and not task.stretch]


NEXT = {
    "nothing is solved": ([], "0.1"),
    "the chapter at hand goes on": (["3.1", "3.2"], "3.3"),
    "what was skipped comes after what follows": (["3.2"], "3.3"),
    "what was skipped comes before another chapter": (of_chapter("3")[1:], "3.1"),
    "then the first chapter with something unsolved": (of_chapter("0", "3"), "1.1"),
    "the latest counts, not the last of the course": (["5.1", "2.1"], "2.2"),
    "a stretch waits for the other chapters": (of_chapter("0", "1"), "2.1"),
    "stretches come last, that of the chapter at hand first": (
        [*of_chapter(*"013456"), *of_chapter("2")],
        "2.7",
    ),
    "everything is solved": (list(exercises()), None),
}


@pytest.mark.parametrize("case", NEXT)
def test_the_next_exercise(case):
    done, expected = NEXT[case]
    solve(*done)
    ahead = guide.next_exercise()
    assert (ahead and ahead.id) == expected


@pytest.mark.parametrize(
    "when", [None, 3, 1e400, True, "", "yesterday", ["2027"], {"when": "2027"}, "0001-01-01"]
)
def test_a_time_that_cannot_be_read_is_no_latest_time(when):
    solve("3.1", "3.2")
    journal.write("passed", "5.1", when)
    assert guide.next_exercise().id == "3.3"


def test_times_with_and_without_a_zone_are_compared():
    solve("3.1", "3.2")
    journal.write("passed", "5.1", "2027-01-01T10:00:00+02:00")
    assert guide.next_exercise().id == "5.2"


def test_an_exercise_that_is_no_more_does_no_harm(capsys):
    solve("3.1", "9.9")
    guide.progress()
    guide.list_exercises()
    assert "Next: 3.2" in capsys.readouterr().out


@pytest.mark.parametrize("told", [-7, 99, 10**30, None, "two", [1], 1.5])
def test_an_odd_number_of_hints_does_no_harm(told, capsys):
    journal.write("hints", "1.6", told)
    guide.hint("1.6")
    assert "of 3 for exercise 1.6" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["[" * 100_000, "{", "[]", '{"passed": 3}', '{"hints": {"0.1": "many"}}'])
def test_a_damaged_journal_is_not_fatal(damage, capsys):
    journal.FILE.parent.mkdir()
    journal.FILE.write_text(damage, encoding="utf-8")
    guide.progress()
    guide.hint("0.1")
    assert "Hint 1 of 3" in capsys.readouterr().out


def fail(key: str, times: int) -> None:
    """Note failed checks."""
    journal.write("failed", key, times)


@pytest.mark.parametrize("failed", [0, 1])
def test_the_reference_is_not_shown_before_two_failed_checks(failed, capsys):
    fail("1.6", failed)
    fail("1.7", 5)
    with pytest.raises(guide.NotYet, match=f"after 2 failed checks, or when it is solved; so far {failed}"):
        guide.reveal("1.6")
    assert capsys.readouterr().out == ""


def test_who_has_solved_it_sees_the_reference_at_once(capsys):
    solve("1.6")
    guide.reveal("1.6")
    assert "def nm_mask" in capsys.readouterr().out


def test_reveal_shows_the_reference_without_its_marks(capsys):
    fail("1.2", 2)
    guide.reveal("1.2")
    said = capsys.readouterr().out
    assert "def apply_mask" in said and "def bake_masks" in said
    assert "SOLUTION" not in said and "NotImplementedError" not in said


def test_reveal_never_breaks_a_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    fail("1.9", 2)
    guide.reveal("1.9")
    said = capsys.readouterr().out
    assert ast.dump(ast.parse(said)) == ast.dump(ast.parse(solution_of("1.9", "wanda_mask")))


# ------------------------------------------------------------ in a notebook


@pytest.fixture
def displayed(monkeypatch) -> list:
    """What a notebook shows."""
    shown = []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


def test_in_a_notebook_the_hints_told_so_far_are_folded_one_by_one(displayed, capsys):
    guide.hint("1.6")
    guide.hint("1.6")
    first, second = (shown._repr_html_() for shown in displayed)
    assert first.count("<details><summary>Hint ") == 1 and second.count("<details><summary>Hint ") == 2
    assert "becomes a row of its own" in first and "A stable sort" in second and "A stable sort" not in first
    assert capsys.readouterr().out == ""


def test_in_a_notebook_code_in_a_hint_is_code_and_the_last_says_how_to_go_on(displayed):
    for _ in range(3):
        guide.hint("1.6")
    page = displayed[-1]._repr_html_()
    assert "<code>reshape(-1, m)</code>" in page and "<summary>How to go on</summary>" in page
    assert "<code>minicompress reveal 1.6</code>" in page and "after 2 failed checks" in page


def test_in_a_notebook_the_reference_is_folded(displayed):
    fail("1.4", 2)
    guide.reveal("1.4")
    page = displayed[0]._repr_html_()
    assert page.startswith("<details><summary>The reference of 1.4") and "def sparsity_schedule" in page
    assert "def sparsity_schedule" in repr(displayed[0]) and "SOLUTION" not in page


def test_in_a_notebook_a_reference_asked_for_too_early_is_one_line_and_no_error(displayed, capsys):
    guide.reveal("1.6")
    said = capsys.readouterr().out
    assert "after 2 failed checks" in said and said.count("\n") == 1 and not displayed


def test_harder_variants_are_shown_when_it_is_solved(displayed, capsys):
    guide.more("1.4")
    assert "when it is solved" in capsys.readouterr().out and not displayed
    solve("1.4")
    guide.more("1.4")
    page = displayed[0]._repr_html_()
    assert page.startswith("<details>") and page.count("<li>") == len(exercise("1.4").variants)


def test_in_a_terminal_harder_variants_are_a_list(capsys):
    solve("1.4")
    guide.more("sparsity_schedule")
    said = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(f"- {variant}".split()) in said for variant in exercise("1.4").variants)


def test_an_exercise_without_harder_variants_says_so(capsys):
    guide.more("0.4")
    assert capsys.readouterr().out == "Exercise 0.4 has no harder variants.\n"


# ------------------------------------------------------------ the list


def test_the_list_holds_every_exercise(capsys):
    guide.list_exercises()
    said = capsys.readouterr().out
    assert all(f" {key} " in said and task.title in said for key, task in exercises().items())


def test_the_list_shows_points_earned_and_their_sum(capsys):
    solve("1.1", "1.6")
    guide.list_exercises()
    lines = capsys.readouterr().out.splitlines()
    first, other = (next(line for line in lines if f" {key} " in line) for key in ("1.1", "1.2"))
    earned = exercise("1.1").points + exercise("1.6").points
    assert f" {exercise('1.1').points} of {exercise('1.1').points} " in first and " 0 of 3 " in other
    total = sum(task.points for task in exercises().values())
    assert any("total" in line and f"{earned} of {total}" in line for line in lines)


def test_the_list_fits_80_columns(capsys):
    guide.list_exercises()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("text", ["def f(:", "\0", "(" * 10_000])
def test_a_file_that_cannot_be_read_does_not_stop_the_list(text, tmp_path, monkeypatch, capsys):
    file = tmp_path / "pruning.py"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(type(exercise("1.1")), "file", property(lambda task: file))
    guide.list_exercises()
    assert "unreadable" in capsys.readouterr().out
