"""What a learner can ask for: a hint, the progress so far, the reference."""

import re

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from minicompress.grading import journal, stubs
from minicompress.grading.course import Exercise, exercise, exercises, unwritten
from minicompress.lab.paths import ROOT


def hint(exercise_id: str) -> None:
    """Show the next hint for an exercise; the last one again when all are known."""
    task = exercise(exercise_id)
    known = journal.read()["hints"].get(task.id, 0)
    number = min(known + 1 if isinstance(known, int) else 1, len(task.hints))
    journal.write("hints", task.id, number)
    console = Console()
    console.print(Text(f"Hint {number} of {len(task.hints)} for exercise {task.id}, {task.title}", "bold"))
    console.print(Text(task.hints[number - 1]))
    if number == len(task.hints):
        more = f'`minicompress reveal {task.id}`, or reveal("{task.id}"), shows the reference.'
        console.print(Text(f"The last hint. {more}", "dim"))


def reveal(exercise_id: str) -> None:
    """Show the reference's source of an exercise."""
    task = exercise(exercise_id)
    sources = stubs.definitions(task.solution.read_text(encoding="utf-8"))
    shown = re.sub(
        r"^ *### (?:BEGIN|END) SOLUTION\n?",
        "",
        "\n\n\n".join(sources[name] for name in task.names),
        flags=re.M,
    )
    coloured = Syntax(shown, "python", theme="ansi_dark", background_color="default").highlight(shown)
    Console().print(coloured, soft_wrap=True, end="")  # whole lines, which can be copied and redirected


def progress() -> None:
    """Show how far you are, module by module, and what comes next."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("module", "exercises", "points", ""):
        table.add_column(column)
    passed = journal.read()["passed"]
    modules = dict.fromkeys(task.module for task in exercises().values())
    for module in modules:
        tasks = [task for task in exercises().values() if task.module == module]
        done = [task for task in tasks if task.id in passed]
        points = f"{sum(task.points for task in done)} of {sum(task.points for task in tasks)}"
        bar = "■" * len(done) + "□" * (len(tasks) - len(done))
        table.add_row(module, f"{len(done)} of {len(tasks)}", points, bar)
    console = Console()
    console.print(table)
    ahead = [task for task in exercises().values() if task.id not in passed]
    needed = [task for task in ahead if not task.stretch] or ahead
    console.print(
        f"Next: {needed[0].id}, {needed[0].title}, about {needed[0].minutes} minutes."
        if needed
        else "Everything is solved."
    )


def list_exercises() -> None:
    """Show a table of all exercises, file by file."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))  # 80 columns are enough
    for column in ("id", "title", "points", "min", "level", "state"):
        table.add_column(column, justify="right" if column in ("points", "min") else "left", no_wrap=True)
    passed, module = journal.read()["passed"], ""
    for task in exercises().values():
        if task.module != module:
            module = task.module
            table.add_section()
            table.add_row("", Text(f"minicompress/{module}.py", "bold"))
        table.add_row(
            task.id,
            task.title,
            str(task.points),
            str(task.minutes),
            task.stars,
            "passed" if task.id in passed else begun(task),
        )
    Console().print(table)


def begun(task: Exercise) -> str:
    """Whether the learner's file holds more than the stubs of an exercise."""
    try:
        text = (ROOT / "minicompress" / f"{task.module}.py").read_text(encoding="utf-8-sig")
        there = set(task.names) & set(stubs.definitions(text))
        return "begun" if there - set(unwritten(task, text)) else "not begun"
    except (OSError, SyntaxError):
        return "cannot be read"
