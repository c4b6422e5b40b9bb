"""A learner's way in JupyterLab, in a browser: run all, read what is to do, write it, run all again."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import snippets

from minicompress.grading import stubs
from minicompress.grading.course import exercise
from minicompress.lab.paths import ROOT, SOLUTIONS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 300  # seconds: no one waits so long, and a busy machine does not fail a test
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/lab/workspaces/\S+")
OWN_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
PREFERENCES = {
    "notification": '{"fetchNews": "false", "checkForUpdates": false}',  # nothing needs the network
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOLUTIONS.is_dir(), reason="A student's copy has no reference."),
    pytest.mark.skipif(
        CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="No Chromium or no playwright (requirements-site.lock) here.",
    ),
]


def write_solution(folder: Path, key: str) -> None:
    """Write one exercise into the module of a copy, whose other exercises stay as they are."""
    file = folder / "minicompress" / f"{exercise(key).module}.py"
    text = file.read_text(encoding="utf-8")
    for name in exercise(key).names:
        text = text.replace(stubs.definitions(text)[name], snippets.solution_of(key, name))
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def repository(fresh_package):
    """A copy of the course as it is when chapter 00 is done: its notebooks too, which JupyterLab saves."""
    shutil.copytree(ROOT / "notebooks", fresh_package / "notebooks")
    write_solution(fresh_package, "0.1")
    return fresh_package


@pytest.fixture
def own_settings(repository, tmp_path_factory):
    """The copy as if it were installed, without the reference; settings of JupyterLab for the test alone."""
    own = {name: str(tmp_path_factory.mktemp(name.lower())) for name in OWN_FOLDERS}
    folder = Path(own["JUPYTER_CONFIG_DIR"], "lab", "user-settings", "@jupyterlab", "apputils-extension")
    folder.mkdir(parents=True)
    for name, text in PREFERENCES.items():
        (folder / f"{name}.jupyterlab-settings").write_text(text, encoding="utf-8")
    return own | {"MINICOMPRESS_SOLUTIONS": "0", "PYTHONPATH": str(repository)}


@pytest.fixture
def address(repository, own_settings, tmp_path_factory):
    """Start what `make lab CHAPTER=01` starts. The address that it prints, with its token."""
    words = ["lab", "--chapter", "01", "--no-browser", "--ip", "127.0.0.1", "--port", "0", "--allow-root"]
    log = tmp_path_factory.mktemp("log") / "lab.log"
    with log.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "minicompress.cli", *words],
            cwd=repository, env=os.environ | own_settings, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield printed_address(started, log)
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()


def printed_address(started: subprocess.Popen, log: Path) -> str:
    """Wait until JupyterLab says where it is."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and started.poll() is None:
        if found := ADDRESS.search(log.read_text(encoding="utf-8", errors="replace")):
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture
def tab(address):
    """JupyterLab in a tab, its kernel idle."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1600, "height": 900})
        tab.set_default_timeout(1000 * PATIENCE)
        tab.goto(address)
        idle(tab)
        yield tab
        browser.close()


def idle(tab) -> None:
    """Wait until the status bar says that the kernel has nothing to do."""
    tab.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()


def run_all(tab) -> None:
    """Choose Run > Run All Cells."""
    tab.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    tab.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()


def cell(tab, source: str):
    """The code cell that holds this source, brought into view."""
    found = tab.locator(".jp-Notebook .jp-CodeCell", has=tab.locator(".jp-InputArea", has_text=source))
    found.scroll_into_view_if_needed()
    return found


def sees(tab, source: str, text: str) -> str:
    """Wait until this text stands below a code cell. All that stands there then.

    (It may be out of view again: 'Run all' ends at the last cell. `inner_text` is empty for such a cell.)
    """
    output = cell(tab, source).locator(".jp-OutputArea").filter(has_text=text)
    output.wait_for()
    return output.text_content()


def test_run_all_says_what_to_write_and_once_it_is_written_that_it_is_solved(tab, repository):
    run_all(tab)
    box = sees(tab, 'check("1.1")', "Unsolved: see above.")  # the error comes when the box stands
    assert "Exercise 1.1 is not written yet" in box and "solved." not in box, "the committed output is gone"
    assert "magnitude_mask in minicompress/pruning.py" in box
    idle(tab)
    write_solution(repository, "1.1")
    run_all(tab)
    box = sees(tab, 'check("1.1")', "solved.")
    assert "Unsolved" not in box and "the reference" not in box, "it is the learner's own file that passes"
    box = sees(tab, 'check("1.2")', "Unsolved: see above.")
    assert "Exercise 1.2 is not written yet" in box, "the next thing to do"
