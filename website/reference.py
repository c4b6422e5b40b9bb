"""The pages of the API reference: the learner's seven modules, and what is given in `grading` and `lab`."""

import re
from pathlib import Path

from minicompress.grading import HOME
from minicompress.lab.paths import CHAPTERS, ROOT, SOLUTIONS

LAB = ROOT / "minicompress" / "lab"

# These print and draw the course's own results, and are of no use elsewhere.
OWN_RESULTS = re.compile(r"llm_|.*_(figures|tables)$")


def given_modules() -> list[str]:
    """The modules of `lab` that a notebook or a solution imports or links: those that a learner may use."""
    readers = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted(SOLUTIONS.glob("*.py"))]
    found = set()
    for path in readers:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"from minicompress\.lab\.(\w+)[\w.]* import", text))
        found |= set(re.findall(r"\]\(\.\./minicompress/lab/(\w+)\.py", text))
        for names in re.findall(r"from minicompress\.lab import ([\w, ]+)", text):
            found |= {name.split(" as ")[0].strip() for name in names.split(",")}
    return sorted(name for name in found if not OWN_RESULTS.match(name))


def page_of(module: str) -> str:
    """The page of a module, without its ending: `api/pruning`, `api/lab/corpus`."""
    return "api/" + module.removeprefix("minicompress.").replace(".", "/")


def module_page(module: str) -> str:
    """A page with everything public of one module that has a docstring."""
    short = module.removeprefix("minicompress.")
    is_package = (ROOT / module.replace(".", "/")).is_dir()
    options = "   :imported-members:\n" if is_package else ""  # a package names what lies in its files
    return f"# {short}\n\n```{{eval-rst}}\n.. automodule:: {module}\n{options}```\n"


def grading_page() -> str:
    """What notebooks import from `minicompress.grading`, which imports nothing before it is asked for."""
    functions = "".join(f".. autofunction:: {name}\n" for name in HOME if name.islower())
    return (
        "# grading\n\n"
        "What a notebook says to be checked, helped and shown: `from minicompress.grading import check`.\n\n"
        f"```{{eval-rst}}\n.. py:currentmodule:: minicompress.grading\n\n{functions}```\n"
    )


def reference_pages() -> dict[str, dict[str, str]]:
    """Heading -> page -> its text, in the order in which they are listed."""
    yours = [f"minicompress.{name}" for name in CHAPTERS]
    given = [f"minicompress.lab.{name}" for name in given_modules()]
    return {
        "Reference: you write": {page_of(module): module_page(module) for module in yours},
        "Reference: given": {"api/grading": grading_page()}
        | {page_of(module): module_page(module) for module in given},
    }


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write each page's text to its place below `folder`."""
    for page, text in pages.items():
        path = folder / f"{page}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
