"""The tables and plots of notebook 06."""

import matplotlib.pyplot as plt
import pictures
import pytest
from pictures import no_window  # noqa: F401
from rich.console import Console

from minicompress.lab import combined_figures as figures
from minicompress.lab import combined_tables as tables
from minicompress.lab import paths
from minicompress.lab.updates import updates_of


def point(method, strength, size, kept):
    ratio = 1000 / size
    return {"method": method, "strength": strength, "file_bytes": size, "ratio": ratio, "accuracy_kept": kept}


EIGHT, FOUR = point("quantization", "8 bits", 500, 1.0), point("quantization", "4 bits", 250, 0.97)
TINY = point("distillation", "tiny", 20, 0.5)
ALL = point("distilled, pruned, trained on the grid", "the pipeline's artefact", 10, 0.9)
LABELS = point("no teacher: a student on labels alone", "student-labels", 70, 0.95)
COMBINED = {
    "singles": {"points": [EIGHT, FOUR]},
    "combinations": {"points": [TINY, ALL, LABELS], "held_out_tokens": 1234},
}


def printed(table) -> str:
    console = Console(width=200, record=True)
    console.print(table)
    return console.export_text()


def test_a_distilled_model_is_one_method_and_a_student_on_labels_is_neither():
    assert tables.alone_and_together(COMBINED) == ([EIGHT, FOUR, TINY], [ALL])


def test_the_best_of_what_is_small_enough():
    assert tables.best_of([EIGHT, FOUR, TINY], 4) == FOUR
    assert tables.best_of([EIGHT], 4) is None


def test_the_front_holds_what_no_other_file_beats():
    assert tables.front(tables.points_of(COMBINED)) == [ALL, LABELS, FOUR, EIGHT]


def test_a_point_that_is_not_on_the_map_is_refused_with_its_name():
    assert tables.point_of(COMBINED, "quantization", "8") == EIGHT
    with pytest.raises(ValueError, match="5 bits"):
        tables.point_of(COMBINED, "quantization", "5 bits")


def test_equal_bytes_are_shown_with_the_updates_behind_each_file():
    lines = printed(tables.equal_bytes_table(COMBINED, (4, 200))).splitlines()
    assert "validation files, 1,234 tokens" in lines[0]
    assert "97.0%" in lines[2] and "90.0%" in lines[2] and f"{updates_of('student-clip3'):,}" in lines[2]
    assert lines[3].split().count("none") == 2


def test_the_reach_of_a_method_is_its_smallest_file_that_still_keeps_so_much():
    text = printed(tables.reach_table(COMBINED, (0.95, 0.6)))
    rows = {line.split()[0]: line.split() for line in text.splitlines()[2:] if line.strip()}
    assert rows["quantization"][1:3] == ["4.0x", "4.0x"] and rows["distillation"][1:3] == ["never", "never"]


def test_a_wrong_prediction_of_bytes_is_refused_with_its_stage():
    live = [
        {"name": "a", "tensor_bytes_measured": 7, "file_bytes": 9, "ratio": 1.0, "perplexity": 2.0, "top1": 1}
    ]
    assert "7" in printed(tables.live_table(live, {"a": 7}, "a text"))
    with pytest.raises(ValueError, match="a: predicted 8"):
        tables.live_table(live, {"a": 8}, "a text")


def test_weights_alone_and_activations_too_stand_in_two_rows_of_the_overview():
    text = printed(tables.overview_table(paths.results("combined"), paths.results("quantization")["int8"]))
    weights, activations = (line for line in text.splitlines() if "8 bits" in line)
    assert weights.split()[-1] == "-" and activations.split()[-1].endswith("x")


def test_the_other_tables_name_their_text():
    combined, frontier = paths.results("combined"), paths.results("frontier")
    for table in (
        tables.frontier_table(frontier),
        tables.baselines_table(frontier, ["tiny"]),
        tables.ledger_table(paths.results("ledger")),
        tables.tasks_table(combined["tasks"]),
    ):
        assert "est files" in printed(table)
    assert "Validation files" in printed(tables.order_table(combined["order"]))
    assert "fresh processes" in printed(tables.running_table(combined["runtime"], "a CPU"))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.order_chart(paths.results("combined")["order"]),
        lambda: figures.sizes_chart({"8 bits": {"integers": 900, "header": 100}}, "a file"),
        lambda: figures.map_chart(COMBINED, 1000),
    ],
)
def test_a_plot_can_be_read(draw):
    draw()
    assert pictures.collisions(plt.gcf()) == []


def test_the_map_names_every_family_of_the_measured_points():
    figures.map_chart(paths.results("combined"), 14_600_000)
    families = {
        figures.family_of(p)[0] for p in sum(tables.alone_and_together(paths.results("combined")), [])
    }
    assert families <= set(pictures.words()) and pictures.collisions(plt.gcf()) == []
