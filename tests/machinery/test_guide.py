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


def test_progress_counts_points_and_names_what_comes_next(capsys):
    journal.write("passed", "0.1", "today")
    guide.progress()
    said = capsys.readouterr().out
    assert "1 of 4" in said and f"{exercise('0.1').points} of " in said and "Next: 0.2" in said


@pytest.mark.parametrize("damage", ["{", "[]", '{"passed": 3}', '{"hints": {"0.1": "many"}}'])
def test_a_damaged_journal_is_not_fatal(damage, capsys):
    journal.FILE.parent.mkdir()
    journal.FILE.write_text(damage, encoding="utf-8")
    guide.progress()
    guide.hint("0.1")
    assert "Hint 1 of 3" in capsys.readouterr().out


def test_reveal_shows_the_reference_without_its_marks(capsys):
    guide.reveal("1.2")
    said = capsys.readouterr().out
    assert "def apply_mask" in said and "def bake_masks" in said
    assert "SOLUTION" not in said and "NotImplementedError" not in said


def test_reveal_never_breaks_a_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    guide.reveal("1.9")
    said = capsys.readouterr().out
    assert ast.dump(ast.parse(said)) == ast.dump(ast.parse(solution_of("1.9", "wanda_mask")))


def test_the_list_holds_every_exercise(capsys):
    guide.list_exercises()
    said = capsys.readouterr().out
    assert all(f" {key} " in said and task.title in said for key, task in exercises().items())
