"""The leaderboard of the open projects: its order, its table in a file, and its command."""

import json
import sys

import pytest
from rich.console import Console

from minicompress import cli
from minicompress.job import leaderboard, referee
from minicompress.job.leaderboard import Board, enter, read_board
from minicompress.job.projects import PROJECTS, Entry, check_accuracy, check_bytes


def entry(name: str, file_bytes: int = 1000, kept: float = 0.96, speed: float = 2.0) -> Entry:
    return Entry(name, name.encode().hex(), file_bytes, kept, speed)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "leaderboard.json"


# ------------------------------------------------------------ who qualifies


def test_small_asks_for_95_percent_and_fast_for_90_both_included():
    check_accuracy("small", 0.95)
    check_accuracy("fast", 0.90)
    with pytest.raises(ValueError, match=r"keeps 94\.99% .*, and the project 'small' asks for 95%"):
        check_accuracy("small", 0.949999)
    with pytest.raises(ValueError, match=r"keeps 89\.00% .*, and the project 'fast' asks for 90%"):
        check_accuracy("fast", 0.89)


def test_accurate_allows_150000_bytes_and_asks_for_no_accuracy():
    check_bytes("accurate", 150_000)
    check_accuracy("accurate", 0.0)
    with pytest.raises(ValueError, match="has 150,001 bytes, and the project 'accurate' allows 150,000"):
        check_bytes("accurate", 150_001)


# ------------------------------------------------------------ the order

THREE = [
    entry("tiny", 900, kept=0.951, speed=1.5),
    entry("good", 1200, kept=0.99, speed=2.0),
    entry("quick", 1500, kept=0.96, speed=9.0),
]


@pytest.mark.parametrize(
    ("project", "order"),
    [("small", "tiny good quick"), ("accurate", "good quick tiny"), ("fast", "quick good tiny")],
)
def test_the_best_of_a_project_comes_first(project, order):
    board = Board()
    for one in THREE:
        board = board.with_entry(project, one)
    assert [one.name for one in board.ranked(project)] == order.split()


def test_of_equally_small_files_the_more_accurate_comes_first():
    board = Board().with_entry("small", entry("a", kept=0.951)).with_entry("small", entry("b", kept=0.96))
    assert [one.name for one in board.ranked("small")] == ["b", "a"]


def test_an_entry_of_one_project_stands_in_no_other():
    board = Board().with_entry("small", entry("a"))
    assert not board.ranked("fast") and len(board.ranked("small")) == 1


# ------------------------------------------------------------ the table in a file


def test_what_was_entered_is_read_again(path):
    enter(path, "small", THREE[0], "text")
    enter(path, "small", THREE[1], "text")
    assert read_board(path).ranked("small") == THREE[:2]
    assert read_board(path).text == "text" and read_board(path).python == sys.version.split()[0]


def test_the_same_file_twice_is_one_entry_as_it_was_measured_last(path):
    enter(path, "fast", Entry("first", "abc", 1000, 0.91, 2.0), "text")
    enter(path, "fast", Entry("renamed", "abc", 1000, 0.91, 2.5), "text")
    assert read_board(path).ranked("fast") == [Entry("renamed", "abc", 1000, 0.91, 2.5)]


def test_entries_measured_on_another_text_are_not_mixed(path):
    enter(path, "small", THREE[0], "text of Python 3.11")
    with pytest.raises(ValueError, match="measured on other text.* name another file with --table"):
        enter(path, "small", THREE[1], "text of Python 3.12")
    assert read_board(path).ranked("small") == THREE[:1]


def test_a_kill_while_writing_leaves_the_old_table(path, monkeypatch):
    enter(path, "small", THREE[0], "text")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        enter(path, "small", THREE[1], "text")
    assert read_board(path).ranked("small") == THREE[:1]
    assert [left.name for left in path.parent.iterdir()] == [path.name]


def whole_table() -> dict:
    return {
        "text": "t",
        "python": "3",
        "projects": {name: [entry("a")._asdict()] for name in PROJECTS},
    }


def damaged(**changes: object) -> str:
    """A table whose first entry has these values."""
    facts = whole_table()
    facts["projects"]["small"][0] |= changes
    return json.dumps(facts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(whole_table() | {"projects": {}}),
        json.dumps(whole_table() | {"text": 1}),
        damaged(file_bytes="12"),
        damaged(accuracy_kept=float("nan")),
        damaged(relative_speed=True),
        damaged(name="\x1b[2J"),
        damaged(digest="\x1b[2J"),
        damaged(further=1),
    ],
)
def test_a_damaged_table_is_refused_in_one_sentence_and_left_as_it_is(text, path):
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="is no leaderboard, and stays as it is") as caught:
        enter(path, "small", THREE[0], "t")
    assert len(str(caught.value).splitlines()) == 1
    assert path.read_text(encoding="utf-8") == text


def test_the_table_that_these_damages_began_with_is_whole(path):
    path.parent.mkdir()
    path.write_text(damaged(), encoding="utf-8")
    assert read_board(path).ranked("fast") == [entry("a")]


def test_the_table_shows_places_bytes_shares_and_speeds():
    board = Board().with_entry("small", THREE[1]).with_entry("small", THREE[0])
    console = Console(record=True, width=80)
    console.print(leaderboard.shown(board, "small"))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["1", "tiny", "900", "95.10%", "1.50x", THREE[0].digest[:12]] in lines
    assert ["2", "good", "1,200", "99.00%", "2.00x", THREE[1].digest[:12]] in lines


def test_what_one_file_lacks_stops_no_other(path, tmp_path):
    def judge(file):
        if file.name == "bad":
            raise ValueError("bad: too large")
        return entry(file.name)

    files = [tmp_path / name for name in ("a", "bad", "b")]
    assert leaderboard.run(files, "small", path, "text", judge) == ["bad: too large"]
    assert {one.name for one in read_board(path).ranked("small")} == {"a", "b"}


# ------------------------------------------------------------ the command


@pytest.fixture
def command(monkeypatch, capsys, path):
    """`minicompress leaderboard ...` without the real teacher: exit code, stdout, stderr."""

    def judged(file, project, referee, name):
        if file.stem == "bad":
            raise ValueError(f"{file.name}: it keeps too little")
        return entry(name or file.stem)

    court = type("Court", (), {"text": "text"})
    monkeypatch.setattr(referee, "course_referee", lambda: court)
    monkeypatch.setattr(referee, "judged", judged)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["minicompress", "leaderboard", *words, "--table", str(path)])
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")  # main sets these two where they are not set
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_a_file_that_qualifies_ends_with_0_and_is_shown(command):
    code, out, err = command("a.safetensors", "--project", "small", "--name", "my file")
    assert code == 0 and "my file" in out and not err


def test_a_file_that_does_not_qualify_ends_with_1_and_the_reason(command):
    code, out, err = command("a.safetensors", "bad.safetensors", "--project", "fast")
    assert code == 1 and "a" in out.split()
    assert err == "minicompress: not in the table: bad.safetensors: it keeps too little\n"


def test_without_a_file_the_table_is_shown_and_nothing_written(command, path):
    code, out, _ = command("--project", "accurate")
    assert code == 0 and PROJECTS["accurate"].goal in " ".join(out.split()) and not path.exists()


@pytest.mark.parametrize("files", [[], ["a", "b"]])
def test_a_name_is_for_one_file(command, files):
    code, _, err = command(*files, "--project", "small", "--name", "x")
    assert code == 2 and f"--name is for a single file, got {len(files)}" in err


def test_an_unknown_project_is_answered_with_those_there_are(command):
    code, _, err = command("--project", "tiny")
    assert code == 2 and all(name in err for name in PROJECTS)
