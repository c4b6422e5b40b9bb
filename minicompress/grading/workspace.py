"""JupyterLab as learners meet it: the chapter's notebook on the left, the module to write on the right.

A chapter without exercises has its notebook alone.

Both stand in a JupyterLab workspace, a file of JSON in .minicompress/, one a chapter. It is made anew at each
start: a file that was opened in between may cover the notebook.
"""

from pathlib import Path

from minicompress.grading import journal
from minicompress.grading.course import exercises
from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT

FOLDER = ROOT / ".minicompress" / "workspaces"
HIDDEN = ("assets", "benchmarks")  # in the file browser, besides what Jupyter hides: no one works there


def chapters() -> dict[str, Path]:
    """The chapters in order, named 00, 01 and so on -> their notebooks."""
    return {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def chapter_named(name: str) -> str:
    """The chapter that 1 or 01 names. ValueError, with the chapters there are, when it names none."""
    if name.zfill(2) not in chapters():
        raise ValueError(f"there is no chapter {name!r}: use one of {', '.join(chapters())}")
    return name.zfill(2)


def languages() -> list[str]:
    """The languages that there are notebooks in, English first: en, ko."""
    return ["en", *sorted({path.parent.name for path in (ROOT / "notebooks").glob("??/*.ipynb")})]


def notebook_in(chapter: str, language: str) -> Path:
    """The notebook of a chapter in a language; in English where it is not translated.

    ValueError: no notebook is in that language.
    """
    if language not in languages():
        raise ValueError(f"there are no notebooks in {language!r}: use one of {', '.join(languages())}")
    english = chapters()[chapter]
    translated = english.parent / language / english.name
    return translated if translated.is_file() else english


def first_unsolved() -> str:
    """The first chapter with something unsolved, stretch exercises aside; else the first of all."""
    passed = journal.read()["passed"]
    ahead = (task for task in exercises().values() if task.id not in passed and not task.stretch)
    return next((task.chapter.zfill(2) for task in ahead), next(iter(chapters())))


def tabs(chapter: str, language: str = "en") -> tuple[str, list[str]]:
    """The notebook of a chapter, and the modules that it asks for, as paths from the root."""
    notebook = notebook_in(chapter, language).relative_to(ROOT).as_posix()
    tasks = [task for task in exercises().values() if task.chapter.zfill(2) == chapter]
    return notebook, list(dict.fromkeys(task.file.relative_to(ROOT).as_posix() for task in tasks))


def layout(notebook: str, modules: list[str]) -> dict:
    """A workspace as JupyterLab stores it: which files are open, and where they stand."""
    left, right = f"notebook:{notebook}", [f"editor:{module}" for module in modules]
    columns, sizes = ([[left], right], [0.55, 0.45]) if right else ([[left]], [1.0])
    areas = [{"type": "tab-area", "currentIndex": 0, "widgets": widgets} for widgets in columns]
    dock = {"type": "split-area", "orientation": "horizontal", "sizes": sizes, "children": areas}
    editors = {
        name: {"data": {"path": module, "factory": "Editor"}}
        for name, module in zip(right, modules, strict=True)
    }
    return {
        "layout-restorer:data": {
            "main": {"dock": dock, "current": left},
            "left": {
                "collapsed": False,
                "visible": True,
                "current": "filebrowser",
                "widgets": ["filebrowser"],
            },
            "right": {"collapsed": True, "visible": True, "widgets": []},
            "relativeSizes": [0.16, 0.84, 0],
        },
        "file-browser-filebrowser:cwd": {"path": ""},  # the repository's root
        left: {"data": {"path": notebook, "factory": "Notebook"}},
        **editors,
    }


def write_workspace(chapter: str, language: str = "en") -> Path:
    """Write the workspace of a chapter, in place of what is left of the last time. Return its file."""
    file = FOLDER / workspace_file(chapter)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_json(file, {"data": layout(*tabs(chapter, language)), "metadata": {"id": workspace_name(chapter)}})
    return file


def workspace_name(chapter: str) -> str:
    """Its name, which stands in JupyterLab's address."""
    return f"chapter-{chapter}"


def workspace_file(chapter: str) -> str:
    """The name under which JupyterLab looks for a workspace."""
    from jupyterlab_server.workspaces_handler import WORKSPACE_EXTENSION, slugify

    return slugify(workspace_name(chapter)) + WORKSPACE_EXTENSION


def options(chapter: str) -> list[str]:
    """The words with which JupyterLab opens a chapter."""
    from jupyter_server.services.contents.manager import ContentsManager

    hidden = [*ContentsManager.hide_globs.default(), *HIDDEN]
    return [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.workspaces_dir={FOLDER}",
        f"--LabApp.default_url=/lab/workspaces/{workspace_name(chapter)}",
        *(f"--ContentsManager.hide_globs={pattern}" for pattern in hidden),
    ]


def start(chapter: str, language: str, more: list[str]) -> None:
    """Run JupyterLab on a chapter until it is ended.

    ValueError: it is not installed, or no notebook is in that language.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ModuleNotFoundError as error:
        raise ValueError(f"JupyterLab is not installed ({error}): `pip install jupyterlab`") from None
    write_workspace(chapter, language)
    LabApp.launch_instance([*options(chapter), *more])
