"""Plans for a class: they fit, the times add up, and nothing that is chosen lacks what it builds on."""

import pytest

from benchmarks import teaching
from minicompress.grading import plans
from minicompress.grading.course import exercise, exercises
from minicompress.grading.mistakes import known_mistakes

EVERY = list(exercises())


def ids(plan: plans.Plan) -> list[str]:
    return [task.id for task in plan.tasks]


def test_an_exercise_costs_its_minutes_and_five_more():
    assert plans.work([exercise("0.1"), exercise("0.2")]) == (30 + 5) + (10 + 5)


def test_what_is_wanted_first_is_taken_first_and_stands_in_the_order_of_the_course():
    assert ids(plans.choose(20, ("1.6", "1.4"))) == ["1.6"]
    assert ids(plans.choose(20, ("1.4", "1.6"))) == ["1.4"]
    assert ids(plans.choose(60, ("1.6", "1.4", "1.1"))) == ["1.1", "1.4", "1.6"]


def test_what_does_not_fit_is_passed_over():
    assert ids(plans.choose(40, ("1.6", "1.7", "1.4"))) == ["1.4", "1.6"]


def test_a_prerequisite_of_the_same_file_comes_along():
    assert ids(plans.choose(40, ("1.9",))) == ["1.6", "1.9"]


def test_a_prerequisite_counts_whether_it_fits():
    with pytest.raises(ValueError, match=r"39 minutes are too few for any of 1\.9"):
        plans.choose(39, ("1.9",))


def test_a_prerequisite_of_another_file_comes_from_the_reference():
    plan = plans.choose(60, ("6.1",))
    assert ids(plan) == ["6.1"]
    assert plan.reference == ("metrics", "pruning", "structured_pruning", "distillation", "quantization")
    assert plan.switch.startswith("MINICOMPRESS_SOLUTIONS=metrics,pruning,")


def test_the_reference_never_stands_in_for_a_file_in_which_something_is_written():
    plan = plans.choose(300, ("0.1", "3.1"))
    assert ids(plan) == ["0.1", "0.2", "3.1"] and not plan.reference, "notebook 03 asks for 0.2"


def test_an_exercise_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"9\.9"):
        plans.choose(100, ("9.9",))


@pytest.mark.parametrize("minutes", [35, 90, 160, 315, 700, 1320])
@pytest.mark.parametrize("wanted", [EVERY, EVERY[::-1], teaching.WANTED], ids=["on", "back", "wanted"])
def test_whatever_is_chosen_has_all_that_it_needs_and_fits(minutes, wanted):
    plan = plans.choose(minutes, wanted)
    assert plan.minutes <= minutes
    for task in plan.tasks:
        for need in {*task.prerequisites, *plans.asked_by_the_notebook(task.chapter)}:
            assert need in ids(plan) or exercise(need).module in plan.reference
    assert not {task.module for task in plan.tasks} & set(plan.reference)


def test_a_notebook_asks_for_all_that_its_cells_require():
    assert plans.asked_by_the_notebook("1") == {"0.1"}
    assert {"1.2", "5.3", "3.4", "0.2"} <= plans.asked_by_the_notebook("6")
    assert not plans.asked_by_the_notebook("0")


# ------------------------------------------------------------ times


def test_a_day_begins_at_once_has_no_gap_and_ends_in_time():
    plan = plans.choose(100, ("0.1", "0.2", "0.4"))
    day = plans.schedule(plan, 120, opening=10, pauses=(5,), closing=10)
    named = [getattr(slot.what, "id", slot.what) for slot in day]
    assert named == ["opening", "0.1", "pause", "0.2", "0.4", "closing"]
    assert [slot.minutes for slot in day] == [10, 35, 5, 15, 15, 40], "what is left goes to the closing"
    assert [slot.start for slot in day] == [0, 10, 45, 50, 65, 80]


def test_a_day_that_is_too_short_is_refused():
    plan = plans.choose(35, ("0.1",))
    with pytest.raises(ValueError, match="take 60 minutes, and there are 59"):
        plans.schedule(plan, 59, opening=10, pauses=(), closing=15)


def test_parts_are_as_equal_as_they_can_be_and_in_order():
    tasks = [exercise(key) for key in ("0.1", "0.2", "0.4", "0.3")]  # 35, 15, 15, 20
    assert [[task.id for task in part] for part in plans.shares(tasks, 2)] == [["0.1"], ["0.2", "0.4", "0.3"]]
    rising = [tasks[1], tasks[2], tasks[3], tasks[0]]
    assert plans.shares(rising, 2) == [tuple(rising[:3]), tuple(rising[3:])]
    assert plans.shares(tasks, 1) == [tuple(tasks)]
    assert plans.shares(tasks, 4) == [(task,) for task in tasks]


def test_more_parts_than_exercises_are_refused():
    with pytest.raises(ValueError, match="1 exercises cannot fill 2 parts"):
        plans.shares([exercise("0.1")], 2)


# ------------------------------------------------------------ the tables of the guide


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize(("table", "end"), [(teaching.half_day, "3:30"), (teaching.one_day, "6:30")])
def test_the_rows_of_a_day_follow_each_other_and_sum_to_its_length(table, end):
    *rows, last = cells(table())
    now = 0
    for start, minutes, *_ in rows:
        assert start == teaching.clock(now)
        now += int(minutes)
    assert last[:2] == [end, str(now)] and teaching.clock(now) == end


def test_the_weeks_hold_every_exercise_without_a_star_once_and_sum_up():
    *rows, last = cells(teaching.six_weeks())
    named = [key for row in rows for key in row[1].split(", ")]
    assert named == [key for key, task in exercises().items() if not task.stretch]
    for row in rows:
        assert sum(map(int, row[2:6])) == int(row[6])
    assert [str(sum(int(row[column]) for row in rows)) for column in range(2, 7)] == last[2:]


def test_ninety_minutes_are_ninety_minutes():
    assert all(int(minutes) + int(rest) == 90 for _, _, minutes, rest, _ in cells(teaching.one_chapter()))


@pytest.mark.parametrize("key", EVERY)
def test_the_guide_has_a_paragraph_of_each_exercise_and_quotes_two_misconceptions(key):
    guide = (plans.ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    task = exercise(key)
    start = f"**{key} {'★ ' * task.stretch}{task.title.rstrip('.')}"
    assert guide.count(start) == 1, f"docs/teaching.md needs one paragraph that begins with {start}.**"
    quoted = [line for line in guide.splitlines() if line.startswith(f"- **{key}** ")]
    found = sum(mistake.sentence in line for mistake in known_mistakes(task) for line in quoted)
    assert (len(quoted), found) == (1, 2), "run `python -m benchmarks.readme`"
