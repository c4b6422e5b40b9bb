"""docs/projects.md tells what the leaderboard does."""

import re

import pytest

from minicompress.job import referee
from minicompress.job.projects import ACCURATE_BYTES, FAST_KEEPS, PROJECTS, SMALL_KEEPS
from minicompress.lab.paths import ROOT, results

TEXT = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")
BOUNDS = {
    "small": f"at least {SMALL_KEEPS:.0%}",
    "accurate": f"at most {ACCURATE_BYTES:,} bytes",
    "fast": f"at least {FAST_KEEPS:.0%}",
}


@pytest.mark.parametrize("project", PROJECTS)
def test_the_page_names_the_bound_of_each_project(project):
    assert re.search(rf"^\| `{project}` \|.*{BOUNDS[project]}", TEXT, re.M)


def test_the_page_names_how_much_text_and_how_many_rounds():
    assert f"at most {referee.PER_FILE} sequences of 256 tokens from each validation file" in TEXT
    assert referee.ROUNDS == 5 and "take turns, five times" in TEXT


@pytest.mark.parametrize("project, file", re.findall(r"^\| `(\w+)` \| `(assets/\S+)` \|", TEXT, re.M))
def test_the_file_to_begin_with_is_there_and_qualifies(project, file):
    """By the same measure in results/frontier.json, which is measured with each release."""
    size = (ROOT / file).stat().st_size
    name = file.rpartition("/")[2].removesuffix(".safetensors")
    row = next(row for row in results("frontier")["rows"] if row["name"] == name)
    bounds = PROJECTS[project]
    assert row["file_bytes"] == size and row["validation_accuracy_kept"] >= bounds.keeps
    assert bounds.most_bytes is None or size <= bounds.most_bytes


def test_every_project_has_a_file_to_begin_with():
    assert set(re.findall(r"^\| `(\w+)` \| `assets/", TEXT, re.M)) == set(PROJECTS)


def test_the_lines_that_show_the_bytes_of_a_file_run(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(re.search(r"```python\n(.*?)```", TEXT, re.S)[1], {})
    assert "embed_tokens" in capsys.readouterr().out
