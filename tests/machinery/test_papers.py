"""The papers of the project: links, commands and versions in them are right, and the steps lead somewhere."""

import re
import tomllib

import pytest
import typer
import yaml
from snippets import graded_exercises

from benchmarks import teaching
from minicompress import cli
from minicompress.classroom.private import CASES
from minicompress.grading import stubs
from minicompress.grading.course import exercises
from minicompress.lab.paths import ROOT, TESTS

PAPERS = ("AGENTS.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCS = ("docs/cheatsheet.md", "docs/glossary.md", "docs/projects.md")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
NEW = ("ex_1_12.py", "OUT")  # files that the steps tell a contributor to make


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ------------------------------------------------------------ what they name is there


@pytest.mark.parametrize("name", PAPERS + DOCS)
def test_a_link_leads_to_a_file(name):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", read(name)):
        assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", PAPERS + DOCS)
def test_a_path_in_backticks_is_there(name):
    quoted = re.findall(r"`((?:[\w.]+/)+[\w.]*)`", read(name))
    for path in (
        path for path in quoted if not path.endswith(NEW) and not path.startswith((".venv", "out/"))
    ):
        places = [ROOT / path, ROOT / "minicompress" / path]
        assert any(place.exists() for place in places) or path.startswith(".minicompress/"), path


@pytest.mark.parametrize("name", PAPERS)
def test_a_test_file_that_is_named_is_there(name):
    for file in re.findall(r"`(test_\w+\.py)`", read(name)):
        assert list((ROOT / "tests").rglob(file)), file


def commands() -> set[str]:
    return set(typer.main.get_command(cli.app).commands)


@pytest.mark.parametrize("name", (*PAPERS, *DOCS, ".github/ISSUE_TEMPLATE/wrong_grader.yml"))
def test_a_command_that_is_named_is_one(name):
    named = set(re.findall(r"[`/ ]minicompress (?!=)([a-z-]+)[ `\n]", read(name)))
    assert named <= commands() | {"authors"}, named - commands()


@pytest.mark.parametrize("name", PAPERS + DOCS)
def test_an_exercise_that_is_named_is_there(name):
    text = re.sub(r"\b1\.12\b|\(.*? then\)|what was [\d. and]+ is|\d+\.\d+\.\d+", "", read(name))
    named = set(re.findall(r"(?:[Ee]xercises? |^- )(\d\.\d+)\b", text, re.M))
    assert named <= set(exercises()), named - set(exercises())


# ------------------------------------------------------------ one version


def test_the_version_is_the_same_in_pyproject_citation_and_changelog():
    assert yaml.safe_load(read("CITATION.cff"))["version"] == VERSION == "1.0.0"
    latest, date = re.search(r"^## (\S+) \((\S+)\)", read("CHANGELOG.md"), re.M).groups()
    assert latest == VERSION and date == str(yaml.safe_load(read("CITATION.cff"))["date-released"])


def test_the_code_repeats_the_version_nowhere():
    for path in (ROOT / "minicompress").rglob("*.py"):
        assert not re.search(r"__version__\s*=|version\s*=\s*[\"']\d", path.read_text(encoding="utf-8")), path


def test_the_citation_has_what_its_format_asks_for_and_invents_no_person():
    """https://citation-file-format.github.io, version 1.2.0: four keys are required."""
    facts = yaml.safe_load(read("CITATION.cff"))
    assert facts["cff-version"] == "1.2.0" and facts["message"] and facts["title"]
    assert facts["authors"] == [{"name": "The minicompress authors"}]
    assert facts["license"] == "MIT" and read("LICENSE").startswith("MIT")


def test_the_changelog_has_a_section_for_graders():
    assert re.search(r"^### Graders$", read("CHANGELOG.md"), re.M)


# ------------------------------------------------------------ forms


def test_there_are_forms_for_a_grader_a_text_and_a_bug():
    assert [path.stem for path in TEMPLATES] == ["bug", "unclear_text", "wrong_grader"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_form_has_what_its_format_asks_for(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"] and form["body"]
    names = [field["id"] for field in form["body"]]
    assert len(set(names)) == len(names)
    for field in form["body"]:
        assert field["type"] in ("input", "textarea", "dropdown") and field["attributes"]["label"]
        assert field["type"] != "dropdown" or len(field["attributes"]["options"]) > 1
    assert any(field.get("validations", {}).get("required") for field in form["body"])


# ------------------------------------------------------------ what assistants and contributors are told


def test_assistants_are_told_to_tutor():
    text = " ".join(read("AGENTS.md").split())
    for rule in (
        "tutor, not a solver",
        "write the body of an exercise",
        "`solutions/`",
        "one hint at a time",
    ):
        assert rule in text
    assert text.index("what the learner expects") < text.index("Let them run the check")


def test_every_exercise_has_graders():
    for key, task in exercises().items():
        assert key in graded_exercises(), f"{task.graders.name} has no function {task.prefix}..."


def test_the_stub_of_a_new_function_is_not_added_without_force():
    """Step 3: what is renewed are the stubs that a file has."""
    old = 'def a():\n    raise NotImplementedError("Exercise 1.1 a")\n'
    new = old + '\n\ndef b():\n    raise NotImplementedError("Exercise 1.12 b")\n'
    assert stubs.renew(old, new) == old


def test_the_neighbour_that_the_steps_propose_has_one_of_everything():
    assert "1.4 has one of everything" in read("CONTRIBUTING.md") and "1.4" in CASES
    for folder in ("mutants", "alternatives", "attacks"):
        assert (TESTS / folder / "ex_1_4.py").is_file()


def test_the_steps_name_the_tables_that_there_are():
    steps = read("CONTRIBUTING.md").partition("## Add an exercise")[2]
    assert "1.6" in CASES and "`CASES`" in steps
    private = read("tests/machinery/test_classroom_private.py")
    assert all(f"\n{name} = {{" in private and f"`{name}`" in steps for name in ("TABLES", "MODELS"))
    attacks = read("tests/attacks/test_attacks.py")
    assert "\nPASSES_THE_POLICY = {" in attacks and "`PASSES_THE_POLICY`" in steps
    assert all(f"`{name}`" in steps and hasattr(teaching, name) for name in ("PICKED", "WANTED"))
    assert re.findall(r"^(\d+)\. ", steps, re.M) == [str(number) for number in range(1, 11)]
