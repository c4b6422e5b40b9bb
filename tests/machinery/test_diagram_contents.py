"""What each diagram shows, beside what the functions of its exercise compute."""

import json
import math
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
import torch
from pictures import no_window  # noqa: F401
from safetensors.torch import save
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP

from minicompress import distillation, low_rank, pruning, quantization, structured_pruning
from minicompress.lab import diagrams, encodings
from minicompress.lab.diagrams import course, pipeline, shapes
from minicompress.lab.paths import ROOT

LEDGER = [
    {"name": "teacher", "file_bytes": 14_596_856},
    {"name": "distilled", "file_bytes": 1_043_456},
    {"name": "quantized", "file_bytes": 175_886},
]


# ------------------------------------------------------------ the map


def test_the_map_has_the_titles_of_the_notebooks():
    headings = [
        json.loads(path.read_text())["cells"][0]["source"][0]
        for path in sorted((ROOT / "notebooks").glob("0*.ipynb"))
    ]
    assert len(headings) == len(course.CHAPTERS)
    for heading, (chapter, (title, _)) in zip(headings, course.CHAPTERS.items(), strict=True):
        assert heading.startswith(f"# {chapter:02d} · {title}")


def test_the_map_marks_the_chapter_where_the_reader_is():
    diagrams.course_map(here=3)
    assert pictures.cells(shapes.OTHER) == [
        "03  Distillation  (you are here)\na small model learns from a large one"
    ]


def test_chapter_4_alone_is_not_called_by_the_80x_job_but_by_notebook_07():
    job = "\n".join(path.read_text() for path in (ROOT / "minicompress" / "job").glob("*.py"))
    assert set(range(1, 6)) - set(course.COMBINED) == {4} and "low_rank" not in job
    assert "low_rank." in (ROOT / "notebooks" / "07_real_llm.ipynb").read_text()


# ------------------------------------------------------------ 01


@pytest.mark.parametrize("weights", [[0.1, 0.5, 0.2, 0.8], [1, 1, -1, 1, -4, 3, 2, 1]])
def test_two_of_four_keeps_what_the_mask_keeps_and_stores_the_positions_in_two_bits(weights):
    diagrams.two_of_four(weights)
    places = pruning.nm_mask(torch.tensor(weights).abs().float()).nonzero().flatten()
    shown = [shapes.number(weights[place]) for place in places]
    assert pictures.cells(shapes.KEPT) == 2 * shown, "in the row, and stored"
    positions = pictures.cells(shapes.PLAIN)
    assert positions == [f"{place % 4:02b}" for place in places.tolist()]
    packed = encodings.pack_bits(torch.tensor([int(bits, 2) for bits in positions]), 2)
    size = pruning.storage_bytes([1, len(weights)], 0.5, 16, "2:4")
    assert len(packed) == size - 2 * len(positions), "the bytes beside the values"
    bits = 18 * len(weights) // 2
    assert f"{16 * len(weights)} bits become {bits}: 9 bits a weight instead of 16" in pictures.words()


@pytest.mark.parametrize(
    "weights, norms", [([1, -2], [10, 1]), ([3, -3, 1, 2, 2], [1, 1, 5, 0.5, 3]), ([1, 1, 1], [2, 2, 2])]
)
def test_magnitude_and_wanda_keep_what_their_masks_keep(weights, norms):
    diagrams.magnitude_and_wanda(weights, norms)
    row, loud = torch.tensor([weights]).float(), torch.tensor(norms).float()
    alike = pruning.wanda_mask(row, torch.ones(len(norms)))  # inputs that are equally loud: magnitude
    expected = []
    for mask, factor in ((alike, torch.ones_like(loud)), (pruning.wanda_mask(row, loud), loud)):
        expected += [shapes.number(score) for score in (row.abs() * factor)[mask].tolist()]
    assert pictures.cells(shapes.KEPT) == expected


# ------------------------------------------------------------ 02


def test_a_dropped_channel_takes_the_columns_of_the_linear_that_the_exercise_takes():
    chain = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 1))
    chain[0].weight.data = torch.tensor([2.0, 1.0, 3.0]).view(3, 1, 1, 1)  # channel 1 is the smallest
    chain[3].weight.data = torch.arange(12.0)[None]
    left = structured_pruning.prune_conv_chain(chain, 1 / 3)[3].weight[0].int().tolist()
    diagrams.flattened_channels(3, 2, 2, dropped=[1])
    numbers = [text for text in pictures.cells(shapes.KEPT) if text.isdigit()]
    assert numbers == [str(place) for place in left] == ["0", "1", "2", "3", "8", "9", "10", "11"]
    assert "3 channels become 2, and 12 inputs of the Linear become 8." in pictures.words()


def test_a_dropped_neuron_takes_the_rows_and_the_column_that_the_exercise_takes():
    mlp = LlamaMLP(LlamaConfig(hidden_size=2, num_attention_heads=1, intermediate_size=3))
    weights = {"gate_proj": [[3, 4], [0, 1], [0, 5]], "up_proj": [[1, 0], [2, 0], [6, 8]]}
    reader = [[7, 9, 3], [0, 2, 4]]
    for name, matrix in (weights | {"down_proj": reader}).items():
        mlp.get_submodule(name).weight.data = torch.tensor(matrix, dtype=torch.float32)
    structured_pruning.prune_mlp_neurons(mlp, torch.tensor([0, 2]))
    diagrams.rows_and_columns(weights, "down_proj", reader, dropped=[1])
    left = [str(int(entry)) for parameter in mlp.parameters() for entry in parameter.flatten()]
    assert pictures.cells(shapes.KEPT) == left
    assert "up_proj [3, 2] → [2, 2],  down_proj [2, 3] → [2, 2]" in pictures.words()[-1]


@pytest.mark.parametrize("keep", [[0, 1], [1, 2], [3], [0, 1, 2]])
def test_heads_after_the_cut_have_the_rows_of_the_exercise_or_are_refused_with_it(keep):
    config = LlamaConfig(hidden_size=8, num_attention_heads=4, num_key_value_heads=2, head_dim=2)
    attention = LlamaAttention(config, layer_idx=0)
    diagrams.query_heads(4, 2, keep, head_dim=2)
    try:
        structured_pruning.prune_attention_heads(attention, torch.tensor(keep))
    except ValueError:
        assert any(text.startswith("Refused: 1 and 2") for text in pictures.words())
        return
    (q, kv), o = (
        (len(attention.q_proj.weight), len(attention.k_proj.weight)),
        attention.o_proj.weight.shape[1],
    )
    assert f"After: Q {q} rows, K and V {kv} rows, O {o} columns" in pictures.words()


# ------------------------------------------------------------ 03


@pytest.mark.parametrize("label, T, alpha", [(0, 2.0, 0.5), (2, 3.0, 0.7)])
def test_the_loss_is_the_one_of_the_exercise(label, T, alpha):
    diagrams.teacher_and_student([16, 4, 1], [4, 4, 1], label, T, alpha)
    student, teacher = (torch.tensor([odds]).log() for odds in ([4.0, 4, 1], [16.0, 4, 1]))
    loss = distillation.distillation_loss(student, teacher, torch.tensor([label]), T, alpha).item()
    assert pictures.cells(shapes.OTHER)[0].endswith(f" = {shapes.number(loss)}")
    assert "T = 2\n0.57 0.29 0.14" in pictures.words() or T != 2  # 4/7, 2/7, 1/7


def test_the_gradient_leads_to_the_student_alone():
    diagrams.teacher_and_student()
    dashed = [text for text in plt.gca().texts if getattr(text, "arrow_patch", None)]
    assert [text.xy for text in dashed if text.arrow_patch.get_linestyle() == "--"] == [(4.25, 1.12)]


def test_logits_at_t_meet_the_label_at_t_plus_1_and_padding_meets_none():
    diagrams.label_shift(["5", "6", "7", "pad"])
    columns = [
        (round((start[0] - 1.05) / 0.66 - 0.5), round((end[0] - 1.05) / 0.66 - 0.5))
        for start, end in pictures.arrows()
    ]
    assert columns == [(0, 1), (1, 2)]
    assert pictures.cells(shapes.KEPT) == ["0", "1"] and pictures.cells(shapes.OTHER) == ["6", "7"]


def test_a_prompt_and_its_answer_become_the_lesson_of_the_exercises_example():
    diagrams.prompt_and_answer(["pad", "5", "6"], ["7", "end"])
    said = pictures.words()
    start = said.index("input_ids")
    assert said[start + 1 : start + 6] == ["5", "6", "7", "end", "pad"]
    start = said.index("labels")
    assert said[start + 1 : start + 6] == ["−100", "−100", "7", "end", "−100"]
    assert pictures.cells(shapes.KEPT) == ["1", "2"], "the logits that learn"


# ------------------------------------------------------------ 04 and 05


def test_the_factors_are_those_of_the_exercise():
    diagrams.low_rank_product([[15, 20, 0], [0, 0, 5]], rank=1)
    U, V = low_rank.low_rank_decompose(torch.tensor([[15.0, 20, 0], [0, 0, 5]]), 1)
    sign = V.sum().sign()
    assert pictures.cells(shapes.KEPT) == [shapes.number(round(x)) for x in (sign * U).flatten().tolist()]
    assert pictures.cells(shapes.OTHER) == [shapes.number(round(x)) for x in (sign * V).flatten().tolist()]
    assert "squared error: 25, the sum of the dropped S²" in pictures.words()


@pytest.fixture
def grid():
    """The axes with the staircase for the weights 4, -2, 2, 1 on the grid -3, 0, 3."""
    diagrams.rounding_grid([4, -2, 2, 1], largest=1, scale=3)
    return plt.gcf().axes[0]


def drawn(axes, label: str) -> np.ndarray:
    """The points of what has this label, [points, 2]."""
    return next(line for line in axes.lines if line.get_label().startswith(label)).get_xydata()


def test_the_stairs_stand_at_every_value_of_the_grid(grid):
    steps = grid.collections[0].get_segments()
    assert [(step[0][1], step[1][1]) for step in steps] == [(-3, -3), (0, 0), (3, 3)]
    assert steps[1].tolist() == [[-1.5, 0], [1.5, 0]], "what is rounded to 0"


def test_a_clipped_weight_is_a_cross_at_the_edge_and_the_others_are_dots(grid):
    assert drawn(grid, "a clipped weight").tolist() == [[4, 3]]
    assert drawn(grid, "a weight").tolist() == [[-2, -2], [2, 2], [1, 1]]


def test_an_arrow_leads_from_each_weight_to_its_value(grid):
    arrows = {(text.xyann[0], text.xyann[1], text.xy[1]) for text in grid.texts if text.arrow_patch}
    assert arrows == {(-2, -2, -3), (2, 2, 3), (1, 1, 0)}


def test_the_gradient_follows_a_line_that_is_flat_beyond_the_edges(grid):
    line = drawn(grid, "backward")
    assert (np.diff(line[:, 1]) / np.diff(line[:, 0])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("values", [[-8, 7, 0], [3, -1], [5]])
def test_the_bytes_of_a_pair_are_those_of_the_exercise(values):
    diagrams.two_in_a_byte(values)
    packed = quantization.pack_int4(torch.tensor(values)).tolist()
    assert [int(word.split("= ")[1]) for word in pictures.words() if " · 16 + " in word] == packed
    halves = [word for word in pictures.words() if re.fullmatch("[01]{4}", word)]
    assert [int(high + low, 2) for high, low in zip(halves[::2], halves[1::2], strict=True)] == packed


# ------------------------------------------------------------ 06


def test_the_bytes_are_those_of_the_file_in_their_order():
    tensors = {"w": torch.tensor([240, 8], dtype=torch.uint8), "w.scale": torch.tensor([1.0]).half()}
    content = save(tensors)
    assert b"".join(part for _, part, _, _ in pipeline.file_regions(content)) == content
    diagrams.file_bytes(tensors)
    length = content[0]
    assert pictures.cells(shapes.QUIET) == [str(value) for value in content[:8]]
    assert "".join(pictures.cells(shapes.PLAIN)) == content[8 : 8 + length].decode().replace(" ", "")
    assert f"from byte {8 + length}: w.scale, F16 [1], 2 bytes" in pictures.words()
    assert pictures.cells(shapes.OTHER) == ["240", "8"]


def test_the_bars_of_the_waterfall_meet_and_add_up():
    diagrams.bytes_waterfall(LEDGER)
    bars = plt.gca().patches
    assert math.isclose(bars[0].get_x(), bars[1].get_x() + bars[1].get_width()), (
        "each begins where the last ends"
    )
    spans = [bar.get_width() for bar in bars]
    ratios = [math.log(14_596_856 / 1_043_456), math.log(1_043_456 / 175_886)]
    assert math.isclose(spans[0] / spans[1], ratios[0] / ratios[1])
    changes = [
        int(found[1].replace(",", ""))
        for text in pictures.words()
        if (found := re.search(r"−([\d,]+) bytes", text))
    ]
    assert changes == [13_553_400, 867_570] and 14_596_856 - sum(changes) == 175_886


def test_a_stage_that_makes_the_file_larger_is_marked():
    diagrams.bytes_waterfall(LEDGER[::-1])
    assert all(
        bar.get_edgecolor() == matplotlib.colors.to_rgba(shapes.OTHER.edge) for bar in plt.gca().patches
    )
    assert any("+867,570 bytes" in text for text in pictures.words())
