"""The page of what is solved: it claims what the journal holds as passed, and needs no other file."""

import datetime
import html
import re
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from minicompress import cli
from minicompress.grading import certificate, journal
from minicompress.grading.course import exercise, exercises


def words(page: str) -> str:
    """What a reader of a page sees."""
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split())


def rows(page: str) -> list[list[str]]:
    """The cells of each row of all tables, headings aside."""
    lines = re.findall(r"<tr>(<td.*?)</tr>", page, re.S)
    return [[html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", line)] for line in lines]


def test_a_solved_exercise_stands_there_with_date_points_hints_and_predictions():
    journal.write("passed", "1.1", "2026-03-04T10:20:30")
    journal.write("hints", "1.1", 2)
    journal.write("predictions", "1.1", {"": 3, "share": 0.5, "why": "ties"})
    title, points = exercise("1.1").title, exercise("1.1").points
    assert rows(certificate.as_page()) == [["1.1", title, "2026-03-04", str(points), "2", "3"]]


def test_what_was_not_passed_is_not_claimed():
    """Hints, predictions and failed checks of an exercise are no claim; nor is an id that is no exercise."""
    journal.write("passed", "9.9", "2026-03-04T10:20:30")
    for key, value in (("hints", 3), ("predictions", {"": 1}), ("failed", 5)):
        journal.write(key, "1.6", value)
    page = certificate.as_page()
    assert rows(page) == [] and exercise("1.6").title not in page and "9.9" not in page
    possible = sum(task.points for task in exercises().values())
    assert f"0 of {len(exercises())} exercises solved, 0 of {possible} points." in words(page)


def test_each_chapter_and_the_whole_say_how_much_is_solved():
    for key in ("0.1", "0.2", "1.1"):
        journal.write("passed", key, "2026-03-04T10:20:30")
    journal.write("hints", "0.1", 1)
    seen = words(certificate.as_page())
    assert f"3 of {len(exercises())} exercises solved, 5 of" in seen
    assert "Chapter 0: metrics 2 of 4 exercises solved, 3 of 5 points, with 1 hint and 0 predictions." in seen
    assert "Chapter 2: structured pruning 0 of 7 exercises solved" in seen


def test_today_stands_on_the_page():
    assert datetime.date.today().isoformat() in words(certificate.as_page())


@pytest.mark.parametrize("when", [None, 3, "yesterday", "<b>", ["2027"]])
def test_a_time_that_cannot_be_read_is_no_date(when):
    journal.write("passed", "0.1", when)
    assert rows(certificate.as_page())[0][2] == "no date noted"


def test_an_odd_number_of_hints_is_at_most_the_hints_there_are():
    journal.write("passed", "0.1", "2026-03-04T10:20:30")
    journal.write("hints", "0.1", 10**30)
    assert rows(certificate.as_page())[0][4] == "3"


def test_a_name_is_shown_as_it_is_and_starts_no_script():
    page = certificate.as_page('Zoë <script>alert("x")</script>')
    assert "<script" not in page and 'the progress of Zoë <script>alert("x")</script>' in html.unescape(page)
    assert " of " not in re.search("<title>(.*)</title>", certificate.as_page())[1].partition(":")[2]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_an_empty_or_endless_name_is_refused(name):
    with pytest.raises(ValueError, match="a name has 1 to 100 characters"):
        certificate.as_page(name)


class Checker(HTMLParser):
    """Notes addresses, and whether every element is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses = [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_html_that_loads_nothing():
    journal.write("passed", "0.1", "2026-03-04T10:20:30")
    checker = Checker()
    checker.feed(certificate.as_page("Ada"))
    assert not checker.open and not checker.addresses


def test_the_page_is_light_or_dark_as_the_reader_likes_and_light_on_paper():
    page = certificate.as_page()
    assert "prefers-color-scheme: dark" in page and "color-scheme: light dark" in page
    assert "only light" in page.partition("@media print")[2]


def test_the_command_writes_the_page(tmp_path):
    journal.write("passed", "0.1", "2026-03-04T10:20:30")
    file = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(cli.app, ["progress", "--html", str(file), "--name", "Ada"])
    assert done.exit_code == 0 and str(file) in done.output.replace("\n", "")
    assert "the progress of Ada" in file.read_text(encoding="utf-8")


def test_a_name_without_a_page_is_refused():
    done = CliRunner().invoke(cli.app, ["progress", "--name", "Ada"])
    assert isinstance(done.exception, ValueError) and "give --html FILE too" in str(done.exception)
