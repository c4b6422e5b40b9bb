"""The commands for teachers: `minicompress grade`, `grade-all`, `release`.

They are added to the command line where this package is: a student's copy of the course does without.
"""

from pathlib import Path
from typing import Annotated

import typer

EXERCISE = typer.Option(help="Grade this exercise alone; give the option once an exercise. Default: all.")
SEED = typer.Option(help="Private seed of the random inputs. Default: a new one.")
SCHEDULER = typer.Option(help="Grade on the workers of this Dask scheduler, such as tcp://10.0.0.5:8786.")
FORMAT = typer.Option(help="json, gradescope, classroom50 or ci.")


def grade(
    submission: Path,
    out: Annotated[Path, typer.Option(help="File for the result.")],
    format: Annotated[str, FORMAT] = "json",
    exercise: Annotated[list[str] | None, EXERCISE] = None,
    seed: Annotated[int | None, SEED] = None,
    html: Annotated[Path | None, typer.Option(help="File for a page that the student may read.")] = None,
) -> None:
    """Grade a SUBMISSION: a folder or a zip file with the seven files, or some of them."""
    from minicompress.classroom.feedback import as_page
    from minicompress.classroom.formats import protection
    from minicompress.classroom.grade import grade_one
    from minicompress.classroom.grade_all import line
    from minicompress.grading.pages import write_page

    result = grade_one(submission, out, seed, exercise, format)
    if html:
        write_page(as_page(result), html)
    for key, entry in result["exercises"].items():
        print(f"{key:>5}  {entry['points']} of {entry['possible']}  {entry['title']}")
    print(line(submission.stem, result))
    print(protection(result))


def grade_all(
    folder: Path,
    out: Annotated[Path, typer.Option(help="CSV file for the grades; a folder beside it gets the rest.")],
    workers: Annotated[int | None, typer.Option(help="Submissions at a time. Default: the cores.")] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    exercise: Annotated[list[str] | None, EXERCISE] = None,
    seed: Annotated[int | None, SEED] = None,
) -> None:
    """Grade every subfolder and zip file of a FOLDER. Run it again to go on where it was ended."""
    from minicompress.classroom.grade_all import grade_all as run

    run(folder, out, workers, seed, exercise, lambda text: print(text, flush=True), scheduler)


def release(folder: Path) -> None:
    """Write a copy of the course for students into FOLDER: no solutions, and nothing that grades a class."""
    from minicompress.classroom.release import release as write

    count = write(folder)
    print(f"{folder} holds {count} files: hand out the whole folder")


def add_to(app: typer.Typer) -> None:
    """Add these commands to a command line."""
    for command in (grade, grade_all, release):
        app.command()(command)
