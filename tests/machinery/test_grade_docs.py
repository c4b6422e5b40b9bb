"""The page for teachers, and the files that go with it, name what is there."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from minicompress import cli
from minicompress.classroom.formats import FORMATS
from minicompress.lab.paths import ROOT
from minicompress.setup.environment import TORCH

PAGE = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
SCRIPTS = ("classroom/gradescope/setup.sh", "classroom/gradescope/run_autograder")


def test_the_page_names_every_format_and_only_files_that_exist():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M)) == set(FORMATS)
    named = re.findall(r"\b(?:classroom|minicompress|tests)/[\w./]+\w", PAGE)
    assert len(named) > 5 and not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("command", ["grade", "grade-all", "release"])
def test_the_commands_of_the_page_are_commands(command):
    assert f"minicompress {command} " in PAGE
    told = CliRunner().invoke(cli.app, [command, "--help"])
    assert told.exit_code == 0


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_are_bash_and_may_be_run(script):
    assert subprocess.run(["bash", "-n", ROOT / script]).returncode == 0
    assert (ROOT / script).stat().st_mode & 0o111


def test_the_autograder_calls_grade_with_options_that_it_has():
    words = (ROOT / SCRIPTS[1]).read_text(encoding="utf-8").split("minicompress grade ")[1].split()
    assert words[1::2] == ["--out", "--format"] and words[-1] in FORMATS
    help = CliRunner().invoke(cli.app, ["grade", "--help"]).output
    assert all(option in help for option in words[1::2])


def test_the_workflow_grades_without_the_token_in_the_environment():
    text = (ROOT / "classroom" / "ci" / "grade.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["grade"]["steps"]
    grading = next(step for step in steps if "grade-all" in step.get("run", ""))
    assert "secrets." not in str(grading)


def test_the_container_and_the_autograder_install_the_torch_that_the_course_does():
    for name in ("classroom/Containerfile", SCRIPTS[0]):
        assert f" {TORCH}" in (ROOT / name).read_text(encoding="utf-8")
