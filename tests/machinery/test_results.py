"""The committed figures, and what the benchmarks share to measure them."""

import base64
import io
import json
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import (
    __main__,
    clocks,
    combined,
    common,
    distillation,
    grading,
    lessons,
    low_rank,
    memory,
    notebooks,
    parity,
    pruning,
    quantization,
    recipe_arms,
    structured_pruning,
)
from minicompress.lab import paths, style

HELPERS = {
    "__init__",
    "__main__",
    "clocks",
    "common",
    "fair",
    "resident",
    "lessons",
    "llm_recipes",
    "llm_rows",
    "llm_shipped",
    "map_points",
    "notebooks",
    "random_llama",
    "readme",
    "recipe_arms",
    "scores",
    "teaching",
}
IN_PARTS = (
    combined,
    distillation,
    grading,
    low_rank,
    memory,
    parity,
    pruning,
    quantization,
    structured_pruning,
)
RESULTS = sorted(path.stem for path in paths.RESULTS.glob("*.json"))


def short_name(module) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in the place of results/."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    return tmp_path


def written(folder, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- the committed figures


def test_every_result_has_a_benchmark_and_every_benchmark_a_result():
    files = {path.stem for path in (paths.ROOT / "benchmarks").glob("*.py")}
    files |= {path.parent.name for path in (paths.ROOT / "benchmarks").glob("*/__main__.py")}
    benchmarks = {name for name in files - HELPERS if not name.startswith("oracle_")}
    assert benchmarks == set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_where_it_comes_from(name):
    result = paths.results(name)
    assert isinstance(result["seed"], int) and result["commit"]
    assert {"python", "torch", "transformers"} <= result["versions"].keys()
    assert {"cpu", "cores", "threads", "gpu"} <= result["hardware"].keys()


@pytest.mark.parametrize("module", IN_PARTS, ids=short_name)
def test_every_part_of_a_benchmark_was_measured(module):
    assert module.PARTS.keys() <= paths.results(short_name(module)).keys()


def test_every_part_belongs_to_one_set():
    """`make bench`, `make parity` and the long trainings measure everything between them, nothing twice."""
    for module in IN_PARTS:
        name = short_name(module)
        sets = [chosen[name] or tuple(module.PARTS) for chosen in __main__.SETS.values() if name in chosen]
        assert sorted(part for parts in sets for part in parts) == sorted(module.PARTS), name
    assert set().union(*__main__.SETS.values()) == set(RESULTS)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("module", IN_PARTS, ids=short_name)
def test_an_unknown_part_is_refused_by_name_before_anything_is_measured(module, folder):
    first = next(iter(module.PARTS))
    with pytest.raises(ValueError, match=f"unknown part 'mask'.*'{first}'"):
        common.measure_parts(short_name(module), module.PARTS, [first, "mask"])
    assert not list(folder.iterdir())


def test_the_command_names_an_unknown_part_without_a_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks.pruning", "curve"])
    with pytest.raises(SystemExit, match="pruning: unknown part 'curve'"):
        common.command("pruning", pruning.PARTS)


def test_an_unknown_set_of_benchmarks_is_refused_by_name():
    with pytest.raises(ValueError, match="'everything'.*'bench', 'parity', 'trained'"):
        __main__.main(["everything"])


def test_an_unknown_pruning_method_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown method 'wanda'.*'Wanda'"):
        pruning.pruned(torch.nn.Linear(2, 2), "wanda", 0.5, [])


def test_ten_steps_and_ten_cubic_steps_share_the_batches_and_differ_in_their_sparsities(monkeypatch):
    monkeypatch.setattr(pruning, "perplexity", lambda model: 0.0)
    reached, seen = {}, {}
    for way in pruning.WAYS:
        model, shares = torch.nn.ModuleDict({"blocks": torch.nn.ModuleList([torch.nn.Linear(4, 4)])}), []
        learn = lambda model, batches, shares=shares: shares.append(batches)  # noqa: E731
        records = pruning.prune_in_steps(model, way, list(range(20)), learn)
        reached[way], seen[way] = [record["sparsity"] for record in records], shares
    assert reached["ten steps"][:2] == pytest.approx([0.09, 0.18]) and reached["one step"] == [0.9]
    assert reached["ten cubic steps"][:2] == pytest.approx([0.9 * 0.271, 0.9 * 0.488])
    assert seen["ten steps"] == seen["ten cubic steps"] and sum(seen["one step"], []) == list(range(20))


def test_a_stored_picture_keeps_its_ground_and_the_colours_of_seven_lines():
    with style.applied():
        figure = plt.figure(figsize=(style.WIDE, 3))
        axes = figure.add_subplot()
        for number, colour in enumerate(style.PALETTE):
            axes.plot([0, 1], [number, number + 1], color=colour, linewidth=1)
        stored = notebooks.smaller_picture(base64.b64encode(style.small_png(figure)).decode())
    plt.close(figure)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(stored))).convert("RGB")).reshape(-1, 3)
    assert np.abs(shown[0] - 255 * np.array(matplotlib.colors.to_rgb(style.GROUND))).max() <= 4
    for colour in style.PALETTE:
        wanted = 255 * np.array(matplotlib.colors.to_rgb(colour))
        assert np.abs(shown - wanted).max(1).min() <= 40, colour


def test_an_unknown_scale_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown scale 'column'.*'tensor', 'row', 64"):
        quantization.bits_row("student", 4, "column")


@pytest.mark.parametrize(
    "part, arms",
    [
        (("structured_pruning", "recipe", "arms"), recipe_arms.ARMS),
        (("structured_pruning", "recovery", "ways"), structured_pruning.WAYS),
        (("distillation", "fly", "arms"), distillation.ARMS),
        (("pruning", "training", "methods"), pruning.METHODS),
        (("combined", "order", "arms"), combined.orders(None)),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_the_arms_are_those_of_the_committed_result(part, arms):
    name, *keys = part
    result = paths.results(name)
    for key in keys:
        result = result[key]
    assert list(result) == list(arms)


def test_the_recipes_arm_is_chosen_by_the_mean_over_seeds_and_never_the_unpruned_one():
    unpruned = recipe_arms.UNPRUNED
    perplexities = {"one order": [30.0, 36.0], "the reverse": [31.0, 33.0], unpruned: [24.0, 24.0]}
    arms = {name: [{"perplexity": value} for value in values] for name, values in perplexities.items()}
    assert structured_pruning.best_arm(arms) == "the reverse"


# ---------------------------------------------------------------- writing


def test_a_part_that_is_not_measured_now_stays(folder):
    common.write("x", {"first": {"a": 1}}, ["first", "second"])
    common.write("x", {"second": {"b": 2}}, ["first", "second"])
    assert written(folder, "x")["first"] == {"a": 1} and written(folder, "x")["second"] == {"b": 2}


def test_parts_stand_in_the_benchmarks_order(folder):
    for part in ("second", "first"):
        common.write("x", {part: {}}, ["first", "second"])
    assert [key for key in written(folder, "x") if key in ("first", "second")] == ["first", "second"]


def test_a_part_that_the_benchmark_no_longer_has_goes(folder):
    common.write("x", {"old": {}}, ["old"])
    common.write("x", {"new": {}}, ["new"])
    assert "old" not in written(folder, "x")


def test_every_part_keeps_the_commit_at_which_it_was_measured(folder, monkeypatch):
    for part in ("first", "second"):
        monkeypatch.setattr(common, "commit", lambda part=part: f"commit of {part}")
        common.write("x", {part: {}}, ["first", "second"])
    assert written(folder, "x")["commits"] == {"first": "commit of first", "second": "commit of second"}
    assert written(folder, "x")["commit"] == "commit of second"


def test_a_result_without_parts_is_written_anew(folder):
    common.write("x", {"a": 1})
    common.write("x", {"b": 2})
    assert "a" not in written(folder, "x") and written(folder, "x")["b"] == 2


def test_a_result_is_written_whole_or_not_at_all(folder):
    common.write("x", {"a": 1})
    before = (folder / "x.json").read_bytes()
    with pytest.raises(TypeError):
        common.write("x", {"a": torch.nn.Linear(1, 1)})  # JSON cannot hold this
    assert (folder / "x.json").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["x.json"]


def test_a_part_that_fails_leaves_those_before_it(folder):
    def fails() -> dict:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        common.measure_parts("x", {"good": lambda: {"a": 1}, "bad": fails}, [])
    assert written(folder, "x")["good"] == {"a": 1} and "bad" not in written(folder, "x")


def test_every_part_starts_from_the_same_random_numbers(folder):
    draw = lambda: {"drawn": torch.rand(1).item()}  # noqa: E731
    common.measure_parts("x", {"one": draw, "two": draw}, [])
    assert written(folder, "x")["one"] == written(folder, "x")["two"]


# ---------------------------------------------------------------- oracles, clocks, lessons


def test_a_missing_environment_of_oracles_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(common, "ORACLES", tmp_path)
    with pytest.raises(ValueError, match="there is no .*python: `make parity`"):
        common.run_oracle("trl", "file")


def test_cpu_seconds_of_several_threads_are_refused():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="one thread only, and torch uses 2"):
            clocks.cpu_seconds(list)
    finally:
        torch.set_num_threads(before)


def test_one_thread_gives_the_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with clocks.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_calls_take_turns_after_a_round_that_is_not_counted():
    order = []
    taken = clocks.in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 2, "b": 2}


def test_the_rate_falls_linearly_to_zero():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    rates = [optimizer.param_groups[0]["lr"] for _ in lessons.falling_rate([{}] * 4, optimizer)]
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_learning_gives_the_modes_back_and_changes_the_model(llama, tokens):
    optimizer = torch.optim.SGD(llama.parameters(), lr=0.1)
    before = llama.get_input_embeddings().weight.detach().clone()
    losses = lessons.learn(llama, [{"input_ids": tokens}] * 2, lessons.label_loss, optimizer)
    assert len(losses) == 2 and losses[1] < losses[0]
    assert not llama.training
    assert not torch.equal(llama.get_input_embeddings().weight, before)


def test_training_batches_are_a_function_of_the_seed():
    batches = [lessons.training_batches(2, 3, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert batches[0][0]["input_ids"].shape == (3, lessons.CONTEXT)
    assert torch.equal(batches[0][1]["input_ids"], batches[1][1]["input_ids"])
    assert not torch.equal(batches[0][1]["input_ids"], batches[2][1]["input_ids"])
