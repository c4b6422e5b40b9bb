"""Reading what a grading process wrote down: whatever stands in the file, nothing is raised."""

import json

import pytest

from minicompress.grading.events import head, read_events, tail
from minicompress.grading.report import Outcome

GOOD = [
    {"importing": True},
    {"graders": 1},
    {"running": "the example"},
    {"outcome": {"name": "a", "passed": False, "reason": "It is 3."}},
    {"finished": True},
    {"mistake": "It was 4."},
]


@pytest.fixture
def read(tmp_path):
    """Read the good events with a line of junk after each."""

    def read_with(junk: bytes):
        lines = [json.dumps(event).encode() for event in GOOD]
        (tmp_path / "events").write_bytes(b"".join(line + b"\n" + junk + b"\n" for line in lines))
        return read_events(tmp_path / "events")

    return read_with


JUNK = [
    b"", b"3", b"null", b"[]", b'[{"graders": 3}]', b'"text"', b"{", b"\0\0\0", b"\xff\xfe",
    b"[" * 100_000, b"9" * 9000,
    b'{"outcome": 3}', b'{"outcome": []}', b'{"outcome": {}}', b'{"outcome": {"name": 3}}',
    b'{"outcome": {"passed": true}}',
    b'{"outcome": {"name": "b", "colour": "red"}}', b'{"outcome": {"name": "b", "passed": 1}}',
    b'{"graders": "x"}', b'{"graders": null}', b'{"running": {}}', b'{"finished": 0}',
    b'{"mistake": [1]}', b'{"note": 3}', b'{"hung": 3}', b'{"hung": []}',
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_passed_over(read, junk):
    told = read(junk)
    assert told.outcomes == [Outcome("a", False, reason="It is 3.")] and told.total == 1
    assert told.finished and told.running == "the example" and told.mistake == "It was 4."


@pytest.mark.parametrize(
    "hung", [b'{"hung": {}}', b'{"hung": {"names": 3}}', b'{"hung": {"names": [[], 3]}}']
)
def test_a_hang_without_a_place_is_a_hang_all_the_same(read, hung):
    told = read(hung)
    assert told.hung and not told.idle and told.total == 1


def test_where_a_crash_happened_is_kept(read):
    told = read(
        b'Fatal Python error: Aborted\n  File "pruning.py", line 3 in nm_mask\nExtension modules: numpy'
    )
    assert told.names[0] == "nm_mask" and "line 3" in told.trace and "numpy" not in told.trace


def test_what_a_terminal_obeys_or_cannot_show_is_replaced(read):
    told = read(rb'{"outcome": {"name": "b", "reason": "\u001b[2J\ud800\n"}}')
    (reason,) = {outcome.reason for outcome in told.outcomes if outcome.name == "b"}
    assert reason == "\ufffd[2J?\n" and reason.encode("utf-8")


def test_a_file_that_is_not_there_says_nothing(tmp_path):
    assert read_events(tmp_path / "none").total == 0 and tail(tmp_path / "none") == ""


def test_long_files_are_not_read_whole(tmp_path):
    (tmp_path / "file").write_text("a" * 10 + "b" * 10, encoding="utf-8")
    assert head(tmp_path / "file", 3) == "aaa" and tail(tmp_path / "file", 3) == "bbb"
