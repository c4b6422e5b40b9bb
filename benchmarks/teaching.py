"""The generated parts of docs/teaching.md: plans from the minutes of course.toml, misconceptions from
tests/mutants. `python -m benchmarks.readme` writes them.
"""

from collections.abc import Sequence

from minicompress.grading import plans
from minicompress.grading.course import Exercise, exercises
from minicompress.grading.mistakes import known_mistakes
from minicompress.lab.tables import markdown_table

# The most wanted first: measure, prune by magnitude and by inputs, round; then a teacher, the grid, neurons.
WANTED = ("0.1", "1.1", "5.1", "1.8", "1.9", "3.1", "5.4", "2.4", "2.1", "4.1", "5.2")
OPENING, CLOSING, DISCUSSION = 15, 20, 20
HALF_DAY, HALF_DAY_PAUSES = 210, (15,)
DAY, LUNCH = 390, 0  # lunch comes on top: a pause of no minutes
DAY_PAUSES = (15, LUNCH, 15)
WEEKS, WEEK = 6, 270
ONE_CHAPTER = 90

# The known wrong answers to quote, where they are not the first two of the file.
PICKED = {
    "0.1": ("no_shift", "mean_of_batches"),
    "0.3": ("no_warm_up", "mean"),
    "1.1": ("quantile_of_the_weight", "inverted"),
    "1.8": ("signed_mean", "sum_of_batch_norms"),
    "3.3": ("shared_layers", "stale_layer_idx"),
    "3.4": ("no_shift", "padding_counted"),
    "3.7": ("whole_text", "prompt_positions_only"),
    "3.8": ("shifted", "padding_counted"),
    "4.4": ("every_layer", "walks_while_replacing"),
    "6.1": ("masks_left_on", "not_atomic"),
}


def half_day() -> str:
    return day_table(HALF_DAY, HALF_DAY_PAUSES)


def one_day() -> str:
    return day_table(DAY, DAY_PAUSES)


def day_table(minutes: int, pauses: Sequence[int]) -> str:
    """A day, a row each: from when, how long, what; the last row is the sum."""
    plan = plans.choose(minutes - OPENING - sum(pauses) - CLOSING, WANTED)
    slots = plans.schedule(plan, minutes, OPENING, pauses, CLOSING)
    rows = [[clock(slot.start), str(slot.minutes), *described(slot.what, slot.minutes)] for slot in slots]
    total = sum(slot.minutes for slot in slots)
    return markdown_table(
        ("from", "minutes", "what", "of which told, written"), [*rows, [clock(total), str(total), "end", ""]]
    )


def described(what: str | Exercise, minutes: int) -> tuple[str, str]:
    """What a slot is for, and how an exercise's time is shared out."""
    if isinstance(what, Exercise):
        return f"**{what.id}** {what.title}", f"{plans.TOLD} + {what.minutes}"
    return "lunch, not counted" if what == "pause" and minutes == LUNCH else what, ""


def clock(minutes: int) -> str:
    """Hours and minutes: 3:05."""
    return f"{minutes // 60}:{minutes % 60:02}"


def six_weeks() -> str:
    """A week a row. The stretch exercises are left out. A week that is too short: ValueError."""
    wanted = [key for key, task in exercises().items() if not task.stretch]
    plan = plans.choose(WEEKS * (WEEK - DISCUSSION), wanted)
    shares = plans.shares(plan.tasks, WEEKS)
    rows = [week_row(number, tasks) for number, tasks in enumerate(shares, start=1)]
    sums = [sum(int(row[column]) for row in rows) for column in range(2, 7)]
    columns = ("week", "exercises", "told", "written", "discussion", "in reserve", "sum")
    return markdown_table(columns, [*rows, ["all", str(len(plan.tasks)), *map(str, sums)]])


def week_row(number: int, tasks: Sequence[Exercise]) -> list[str]:
    told, written = plans.TOLD * len(tasks), sum(task.minutes for task in tasks)
    reserve = WEEK - told - written - DISCUSSION
    if reserve < 0:
        raise ValueError(f"week {number} takes {WEEK - reserve} minutes, and has {WEEK}")
    minutes = (told, written, DISCUSSION, reserve, WEEK)
    return [str(number), ", ".join(task.id for task in tasks), *map(str, minutes)]


def one_chapter() -> str:
    """What fits into ninety minutes of each chapter alone, and which files are the reference's meanwhile."""
    rows = []
    for chapter in dict.fromkeys(task.chapter for task in exercises().values()):
        keys = [key for key, task in exercises().items() if task.chapter == chapter]
        plan = plans.choose(ONE_CHAPTER - CLOSING, keys)
        closing = ONE_CHAPTER - plan.minutes
        command = f"{plan.switch} make lab CHAPTER={int(chapter):02}".strip()
        named = ", ".join(task.id for task in plan.tasks)
        rows.append([chapter, named, str(plan.minutes), str(closing), f"`{command}`"])
    return markdown_table(("chapter", "exercises", "minutes", "discussion", "begin with"), rows)


def misconceptions(chapter: str) -> str:
    """Two known wrong answers of each exercise of a chapter: those in PICKED, or else the first ones."""
    tasks = [task for task in exercises().values() if task.chapter == chapter]
    return "\n".join(f"- **{task.id}** " + " *Or:* ".join(quoted(task)) for task in tasks)


def quoted(task: Exercise) -> list[str]:
    known = {mistake.name: mistake.sentence for mistake in known_mistakes(task)}
    return [known[name] for name in PICKED.get(task.id, list(known)[:2])]
