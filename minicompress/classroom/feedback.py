"""The page that a student gets: for each exercise the points, the reason, the misconception where it is
known, a public input that fails, and a hint, but no private input and no seed.
"""

from minicompress.classroom.formats import solved
from minicompress.classroom.reasons import RIGHT_IN_PUBLIC, in_public, misconception, reason
from minicompress.grading import pages
from minicompress.grading.course import Exercise, exercises

UNFINISHED = "The grading is not complete: ask your teacher."


def as_page(result: dict) -> str:
    """A result as HTML for the student."""
    tasks = exercises()
    entries = result["exercises"]
    rows = [
        [anchor(key), pages.text(entry["title"]), state(entry), f"{entry['points']} of {entry['possible']}"]
        for key, entry in entries.items()
    ]
    total = [f"<p>{result['score']} of {result['possible']} points.</p>"]
    unfinished = [] if result["complete"] else [f'<p class="bad">{UNFINISHED}</p>']
    overview = pages.table(["", "Exercise", "", "Points"], rows, [3])
    sections = [section(tasks[key], entry) for key, entry in entries.items()]
    title = f"Feedback for {result['submission']['name']}"
    return pages.page(title, [*total, *unfinished, overview, *sections])


def anchor(key: str) -> str:
    """A link to an exercise's part of the page."""
    return f'<a href="#ex-{key}">{key}</a>'


def state(entry: dict) -> str:
    """Solved or not, readable without colour."""
    return '<span class="good">✓ solved</span>' if solved(entry) else '<span class="bad">✗ not yet</span>'


def section(task: Exercise, entry: dict) -> str:
    """One exercise: what came of it, and how to go on where it is not solved."""
    names = ", ".join(f"<code>{name}</code>" for name in task.names)
    lines = [
        f'<section id="ex-{task.id}">\n<h2>{task.id} {pages.text(task.title)}</h2>',
        f"<p>{state(entry)}, {entry['points']} of {entry['possible']} points</p>",
        f'<p class="small">{names} in <code>minicompress/{task.module}.py</code></p>',
    ]
    if not solved(entry):
        lines += [*why(task, entry), *failed(entry)]
        lines.append(f"<p><b>Hint:</b> {pages.prose(task.hints[0])}</p>")
        look = f"`minicompress check {task.id}` shows what the public graders say on public inputs."
        lines.append(f'<p class="small">{pages.prose(look)}</p>')
    return "\n".join([*lines, "</section>"])


def why(task: Exercise, entry: dict) -> list[str]:
    """The reason, the known mistake, and what the graders say on public inputs. Nothing is said twice."""
    told, public = reason(task, entry), in_public(entry)
    lines = [] if public.startswith(told.rstrip(".")) else [f"<p>{pages.prose(told)}</p>"]
    if mistake := misconception(entry):
        lines.append(f"<p><b>A known mistake:</b> {pages.prose(mistake)}</p>")
    if public == RIGHT_IN_PUBLIC:
        lines.append(f"<p>{pages.prose(public)}</p>")
    elif public:
        lines.append(f"<p><b>On a public input:</b> {pages.prose(public)}</p>")
        lines.append(f'<p class="small">Grader: {pages.text(entry["public"]["grader"])}</p>')
    return lines


def failed(entry: dict) -> list[str]:
    """The titles of the graders that failed."""
    titles = [grader["title"] for grader in entry["graders"] if not grader["passed"]]
    if not titles:
        return []
    listed = "".join(f"<li>{pages.text(title)}</li>" for title in titles)
    summary = f"{len(titles)} of {len(entry['graders'])} graders failed"
    return [f'<details class="small"><summary>{summary}</summary>\n<ul>{listed}</ul></details>']
