"""What a learner can ask for: a hint, the progress so far, the reference, harder variants."""

import html
import re

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from minicompress.grading import journal, stubs
from minicompress.grading.course import Exercise, exercise, exercises, written
from minicompress.grading.folded import Folded, in_notebook, prose, show
from minicompress.lab.paths import STUDENT_COPY, shown

ENOUGH = 2  # failed checks, after which the reference may be seen


class NotYet(ValueError):
    """The reference is not shown, or there is none."""


def hint(exercise_id: str) -> None:
    """Show the next hint for an exercise; in a notebook those before it as well, each folded. When all are
    known, show the last one again, and ways to go on. Of a solved exercise no further hint is told: a
    notebook that is run as a whole asks for one below each check.
    """
    task = exercise(exercise_id)
    known, last = journal.hints_told(task.id), len(task.hints)
    if task.id in journal.read()["passed"]:
        number = min(max(known, 1), last)
    else:
        number = min(known + 1, last)
        journal.write("hints", task.id, number)
    more_help = ""
    if known >= last:
        more_help = f"You have seen all hints: this was the last one.\n{ways_on(task)}"
    elif number == last:
        more_help = f"This was the last hint. {reference_of(task)}"
    heading = f"Hint {number} of {last} for exercise {task.id}, {task.title}"
    texts = [Text(heading, "bold"), Text(task.hints[number - 1]), *([Text(more_help)] if more_help else [])]
    parts = [
        (f"Hint {place} of {last}, {task.title}", f"<div>{prose(told)}</div>")
        for place, told in enumerate(task.hints[:number], 1)
    ]
    if more_help:
        parts.append(("How to go on", f'<div style="white-space: pre-line">{prose(more_help)}</div>'))
    show(Folded(Text("\n").join(texts), parts))


def ways_on(task: Exercise) -> str:
    """What helps when the hints do not."""
    return "\n".join(
        [
            "How to go on:",
            f"- `minicompress check {task.id} --traceback` shows the line where a grader failed.",
            f"- {shown(task.graders)} holds the graders: read those that begin with {task.prefix}.",
            f"- {reference_of(task)}",
        ]
    )


def reference_of(task: Exercise) -> str:
    """How to see the reference."""
    if STUDENT_COPY:
        return "Ask your teacher."
    when = f"after {ENOUGH} failed checks, or when it is solved"
    return f'`minicompress reveal {task.id}`, or reveal("{task.id}"), shows the reference {when}.'


def reveal(exercise_id: str) -> None:
    """Show the reference's source of an exercise, folded in a notebook.

    NotYet, a ValueError, before two failed checks of it, and in a student's copy, which has no reference; a
    notebook shows the sentence and goes on.
    """
    task = exercise(exercise_id)
    try:
        code = reference(task)
    except NotYet as refused:
        if not in_notebook():
            raise
        print(f"{str(refused)[:1].upper()}{str(refused)[1:]}")
        return
    coloured = Syntax(code, "python", theme="ansi_dark", background_color="default").highlight(code)
    coloured.rstrip()
    coloured.no_wrap = True  # whole lines, which can be copied and redirected
    summary = f"The reference of {task.id}, {task.title}"
    show(Folded(coloured, [(summary, f"<pre>{html.escape(code)}</pre>")]))


def reference(task: Exercise) -> str:
    """The reference's source of an exercise, without its marks. NotYet as `reveal`."""
    if STUDENT_COPY:
        raise NotYet(f"this copy of the course has no solutions: ask your teacher about {task.id}")
    failed = journal.failed_checks(task.id)
    if failed < ENOUGH and task.id not in journal.read()["passed"]:
        when = f"after {ENOUGH} failed checks, or when it is solved; so far {failed} failed"
        hints = f'`minicompress hint {task.id}`, or hint("{task.id}"), shows a hint'
        raise NotYet(f"the reference of {task.id} is shown {when}. {hints}.")
    sources = stubs.definitions(task.solution.read_text(encoding="utf-8"))
    code = "\n\n\n".join(sources[name] for name in task.names)
    return re.sub(r"^ *### (?:BEGIN|END) SOLUTION\n?", "", code, flags=re.M)


def more(exercise_id: str) -> None:
    """Show harder variants of an exercise that is solved, folded in a notebook. Nothing grades them."""
    task = exercise(exercise_id)
    if not task.variants:
        print(f"Exercise {task.id} has no harder variants.")
    elif task.id not in journal.read()["passed"]:
        print(f"Exercise {task.id} has harder variants: they are shown when it is solved.")
    else:
        heading = f"Harder variants of {task.id}, {task.title}"
        texts = [Text(heading, "bold"), *(Text(f"- {variant}") for variant in task.variants)]
        items = "".join(f"<li>{prose(variant)}</li>" for variant in task.variants)
        show(Folded(Text("\n").join(texts), [(heading, f"<ul>{items}</ul>")]))


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
        earned_here = sum(earned(task, passed) for task in tasks)
        points = f"{earned_here} of {sum(task.points for task in tasks)}"
        bar = "■" * len(done) + "□" * (len(tasks) - len(done))
        table.add_row(module, f"{len(done)} of {len(tasks)}", points, bar)
    console = Console()
    console.print(table)
    console.print(f"Predictions noted: {predictions_noted()}.")
    ahead = next_exercise()
    if ahead is None:
        console.print("Everything is solved.")
    else:
        console.print(f"Next: {ahead.id}, {ahead.title}, about {ahead.minutes} minutes.")


def predictions_noted() -> int:
    """How many guesses there are, right or wrong."""
    return sum(len(journal.predictions(key)) for key in exercises())


def next_exercise() -> Exercise | None:
    """What to do next: what follows the exercise that was passed last, then the rest of its chapter, then the
    first chapter with something unsolved. Stretch exercises come last. None when everything is solved.
    """
    order = list(exercises())
    passed = [key for key in journal.passed_in_order() if key in exercises()]
    latest = passed[-1] if passed else order[0]

    def rank(task: Exercise) -> tuple[bool, bool, bool, int]:
        elsewhere = task.chapter != exercise(latest).chapter
        skipped = not elsewhere and order.index(task.id) < order.index(latest)
        return task.stretch, elsewhere, skipped, order.index(task.id)

    ahead = [task for task in exercises().values() if task.id not in passed]
    return min(ahead, key=rank, default=None)


def list_exercises() -> None:
    """Show a table of all exercises, file by file, with the points earned."""
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
            f"{earned(task, passed)} of {task.points}",
            str(task.minutes),
            task.stars,
            "passed" if task.id in passed else begun(task),
        )
    tasks = exercises().values()
    total = f"{sum(earned(task, passed) for task in tasks)} of {sum(task.points for task in tasks)}"
    table.add_section()
    table.add_row("", Text("total", "bold"), Text(total, "bold"))
    Console().print(table)


def earned(task: Exercise, passed: dict) -> int:
    """The points of an exercise: all or nothing."""
    return task.points if task.id in passed else 0


def begun(task: Exercise) -> str:
    """Whether the learner's file holds more than the stubs of an exercise."""
    try:
        text = task.file.read_text(encoding="utf-8-sig")
        return "begun" if written(task, text) else "not begun"
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return "unreadable"
