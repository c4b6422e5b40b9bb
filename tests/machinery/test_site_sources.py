"""What the reading site is made of, before Sphinx sees it: packages, pages, links, folds, docstrings."""

import importlib.metadata
import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_extras import BASE, EXTRA, pins

from minicompress.lab.paths import CHAPTERS, ROOT
from website import __main__ as command
from website.docstrings import as_restructured_text
from website.reading import anchor, exercise_line
from website.reference import given_modules
from website.sources import gather, linked, listed_files, notebook

SITE = pins(ROOT / "requirements-site.lock")


# ---------------------------------------------------------------- packages


def test_the_sites_packages_move_none_of_the_courses():
    assert not SITE.keys() & BASE.keys()
    assert all(SITE[name] == EXTRA[name] for name in SITE.keys() & EXTRA.keys())


@pytest.mark.parametrize("name", SITE)
def test_what_a_package_of_the_site_requires_is_pinned(name):
    """It is installed without what it requires, so that nothing moves: whatever it requires must be there."""
    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("The site's packages are not installed: `make site`.")
    assert importlib.metadata.version(name) == SITE[name]
    for each in wanted:
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            pinned = (BASE | SITE).get(canonicalize_name(each.name))
            assert pinned and each.specifier.contains(pinned), f"{name} requires {each}, pinned is {pinned}"


def test_without_its_packages_the_command_says_what_to_run(monkeypatch, capsys):
    monkeypatch.setattr(command, "NEEDED", ("sphinx_of_nowhere",))
    assert command.main([]) == 2
    assert (
        "sphinx_of_nowhere must be installed for this: run `python -m minicompress site`"
        in capsys.readouterr().err
    )


def test_a_folder_that_is_no_site_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr(command, "NEEDED", ())
    assert command.main([str(tmp_path)]) == 1
    assert "exists and is no site" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


# ---------------------------------------------------------------- pages


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    gather(folder)
    return folder


def test_each_notebook_each_guide_and_each_module_stands_in_the_contents_once(gathered):
    contents = (gathered / "index.md").read_text(encoding="utf-8").splitlines()
    guides = set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "teaching.md"}
    pages = [path.relative_to(ROOT).with_suffix("") for path in guides]
    pages += [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "notebooks").glob("*.ipynb")]
    pages += [Path("api", chapter) for chapter in CHAPTERS]
    pages += [Path("api", "lab", module) for module in given_modules()]
    assert {page.as_posix(): contents.count(page.as_posix()) for page in pages} == {
        page.as_posix(): 1 for page in pages
    }


def test_the_guide_for_teachers_which_has_answers_is_on_no_page(gathered):
    assert (ROOT / "docs" / "teaching.md").is_file() and not list(gathered.rglob("teaching*"))


def test_the_start_page_begins_with_the_readme(gathered):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    without_link = readme.replace("[한국어](README.ko.md)\n\n", "")
    assert without_link != readme, "each page of the site has a button for that"
    assert (gathered / "index.md").read_text(encoding="utf-8").startswith(without_link[:200])


def test_a_notebook_comes_with_the_outputs_that_were_committed(gathered):
    for path in listed_files()["Notebooks"][1:]:
        before, after = (json.loads((at / path).read_text(encoding="utf-8")) for at in (ROOT, gathered))
        for cell, shown in zip(before["cells"], after["cells"], strict=True):
            assert cell.get("outputs") == shown.get("outputs")


def test_the_modules_that_are_given_are_those_that_the_course_imports_or_links():
    assert {"calibration", "corpus", "diagrams", "checks", "qat"} <= set(given_modules())
    assert not {"llm_tables", "llm_loudness", "quantization_figures"} & set(given_modules())


# ---------------------------------------------------------------- links and folds

PAGES = {
    Path("README.md"): Path("index.md"),
    Path("docs/use.md"): Path("docs/use.md"),
    Path("minicompress/lab/corpus.py"): Path("api/lab/corpus.md"),
}


@pytest.mark.parametrize(
    ("target", "becomes"),
    [
        ("../README.md", "../index.md"),
        ("../docs/use.md", "../docs/use.md"),
        ("../minicompress/lab/corpus.py", "../api/lab/corpus.md"),
        ("nowhere.md", "nowhere.md"),
    ],
)
def test_a_link_leads_to_the_page_of_its_file(tmp_path, target, becomes):
    readme = Path("notebooks/README.md")
    assert linked(target, tmp_path, readme, PAGES | {readme: readme}) == becomes
    assert not list(tmp_path.iterdir())


def test_a_linked_file_that_is_no_page_comes_along(tmp_path):
    readme = Path("notebooks/README.md")
    pages = PAGES | {readme: readme}
    assert linked("../course.toml", tmp_path, readme, pages) == "../course.toml"
    assert linked("../assets/bert/README.md", tmp_path, readme, pages) == "../assets/bert/README.md.txt"
    for name, copy in {
        "course.toml": "course.toml",
        "assets/bert/README.md": "assets/bert/README.md.txt",
    }.items():
        assert (tmp_path / copy).read_bytes() == (ROOT / name).read_bytes()


def cell(kind: str, source: str, **metadata: object) -> dict:
    return {"cell_type": kind, "source": [source], "metadata": metadata}


def test_what_was_folded_in_jupyterlab_is_folded_and_links_are_those_of_text_alone():
    cells = [
        cell("code", "a](b)", jupyter={"outputs_hidden": True}, tags=["kept"]),
        cell("code", "c", jupyter={"source_hidden": True, "outputs_hidden": False}),
        cell("markdown", "see"),
    ]
    folded, hidden, text = json.loads(notebook(json.dumps({"cells": cells}), str.upper))["cells"]
    assert folded["metadata"]["tags"] == ["kept", "hide-output"] and folded["source"] == ["a](b)"]
    assert hidden["metadata"]["tags"] == ["hide-input"]
    assert text["source"] == "SEE" and "tags" not in text["metadata"]


def test_a_heading_has_the_anchor_that_jupyter_gives_it():
    assert anchor("What do bits cost the model?") == "What-do-bits-cost-the-model?"


# ---------------------------------------------------------------- docstrings


def test_wrapped_lines_are_one_paragraph_and_a_rule_that_begins_anew_is_a_line():
    text = "Mask the smallest magnitudes: exactly half of\nthe entries.\nValueError: no weight."
    assert as_restructured_text(text) == [
        "| Mask the smallest magnitudes: exactly half of the entries.",
        "| ValueError: no weight.",
        "",
    ]


def test_what_means_something_in_restructured_text_is_escaped_and_backticks_are_code():
    text = "alpha * T^2 || x_, as `a * b` or `c`s"
    assert as_restructured_text(text)[0] == r"alpha \* T^2 \|\| x\_, as ``a * b`` or ``c``\ s"


def test_a_list_stays_a_list():
    assert as_restructured_text("Kept:\n\n- a layer\n  that is tied;\n- another.") == [
        *("Kept:", ""),
        *("- a layer that is tied;", ""),
        *("- another.", ""),
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("    x = f(y)\n        more", "python"),
        ("soft    the first\n        loss\nhard    the second", "text"),
    ],
    ids=["indented", "in columns"],
)
def test_formulas_and_columns_stay_as_they_were_typed(text, language):
    least = len(text) - len(text.lstrip())
    kept = [f"   {line[least:]}" for line in text.split("\n")]
    assert as_restructured_text(f"So:\n\n{text}")[2:] == [f".. code-block:: {language}", "", *kept, ""]


def test_a_function_names_its_exercise_and_a_helper_none():
    assert exercise_line("minicompress.pruning.bake_masks")[0] == (
        ":doc:`Exercise 1.2 · Masks that survive training </notebooks/01_pruning>`"
    )
    assert exercise_line("minicompress.pruning.Mask") == []
