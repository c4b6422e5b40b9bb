"""Run Sphinx on the gathered pages, and put what it makes in the place of the old site."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from minicompress.lab.paths import ROOT
from translations.pages import LANGUAGES
from website.sources import gather

HERE = Path(__file__).parent

# What requirements-site.lock brings; their other packages come with them.
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx_copybutton")


def build(folder: Path) -> None:
    """Build the whole site into `folder`, which is replaced only when everything went well.

    Every warning of Sphinx is an error: a link that leads nowhere, a notebook that no list names.
    ValueError: what Sphinx said, or that `folder` holds something that is no site.
    """
    if folder.exists() and not (folder / "searchindex.js").is_file():
        raise ValueError(f"{folder} exists and is no site: name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        made = build_in("en", Path(temporary) / "en")
        for language in LANGUAGES:
            build_in(language, Path(temporary) / language).rename(made / language)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)


def build_in(language: str, folder: Path) -> Path:
    """Build the site in a language below `folder`; where its pages are."""
    sources, made = folder / "sources", folder / "made"
    gather(sources, language)
    run_sphinx(sources, made, language)
    shutil.rmtree(made / "_sources", ignore_errors=True)  # empty: the sources stay at home
    for template in (made / "_static").glob("*.html"):
        template.unlink()  # the theme's, and no page
    return made


def run_sphinx(sources: Path, made: Path, language: str) -> None:
    """Sphinx, in a process of its own, since `minicompress` must be imported with the reference."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going"]
    settings = ["-c", str(HERE), "-D", f"language={language}", "-d", str(made.with_name("doctrees"))]
    ended = subprocess.run(
        [*command, *settings, str(sources), str(made)],
        cwd=ROOT,
        env={**os.environ, "MINICOMPRESS_SOLUTIONS": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if ended.returncode:
        said = ended.stdout.replace(str(sources) + os.sep, "")
        raise ValueError(f"Sphinx ended with {ended.returncode}:\n{said}")
