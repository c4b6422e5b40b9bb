"""JupyterLab opens with a chapter's notebook on the left and its module on the right."""

import json

import pytest
from jupyterlab.labapp import LabApp
from jupyterlab_server.workspaces_handler import WorkspacesManager

from minicompress.grading import journal, workspace
from minicompress.grading.course import exercises
from minicompress.lab.paths import ROOT

WORKSPACES = workspace.FOLDER  # before a test puts its own in place


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The tests keep workspaces of their own."""
    monkeypatch.setattr(workspace, "FOLDER", tmp_path / "workspaces")


def opened(chapter: str) -> dict:
    """What JupyterLab finds under the name that stands in its address."""
    workspace.write_workspace(chapter)
    manager = WorkspacesManager(str(workspace.FOLDER))
    return manager.load(workspace.workspace_name(chapter))["data"]


def areas(data: dict) -> list[list[str]]:
    """The tabs of each part of the window, from left to right."""
    return [area["widgets"] for area in data["layout-restorer:data"]["main"]["dock"]["children"]]


def test_the_notebook_is_left_and_the_module_right():
    expected = [["notebook:notebooks/01_pruning.ipynb"], ["editor:minicompress/pruning.py"]]
    assert areas(opened("01")) == expected


def test_two_modules_of_a_chapter_share_the_right_side():
    assert areas(workspace.layout("a.ipynb", ["b.py", "c.py"]))[1] == ["editor:b.py", "editor:c.py"]


@pytest.mark.parametrize("chapter", workspace.chapters())
def test_every_chapter_opens_files_that_exist(chapter):
    data = opened(chapter)
    files = [data[name]["data"]["path"] for area in areas(data) for name in area]
    assert files[0].startswith(f"notebooks/{chapter}_") and all((ROOT / file).is_file() for file in files)


def test_a_chapter_without_exercises_opens_its_notebook_alone():
    data = opened("07")
    assert areas(data) == [["notebook:notebooks/07_real_llm.ipynb"]]
    assert data["layout-restorer:data"]["main"]["dock"]["sizes"] == [1.0]


def test_a_workspace_names_no_folder_of_this_machine():
    assert str(ROOT) not in workspace.write_workspace("01").read_text(encoding="utf-8")


def test_the_file_browser_begins_at_the_root():
    assert opened("01")["file-browser-filebrowser:cwd"] == {"path": ""}


@pytest.mark.parametrize("left", ["{", '{"data": {}, "metadata": {"id": "chapter-01"}}'])
def test_what_is_left_of_the_last_time_is_replaced(left):
    workspace.write_workspace("01").write_text(left, encoding="utf-8")
    assert len(areas(opened("01"))) == 2


def test_workspaces_are_not_committed():
    kept = WORKSPACES.relative_to(ROOT).parts[0]
    assert f"{kept}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", ["1", "01"])
def test_a_chapter_is_named_with_or_without_its_zero(name):
    assert workspace.chapter_named(name) == "01"


@pytest.mark.parametrize("name", ["8", "pruning", "-1"])
def test_an_unknown_chapter_is_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match=f"'{name}': use one of 00, 01, 02, 03, 04, 05, 06, 07"):
        workspace.chapter_named(name)


def test_a_translated_chapter_opens_in_its_language():
    workspace.write_workspace("01", "ko")
    manager = WorkspacesManager(str(workspace.FOLDER))
    data = manager.load(workspace.workspace_name("01"))["data"]
    assert areas(data)[0] == ["notebook:notebooks/ko/01_pruning.ipynb"]


def test_a_chapter_that_is_not_translated_opens_in_english():
    assert workspace.tabs("05", "ko")[0] == "notebooks/05_quantization.ipynb"


def test_an_unknown_language_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="no notebooks in 'kr': use one of en, ko"):
        workspace.notebook_in("01", "kr")


def passed(*chapters: str) -> None:
    """Note all exercises of these chapters but the stretch ones."""
    for task in exercises().values():
        if task.chapter in chapters and not task.stretch:
            journal.write("passed", task.id, "2026-01-01T00:00:00")


@pytest.mark.parametrize(
    ("done", "first"), [([], "00"), (["0"], "01"), (["0", "1", "3"], "02"), (list("0123456"), "00")]
)
def test_the_first_chapter_with_something_unsolved_opens(done, first):
    passed(*done)
    assert workspace.first_unsolved() == first


def test_jupyterlab_gets_the_root_the_workspace_and_the_learners_own_options(monkeypatch):
    words = []
    monkeypatch.setattr(LabApp, "launch_instance", words.extend)
    workspace.start("01", "en", ["--no-browser"])
    assert f"--ServerApp.root_dir={ROOT}" in words and words[-1] == "--no-browser"
    assert "--LabApp.default_url=/lab/workspaces/chapter-01" in words
    assert f"--LabApp.workspaces_dir={workspace.FOLDER}" in words and list(workspace.FOLDER.iterdir())


def test_the_file_browser_shows_first_what_learners_work_in():
    hidden = [word.partition("hide_globs=")[2] for word in workspace.options("01")]
    assert "__pycache__" in hidden, "what Jupyter hides stays hidden"
    folders = ("minicompress", "notebooks", "assets", "benchmarks", "results", "solutions", "tests")
    assert sorted(set(folders) - set(hidden))[:2] == ["minicompress", "notebooks"]
    assert not {"solutions", "tests"} & set(hidden), "the specification can be read"


def test_a_workspace_is_plain_json():
    content = json.loads(workspace.write_workspace("00").read_text(encoding="utf-8"))
    assert set(content) == {"data", "metadata"} and content["metadata"]["id"] == "chapter-00"
