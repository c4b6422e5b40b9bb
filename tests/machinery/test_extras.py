"""requirements-extras.lock: everything that the extras need, and nothing that moves or adds to the rest.

requirements.lock says which installed packages' text the teacher learned from. The extras stand apart.
"""

import importlib.metadata
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minicompress.lab.mixture import packages_of_lock_file
from minicompress.lab.paths import ROOT

EXTRAS = ROOT / "requirements-extras.lock"


def pins(path):
    """Name -> the pinned version, of the lines that hold on this machine."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    wanted = [Requirement(line) for line in lines if line]
    assert all([only.operator for only in each.specifier] == ["=="] for each in wanted)
    here = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in here}


BASE, EXTRA = pins(ROOT / "requirements.lock"), pins(EXTRAS)


def declared():
    """The requirements of pyproject.toml's extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]


def test_no_package_stands_in_both_files():
    assert not BASE.keys() & EXTRA.keys()


def test_no_extra_is_text_that_the_teacher_learns_from():
    learned = {canonicalize_name(name) for name in packages_of_lock_file(ROOT / "requirements.lock")}
    assert not learned & EXTRA.keys()


def test_the_extras_of_the_package_are_pinned_to_the_same_versions():
    assert {canonicalize_name(each.name): str(each.specifier) for each in declared()} == {
        name: f"=={EXTRA[name]}" for name in map(canonicalize_name, (each.name for each in declared()))
    }


@pytest.mark.parametrize("name", EXTRA)
def test_what_an_extra_requires_is_pinned_in_one_of_the_files(name):
    """It is installed without what it requires, so that nothing moves: whatever it requires must be there."""
    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("The extras are not installed: `make extras`.")
    assert importlib.metadata.version(name) == EXTRA[name]
    for each in wanted:
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            pinned = (BASE | EXTRA).get(canonicalize_name(each.name))
            assert pinned and each.specifier.contains(pinned), f"{name} requires {each}, pinned is {pinned}"
