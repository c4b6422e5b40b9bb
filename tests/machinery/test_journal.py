"""The journal of what was passed and told survives damage."""

import json
import os
import subprocess
import sys

import pytest

from minicompress.grading import journal


@pytest.mark.parametrize("damage", ["{", "[]", '{"passed": 3}', "\x00"])
def test_a_damaged_journal_counts_as_empty_and_is_replaced(damage):
    journal.FILE.parent.mkdir()
    journal.FILE.write_text(damage, encoding="utf-8")
    assert journal.read() == {"passed": {}, "hints": {}, "failed": {}, "predictions": {}}
    journal.write("hints", "0.1", 1)
    assert json.loads(journal.FILE.read_text(encoding="utf-8"))["hints"] == {"0.1": 1}
    assert list(journal.FILE.parent.iterdir()) == [journal.FILE]


def test_what_another_version_noted_stays():
    journal.FILE.parent.mkdir()
    journal.FILE.write_text('{"marks": [1], "passed": {"9.9": null}}', encoding="utf-8")
    journal.write("hints", "0.1", 1)
    kept = json.loads(journal.FILE.read_text(encoding="utf-8"))
    assert kept == {"marks": [1], "passed": {"9.9": None}, "hints": {"0.1": 1}}


def test_facts_are_added_to_those_there_are():
    journal.write("passed", "0.1", "today")
    journal.write("passed", "0.2", "later")
    assert journal.read()["passed"] == {"0.1": "today", "0.2": "later"}


def test_the_progress_of_several_people_on_one_machine_stands_in_files_that_they_name(tmp_path):
    named = tmp_path / "mine" / "progress.json"
    code = "from minicompress.grading import journal; journal.write('hints', '0.1', 2)"
    environment = os.environ | {"MINICOMPRESS_PROGRESS": str(named)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert json.loads(named.read_text(encoding="utf-8"))["hints"] == {"0.1": 2}
