"""The tables of notebook 03, from parts like those of `results/distillation.json`."""

from rich.console import Console

from minicompress.lab import distillation_tables as written


def scored(*top1: float) -> dict:
    """A run that was scored every 100 steps; its loss is 4 in the end."""
    steps = enumerate(top1, 1)
    return [{"step": 100 * n, "validation_top1": value, "validation_loss": 6.0 - n} for n, value in steps]


FAIR = {
    "updates": 200,
    "length": 256,
    "teacher": {"validation_top1": 0.5},
    "arms": {
        "labels alone": [{"seed": 0, "scored": scored(0.1, 0.2)}, {"seed": 1, "scored": scored(0.1, 0.3)}],
        "with the teacher": [
            {"seed": 0, "scored": scored(0.2, 0.24)},
            {"seed": 1, "scored": scored(0.2, 0.32)},
        ],
    },
}


def sweep_rows(gain_at_1: float, gain_above: float) -> list[dict]:
    """Every setting of two seeds, whose labels alone have 20% and 30%; a seed gains 1 point more or less."""
    rows = []
    for seed, alone in ((0, 0.2), (1, 0.3)):
        rows.append({"T": 1.0, "alpha": 0.0, "seed": seed, "top1": alone, "loss": 4.0})
        for T in written.TEMPERATURES:
            for alpha in written.ALPHAS:
                gain = (gain_at_1 if T == 1 else gain_above) + (0.01 if seed else -0.01)
                loss = 3.0 if (T, alpha) == (5.0, 0.7) else 3.5
                rows.append({"T": T, "alpha": alpha, "seed": seed, "top1": alone + gain, "loss": loss})
    return rows


STUDENTS = {"2 layers": sweep_rows(0.02, 0.01), "1 layer": sweep_rows(0.02, 0.03)}
SWEEP = {"steps": 50, "seeds": 2, "held_out_tokens": 1000, "students": STUDENTS}
TASK = {
    "steps": 130,
    "held_out_pairs": 2,
    "name_as_summary": 0.155,
    "functions": ["def a(): pass\n", "def b(): pass"],
    "wanted": ["Do a.", "Do b."],
    "models": {
        "student": {
            "parameters": 519_840,
            "token_accuracy": 0.3,
            "rouge_l": 0.168,
            "rouge_l_interval": [0.15, 0.18],
            "examples": ["Return a.", "Return b."],
        }
    },
}


def shown(table) -> list[list[str]]:
    """The words of each line, the title and the head first."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return [line.split() for line in captured.get().splitlines()]


def words(table) -> str:
    """All of it on one line: a title is broken where its table is narrow."""
    return " ".join(word for line in shown(table) for word in line)


def test_the_fair_comparison_shows_what_the_teacher_adds_on_the_way_seed_by_seed():
    labels, teacher, half, end = shown(written.fair_table({"fair": FAIR}))[-4:]
    assert labels == ["labels", "alone", "20.00", "30.00", "25.00"]
    assert teacher == ["with", "the", "teacher", "24.00", "32.00", "28.00"]
    assert half == ["gain", "after", "100", "+10.00", "+10.00", "+10.00"]
    assert end == ["gain", "after", "200", "+4.00", "+2.00", "+3.00"]


def test_gains_are_shown_at_the_last_scored_step_of_each_quarter():
    every_100 = [{"step": step} for step in range(100, 1001, 100)]
    assert written.quarters(1000, every_100) == [200, 500, 700, 1000]


def test_a_fair_comparison_that_was_not_measured_is_a_sentence_with_the_command():
    assert "`python -m benchmarks.distillation fair`" in written.fair_table({})


def test_a_gain_is_taken_within_a_seed_however_far_the_seeds_lie_apart():
    first, second = written.sweep_gains(STUDENTS["2 layers"], 1.0, 0.7)
    assert (round(first, 6), round(second, 6)) == (1.0, 3.0)


def test_the_best_temperature_and_the_lowest_loss_are_found_for_each_student():
    assert written.best_temperatures(STUDENTS["2 layers"]) == [1.0, 1.0, 1.0]
    assert written.best_temperatures(STUDENTS["1 layer"])[0] == 2.0, "the first of equal ones"
    assert written.lowest_loss(STUDENTS["1 layer"]) == (5.0, 0.7)


def test_the_sweep_is_told_in_two_lines_a_student():
    first, second, *others = written.sweep_lines(SWEEP).splitlines()
    assert first == "student of 2 layers: best T by top-1 is 1, 1, 1 for alpha = 0.3, 0.7, 1.0;"
    assert second.strip() == "lowest loss at T = 5, alpha = 0.7; two seeds lie up to 2.00 points apart"
    assert len(others) == 2


def fly(loss: float, distance: float) -> list[dict]:
    alike = {"validation_top1": 0.3 - loss / 100, "beta 0.0": distance, "beta 1.0": 1.0}
    return [alike | {"validation_loss": loss + shift} for shift in (0.0, 0.1)]


def test_texts_are_compared_by_means_over_seeds_and_the_best_by_each_score_is_named():
    part = {"steps": 25, "seeds": 2, "arms": {"corpus": fly(4.0, 0.9), "own text": fly(4.2, 0.8)}}
    assert shown(written.fly_table(part))[-2] == ["corpus", "4.050", "26.00%", "0.900", "1.000"]
    lines = written.fly_winners(part).splitlines()
    assert lines[:3] == [
        "best by loss: corpus",
        "best by top-1: corpus",
        "best by KL(t ‖ s), own text: own text",
    ]
    assert lines[-1] == "the seeds of one arm differ by up to 0.100 in loss"


def test_a_tasks_table_says_which_files_and_what_the_name_alone_scores():
    lines = shown(written.task_table(TASK))
    title = "Summaries of 2 functions of the test files, 130 steps (from results/)"
    assert words(written.task_table(TASK)).startswith(title)
    assert lines[-2] == ["student", "0.52M", "30.0%", "0.168", "0.150", "to", "0.180"]
    assert lines[-1] == ["the", "function's", "name", "-", "-", "0.155"]
    assert "of the validation files" in words(written.task_table(TASK | {"split": "validation"}))


def test_examples_show_function_answer_wanted_and_each_models_answer():
    assert written.task_examples(TASK, (1,)).splitlines() == [
        "def b(): pass",
        "   wanted: Do b.",
        "   student: Return b.",
    ]
