"""A result in the forms that other systems read. All but the first are for students' eyes: they hold no
private input and no seed.
"""

import base64
import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path

from minicompress.classroom.reasons import in_public, misconception
from minicompress.lab.files import atomic_write

# What nbgrader's own export of grades has.
NBGRADER = (
    "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty"
    " score max_score".split()
)


def as_json(result: dict) -> str:
    """Our own form: see minicompress.classroom.result."""
    return json.dumps(result, indent=1) + "\n"


def as_gradescope(result: dict) -> str:
    """Gradescope's results.json: one test for each exercise."""
    tests = [
        {
            "name": f"{key} {entry['title']}",
            "number": key,
            "score": entry["points"],
            "max_score": entry["possible"],
            "status": "passed" if solved(entry) else "failed",
            "output": feedback(entry),
            "output_format": "text",
            "visibility": "visible",
        }
        for key, entry in result["exercises"].items()
    ]
    content = {
        "score": result["score"],
        "execution_time": round(result["seconds"]),
        "output": "\n".join(filter(None, [result["message"], protection(result)])),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(content, indent=1) + "\n"


def as_classroom50(result: dict) -> str:
    """Classroom 50's result.json. What says where the submission came from stands in the environment."""
    context = {
        name: os.environ.get(variable, "")
        for name, variable in {
            "classroom": "CLASSROOM",
            "assignment": "ASSIGNMENT",
            "submission": "SUBMISSION_TAG",
            "commit": "COMMIT_URL",
            "release": "RELEASE_URL",
        }.items()
    }
    tests = [
        {
            "test-name": f"{key} {entry['title']}",
            "passed": solved(entry),
            "score": entry["points"],
            "max-score": entry["possible"],
        }
        for key, entry in result["exercises"].items()
    ]
    content = {
        "schema": "classroom50/result/v1",
        **context,
        "review": os.environ.get("REVIEW_URL") or context["commit"],
        "datetime": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": result["score"],
        "max-score": result["possible"],
        "tests": tests,
    }
    return json.dumps(content, indent=1) + "\n"


def as_ci(result: dict) -> str:
    """JSON in base64, as the reporters of hosted workflows read it."""
    tests = [
        {
            "name": f"{key} {entry['title']}",
            "status": "pass" if solved(entry) else "fail",
            "score": entry["points"],
            "message": feedback(entry),
        }
        for key, entry in result["exercises"].items()
    ]
    status = "pass" if tests and all(test["status"] == "pass" for test in tests) else "fail"
    content = {"version": 1, "status": status, "max_score": result["possible"], "tests": tests}
    return base64.b64encode(json.dumps(content).encode()).decode() + "\n"


FORMATS: dict[str, Callable[[dict], str]] = {
    "json": as_json,
    "gradescope": as_gradescope,
    "classroom50": as_classroom50,
    "ci": as_ci,
}


def format_named(name: str) -> Callable[[dict], str]:
    """The function that writes a format. ValueError with the formats there are."""
    if name not in FORMATS:
        raise ValueError(f"there is no format {name!r}: use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def write_result(result: dict, out: Path, format: str) -> None:
    """Write a result, all or nothing."""
    text = format_named(format)(result)
    with atomic_write(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def nbgrader_row(result: dict, student: str, assignment: str, handed_in: str) -> dict[str, object]:
    """One line of the CSV file. We know neither names nor a due date; no penalty is taken off."""
    values = {
        "assignment": assignment,
        "timestamp": handed_in,
        "student_id": cell(student),
        "raw_score": result["score"],
        "late_submission_penalty": 0,
        "score": result["score"],
        "max_score": result["possible"],
    }
    return {column: values.get(column, "") for column in NBGRADER}


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def solved(entry: dict) -> bool:
    """Whether an exercise got its points (which may be 0 in number)."""
    graders = entry["graders"]
    return bool(graders) and not entry["message"] and all(grader["passed"] for grader in graders)


def feedback(entry: dict) -> str:
    """What a student may read about one exercise: which graders failed, but not on which private input."""
    if entry["message"]:
        return entry["message"]
    failed = [grader["title"] for grader in entry["graders"] if not grader["passed"]]
    if not failed:
        return f"Solved: {len(entry['graders'])} graders passed."
    lines = [f"{len(failed)} of {len(entry['graders'])} graders failed:", *failed]
    lines += [f"A known mistake: {mistake}"] if (mistake := misconception(entry)) else []
    lines += [f"On public inputs: {public}"] if (public := in_public(entry)) else []
    return "\n".join(lines)


def protection(result: dict) -> str:
    """Which layers around the submission's process were active in every exercise that was run, in a line."""
    ran = [entry["layers"] for entry in result["exercises"].values() if entry["layers"]]
    names = dict.fromkeys(name for layers in ran for name in layers)
    active = [name for name in names if all(layers.get(name) for layers in ran)]
    missing = [name for name in names if name not in active]
    words = [f"active: {', '.join(active)}"] * bool(active) + [f"not: {', '.join(missing)}"] * bool(missing)
    return f"Protection {'; '.join(words)}." if words else ""
