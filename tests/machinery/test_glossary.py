"""docs/glossary.md: sorted, each term once, in two languages, with an exercise that there is."""

import re

import pytest

from minicompress.grading.course import exercises
from minicompress.lab.paths import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| (?!term|---)", line)]
HANGUL = re.compile("[\uac00-\ud7a3]")


def test_there_are_about_sixty_terms_of_four_cells():
    assert 60 <= len(ROWS) <= 90 and {len(row) for row in ROWS} == {4}


def test_the_terms_are_sorted_and_each_stands_there_once():
    terms = [row[0].lower() for row in ROWS]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_term_has_a_korean_word_a_meaning_of_one_or_two_sentences_and_an_exercise(row):
    term, korean, meaning, met = row
    assert HANGUL.search(korean) and not HANGUL.search(term + meaning)
    assert met in exercises()
    assert len(re.findall(r"[.?](?= [A-Z]|$)", meaning)) in (1, 2) and meaning.endswith("."), meaning
    assert len(meaning) <= 170


def test_every_chapter_with_exercises_has_terms():
    assert {row[3].partition(".")[0] for row in ROWS} == {task.chapter for task in exercises().values()}


def test_no_two_terms_have_the_same_korean_word():
    words = [row[1] for row in ROWS]
    assert len(set(words)) == len(words)
