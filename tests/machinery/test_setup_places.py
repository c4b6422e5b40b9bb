"""Where the course runs besides a plain clone: conda, a dev container, Binder; the page that tells how."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from typer.main import get_command

from minicompress import cli
from minicompress.lab.paths import ROOT
from minicompress.setup import commands, environment
from minicompress.setup.python_checks import pins

PYTHONS = SpecifierSet(">={}.{},<{}.{}".format(*environment.OLDEST, *environment.TOO_NEW))
PAGE = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")


def conda(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["environment.yml", ".binder/environment.yml"])
def test_conda_brings_a_python_that_fits(name):
    version = next(line for line in conda(name)["dependencies"] if str(line).startswith("python="))
    assert version.split("=")[1] in PYTHONS and conda(name)["channels"] == ["conda-forge"]


def test_conda_installs_the_pinned_packages_and_the_course():
    (by_pip,) = [line["pip"] for line in conda("environment.yml")["dependencies"] if isinstance(line, dict)]
    assert by_pip == ["-r requirements.lock", "-e ."]


def test_binder_takes_torch_from_conda_without_cuda_and_everything_else_from_the_lock_file():
    assert "pytorch-cpu>=2.9" in conda(".binder/environment.yml")["dependencies"]
    script = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert "grep -v '^torch==' requirements.lock" in script
    installs = [line for line in script.splitlines() if "pip install" in line]
    assert len(installs) == 2 and all("--no-deps" in line for line in installs)


@pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="the script is for Binder's machines")
def test_binder_s_script_installs_all_but_torch_and_the_course(tmp_path):
    """With a `python` that notes what pip is given, and the lines of the file that it is given."""
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$@" >> "$NOTES"\ncase "$6" in -r) cat "$7" >> "$NOTES";; esac\n')
    fake.chmod(0o755)
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK)
    own = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "NOTES": str(tmp_path / "notes")}
    subprocess.run([script], cwd=ROOT, env=os.environ | own, check=True)
    lines = (tmp_path / "notes").read_text(encoding="utf-8").splitlines()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert lines[1:-1] == [line for line in lock if not line.startswith("torch==")]
    assert lines[-1].endswith("--no-build-isolation -e .")


def test_the_lock_file_is_complete_without_what_its_packages_require():
    pinned = {canonicalize_name(name): version for name, version in pins(ROOT / "requirements.lock").items()}
    for name in pinned.keys() - {"torch"}:
        for line in importlib.metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), f"{name}: {line}"


def test_the_dev_container_has_a_python_that_fits_and_sets_up_by_itself():
    folder = ROOT / ".devcontainer"
    facts = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    image = (folder / facts["build"]["dockerfile"]).read_text(encoding="utf-8")
    assert re.match(r"FROM python:(\d+\.\d+)", image)[1] in PYTHONS
    assert f"useradd --create-home --shell /bin/bash {facts['remoteUser']}\n" in image
    assert facts["postCreateCommand"] == environment.AGAIN
    variable = environment.TORCH_INDEX
    assert facts["containerEnv"] == {variable: f"${{localEnv:{variable}}}"}


# ------------------------------------------------------------ the page


def test_every_command_of_the_page_is_there():
    told = set(re.findall(r"(?:python3? -m |\n)minicompress (\w+)", PAGE))
    known = {*commands.COMMANDS, *get_command(cli.app).commands}
    assert told <= known and {"setup", "lab", "test", "run", "llm", "extras", "doctor", "check"} <= told


@pytest.mark.parametrize(
    "place",
    ["Linux", "macOS", "Windows", "conda", "Dev container", "Binder", "Colab", "When something fails"],
)
def test_each_place_has_a_section(place):
    assert f"\n## {place}\n" in PAGE


def test_the_index_of_torch_is_named_by_option_and_variable_and_filled_in_by_the_reader():
    assert "--torch-index ADDRESS" in PAGE and environment.TORCH_INDEX in PAGE
    assert "://" not in PAGE


def test_the_readme_points_to_the_page():
    assert "(docs/setup.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
