"""What a teacher wants to know of a class: which exercises were solved, what was misunderstood most often,
and which answers are alike.

    {"format": "minicompress class 2",
     "submissions": 30,
     "incomplete": ["zoe"],                 the grading was ended before it was through
     "exercises": {"1.1": {"title": "Magnitude masks",
                           "solved": 21, "share": 0.7,
                           "not_judged": 4,  not handed in, refused, or no grader ran
                           "misconceptions": [{"misconception": ..., "students": 5}, ...],
                           "failing": [{"grader": ..., "rule": ..., "students": 2}, ...],
                           "similar": [["alice", "bob"], ...]}}}

`failing` is about the students of whom no misconception is known. `similar` is no verdict: it lists answers
that have the same syntax tree but for local names.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from minicompress.classroom.formats import solved
from minicompress.classroom.reasons import misconception, rule_in
from minicompress.classroom.similar import LEAST
from minicompress.grading import pages
from minicompress.grading.course import Exercise, exercises

FORMAT = "minicompress class 2"
MOST = 5  # misconceptions that are named for an exercise, and failing graders
KNOWN = "known mistake"
TOP = 10  # and for the class


def summary_of(results: dict[str, dict]) -> dict:
    """Student -> result, of one class and the same exercises; what they have in common."""
    keys = dict.fromkeys(key for result in results.values() for key in result["exercises"])
    parts = {
        key: part(
            exercises()[key], {student: result["exercises"][key] for student, result in results.items()}
        )
        for key in keys
    }
    incomplete = [student for student, result in results.items() if not result["complete"]]
    return {"format": FORMAT, "submissions": len(results), "incomplete": incomplete, "exercises": parts}


def part(task: Exercise, entries: dict[str, dict]) -> dict:
    """One exercise; student -> entry of the result."""
    right = sum(map(solved, entries.values()))
    groups: dict[str, list[str]] = defaultdict(list)
    for student, entry in entries.items():
        groups[entry["shape"]].append(student)
    return {
        "title": task.title,
        "solved": right,
        "share": round(right / len(entries), 3),
        "not_judged": sum(bool(entry["message"]) or not entry["graders"] for entry in entries.values()),
        "misconceptions": misconceptions(entries),
        "failing": failing(task, [entry for entry in entries.values() if not misconception(entry)]),
        "similar": [students for shape, students in groups.items() if shape and len(students) > 1],
    }


def misconceptions(entries: dict[str, dict]) -> list[dict]:
    """The known mistakes that most students made; a student makes one in an exercise."""
    counts = Counter(filter(None, map(misconception, entries.values())))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"misconception": sentence, "students": count} for sentence, count in ranked[:MOST]]


def failing(task: Exercise, entries: Iterable[dict]) -> list[dict]:
    """The graders that failed for most students, each with the rule that it named; a student counts once."""
    counts: Counter = Counter()
    for entry in entries:
        wrong = [grader for grader in entry["graders"] if not grader["passed"] and not entry["message"]]
        counts.update({(plain(grader["title"]), rule_in(task, grader["message"])) for grader in wrong})
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"grader": grader, "rule": rule, "students": count} for (grader, rule), count in ranked[:MOST]]


def plain(title: str) -> str:
    """A grader's title without its parameters."""
    return title.partition(", with ")[0]


def as_page(summary: dict) -> str:
    """The same as HTML, for the teacher."""
    count, parts = summary["submissions"], summary["exercises"]
    incomplete = [f"Not graded to the end: {', '.join(summary['incomplete'])}."] * bool(summary["incomplete"])
    opening = [f"{count} submissions.", *incomplete]
    rows = [
        [
            key,
            pages.text(entry["title"]),
            f"{entry['solved']}",
            f"{entry['share']:.0%}",
            f"{entry['not_judged']}",
        ]
        for key, entry in parts.items()
    ]
    return pages.page(
        "The class",
        [
            *(f"<p>{pages.text(line)}</p>" for line in opening),
            "<h2>Exercises</h2>",
            pages.table(["", "Exercise", "Solved", "Share", "Not judged"], rows, [2, 3, 4]),
            "<h2>What was misunderstood most often</h2>",
            *commonest(parts),
            "<h2>Exercise by exercise</h2>",
            *each(parts),
            "<h2>Answers that are alike</h2>",
            *alike(parts),
        ],
    )


def missed(part: dict) -> list[tuple[int, str, str]]:
    """(students, what they missed, as which it is known) of one exercise, the commonest first, as HTML.

    Where no misconception is known, it is the rule that a grader named, or else what the grader asks for.
    """
    known = [
        (entry["students"], pages.prose(entry["misconception"]), KNOWN) for entry in part["misconceptions"]
    ]
    rules = [
        (entry["students"], pages.prose(entry["rule"]), "rule")
        if entry["rule"]
        else (entry["students"], pages.text(entry["grader"]), "grader")
        for entry in part["failing"]
    ]
    return sorted(known + rules, key=rank)


def rank(item: tuple[int, str, str]) -> tuple[int, bool]:
    """What most students missed comes first, and of two that as many missed the known mistake."""
    students, _, kind = item
    return -students, kind != KNOWN


def commonest(parts: dict[str, dict]) -> list[str]:
    """What most students missed, over all exercises."""
    every = [(key, entry) for key, part in parts.items() for entry in missed(part)]
    ranked = sorted(every, key=lambda item: rank(item[1]))[:TOP]
    rows = [[key, what, kind, str(students)] for key, (students, what, kind) in ranked]
    return [pages.table(["", "Missed", "", "Students"], rows, [3])] if rows else ["<p>Nothing.</p>"]


def each(parts: dict[str, dict]) -> list[str]:
    """The same for every exercise that somebody missed, folded."""
    lines = []
    for key, part in parts.items():
        if rows := [[str(students), what, kind] for students, what, kind in missed(part)]:
            heading = f"{key} {pages.text(part['title'])}: solved by {part['share']:.0%}"
            table = pages.table(["Students", "Missed", ""], rows, [0])
            lines.append(f"<details><summary>{heading}</summary>\n{table}</details>")
    return lines or ["<p>Nothing was missed.</p>"]


def alike(parts: dict[str, dict]) -> list[str]:
    """The groups of students whose answers have one syntax tree."""
    said = (
        "They have the same syntax tree but for local names, docstrings and comments. "
        f"Answers with less than {LEAST} nodes more than the given code are left out. "
        "This is no verdict: right answers are often alike."
    )
    rows = [
        [key, pages.text(part["title"]), pages.text(", ".join(group))]
        for key, part in parts.items()
        for group in part["similar"]
    ]
    return [
        f'<p class="small">{said}</p>',
        pages.table(["", "Exercise", "Students"], rows) if rows else "<p>None.</p>",
    ]
