"""How the answer to a check is shown."""

import re

import pytest
from rich.console import Console

from minicompress.grading import checking
from minicompress.grading import report as report_module
from minicompress.grading.course import exercise
from minicompress.grading.report import Outcome, Report

FLOATS = (
    "\ndef nm_mask(scores, n=2, m=4):\n    for i in range(30): print('seen', i)\n    return 1.0 * scores\n"
)


@pytest.fixture
def report(work, in_this_process) -> Report:
    """On an answer that prints thirty lines and is wrong."""
    return checking.examine(exercise("1.6"), work("1.6", FLOATS))


def test_what_the_learner_prints_is_shown_under_the_summary_and_not_without_end(report):
    last = [text for _, text in report.lines()][-1].splitlines()
    assert last == ["Your code printed, the last 20 of 30 lines:", *(f"  seen {i}" for i in range(10, 30))]


def test_tracebacks_come_one_a_grader(report):
    failed = [outcome.name for outcome in report.outcomes if not outcome.passed]
    assert len(report.details()) == len({name.partition("[")[0] for name in failed}) < len(failed)


def test_the_summary_comes_last(report, capsys):
    report.print(Console(), traceback=True)
    words = " ".join(capsys.readouterr().out.split())
    assert words.endswith(" ".join(report.lines()[-1][1].split()))


def test_a_shell_is_told_how_to_see_a_hint(report, capsys):
    report.print(Console(), traceback=False)
    assert capsys.readouterr().out.endswith("A hint: minicompress hint 1.6\n")


@pytest.mark.parametrize(("key", "offered"), [("1.4", True), ("1.6", False)])
def test_a_solved_exercise_offers_its_harder_variants(key, offered):
    report = Report(exercise(key), "pruning.py", 0.0, 1, [Outcome("a")])
    assert report.solved and (f'Harder variants: more("{key}").' in str(report)) == offered


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"], ids=["white", "dark"])
@pytest.mark.parametrize("style", report_module.COLOURS)
def test_every_colour_is_readable_on_white_and_on_jupyters_dark(style, ground):
    """The contrast of WCAG 2.2; for one colour on both grounds the most is 4.35."""
    colour = re.match(r"#\w{6}", report_module.COLOURS[style])[0]
    darker, lighter = sorted([luminance(colour), luminance(ground)])
    assert (lighter + 0.05) / (darker + 0.05) >= 4.2


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "5 s ago"), (150, "2 min ago"), (3 * 3600, "3 h ago"), (3 * 86400, "3 days ago")],
)
def test_the_time_of_saving_is_told(seconds, said, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1e9)
    checked = Report(exercise("1.6"), "pruning.py", 1e9 - seconds).checked
    assert checked.startswith("checked pruning.py, saved ") and checked.endswith(f"({said})")


def test_a_report_without_outcomes_is_not_solved():
    assert not Report(exercise("1.6"), "pruning.py", saved=0.0).solved


@pytest.mark.parametrize(
    "outcomes",
    [[], ["a"], ["a", "a"], ["a", "b", "c"], ["a", "b", "b"]],
    ids=["none", "too few", "one twice", "too many", "one once more"],
)
def test_solved_means_that_each_grader_ran_once(outcomes):
    report = Report(exercise("1.6"), "pruning.py", 0.0, 2, [Outcome(name) for name in outcomes])
    assert not report.solved and "All graders pass" not in report.reason


def test_trouble_is_never_solved():
    report = Report(exercise("1.6"), "pruning.py", 0.0, 1, [Outcome("a")], trouble="It did not end.")
    assert not report.solved and report.reason == "It did not end."


def test_a_failure_without_a_reason_still_has_a_sentence():
    report = Report(exercise("1.6"), "pruning.py", 0.0, 1, [Outcome("a", False, "the example")])
    assert report.reason == "the example fails."
