"""The course beside other tools: medians and ratios, tables, environments, going on after an interruption."""

import json
import sys

import pictures
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.peers import bench, environments, runs, worker
from benchmarks.peers.bench import Bench, Settings, answer_in, model_of
from benchmarks.peers.runs import COMPRESSING, SPEED, Run
from minicompress.lab import peer_tables, style
from minicompress.lab.peer_tables import losses, speed_table, summary, work_table


def a_run(task: str, tool: str, repeat: int, wall: float = 10.0, pass_wall: float = 5.0, **more) -> dict:
    """A row of one run: it took `wall` seconds and three times that of CPU, a pass `pass_wall` of both."""
    row = {"task": task, "tool": tool, "repeat": repeat, "seconds": {"wall": wall, "cpu": 3 * wall}}
    row |= {"passes": [{"wall": pass_wall, "cpu": pass_wall}] * 2, "extra_bytes": 2_000_000}
    return row | {"file_bytes": 5_000_000, "perplexity": {"English": 12.0, "code": 30.0}} | more


DENSE = {"perplexity": {"English": 10.0, "code": 20.0}, "file_bytes": 9_000_000}
FAILED = {"task": "Wanda", "tool": "other", "repeat": 0, "error": "OSError: no GPU | here"}


# ---------------------------------------------------------------- medians and ratios


def test_time_is_the_median_of_each_runs_own_ratio_to_its_own_passes():
    rows = [a_run("Wanda", "minicompress", 0, 9, 4), a_run("Wanda", "minicompress", 1, 11, 5)]
    (record,) = summary(rows)
    assert record["passes"] == {"wall": pytest.approx(2.225), "cpu": pytest.approx(6.675)}
    assert record["runs"] == 2 and record["seconds"]["wall"] == 10


def test_a_pass_is_the_median_of_those_before_and_after_the_run():
    passes = [{"wall": 4.0, "cpu": 1.0}, {"wall": 5.0, "cpu": 1.0}, {"wall": 90.0, "cpu": 1.0}]
    assert summary([a_run("Wanda", "a", 0, wall=10, passes=passes)])[0]["passes"]["wall"] == 2.0


def test_a_run_that_failed_counts_only_where_none_succeeded():
    assert summary([FAILED])[0] == {"task": "Wanda", "tool": "other", "error": FAILED["error"]}
    assert summary([FAILED, a_run("Wanda", "other", 1)])[0]["runs"] == 1


def test_tasks_and_tools_stay_in_the_order_of_their_first_runs():
    rows = [a_run(task, tool, repeat) for repeat in (0, 1) for task, tool in (("b", "x"), ("a", "y"))]
    assert [(record["task"], record["tool"]) for record in summary(rows)] == [("b", "x"), ("a", "y")]


# ---------------------------------------------------------------- tables


def test_the_table_begins_with_the_dense_model_and_says_why_a_tool_does_not_run():
    lines = work_table({"dense": DENSE, "rows": [a_run("Wanda", "minicompress", 0), FAILED]}).splitlines()
    assert lines[2] == "| dense | - | - | - | - | - | 10.00 | 20.00 | 9 |"
    assert lines[3] == "| Wanda | minicompress | 2.00 | 6.00 | 10.0 | 2 | 12.00 | 30.00 | 5 |"
    assert lines[4] == "| Wanda | other | does not run: OSError: no GPU / here |  |  |  |  |  |  |"


def test_a_notebook_shows_the_tools_of_some_tasks_that_succeeded_beside_the_dense_model():
    settings = {"sequences": 8, "length": 512}
    rows = [a_run("Wanda", "minicompress", 0), FAILED, a_run("8 bits", "torchao", 0, file_bytes=None)]
    table = peer_tables.task_table({"dense": DENSE, "rows": rows, "settings": settings}, "Wanda")
    assert [list(column.cells) for column in table.columns] == [
        ["dense", "Wanda"],
        ["-", "minicompress"],
        ["10.00", "12.00"],
        ["20.00", "30.00"],
        ["9", "5"],
        ["-", "2.00"],
    ]
    with pytest.raises(ValueError, match="no tool was measured at magic"):
        peer_tables.task_table({"dense": DENSE, "rows": rows, "settings": settings}, "magic")


def test_speed_is_compared_with_llama_cpp():
    dense = {"task": "t", "tool": "minicompress, dense fp32", "tokens_per_second": [10, 30, 20]}
    dense |= {"prompt_seconds": [0.5], "generate_tokens_per_second": [15], "product_seconds_per_token": 0.04}
    peer = {"task": "t", "tool": "llama.cpp", "tokens_per_second": [100], "prompt_seconds": [0.1]}
    lines = speed_table({"rows": [dense, peer]}).splitlines()
    assert lines[2] == "| minicompress, dense fp32 | 20.0 | 0.20 | 500 | 15.0 | 80% |"
    assert lines[3] == "| llama.cpp | 100.0 | 1.00 | 100 | - | - |"


def test_whoever_is_ahead_of_us_by_more_than_the_margin_is_named_with_both_figures():
    ours = a_run("Wanda", "minicompress", 0)
    better = a_run("Wanda", "other", 0, wall=8, perplexity={"English": 11.95, "code": 1.0})
    assert losses(summary([ours, better]), "English") == ["Wanda: other (passes 1.60 against 2.00)"]
    assert losses(summary([better | {"tool": "minicompress"}, ours | {"tool": "other"}]), "English") == []


def test_the_picture_is_the_same_file_each_time(tmp_path):
    content = {"dense": DENSE, "rows": [a_run("Wanda", "minicompress", 0), a_run("Wanda", "other", 0)]}
    for name in ("a.svg", "b.svg"):
        peer_tables.peers_picture(content, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert {style.BLUE.lower()} < pictures.colours(tmp_path / "a.svg") <= pictures.PALETTE, "ours are blue"
    assert b"fill: #ffffff" in (tmp_path / "a.svg").read_bytes(), "a white ground: readable on a dark page"


# ---------------------------------------------------------------- runs and environments


def test_every_task_has_one_of_ours_first_and_a_rival_and_every_script_and_environment_exists():
    tasks = dict.fromkeys(run.task for run in COMPRESSING)
    for task in tasks:
        tools = [run.tool for run in COMPRESSING if run.task == task]
        assert tools[0].startswith("minicompress") and any("minicompress" not in tool for tool in tools)
    for run in COMPRESSING + SPEED:
        assert (environments.LOCKS / f"{run.script}.py").is_file()
        assert run.environment in [environments.OWN, *environments.names()]
    assert len({run.facts()["task"] + run.tool for run in COMPRESSING}) == len(COMPRESSING)


@pytest.mark.parametrize("name", environments.names())
def test_every_package_of_a_lock_file_is_pinned_and_torch_is_the_one_without_cuda(name):
    lines = environments.lines(name)
    assert all(line.count("==") == 1 for line in lines)
    assert [line for line in lines if line.startswith("torch==")] in ([], ["torch==2.13.0"])
    assert environments.steps(name)[-1] == lines


def test_an_environment_is_made_once_and_again_when_its_lock_file_changes(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(environments, "LOCKS", tmp_path)
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "made")
    monkeypatch.setattr(environments, "ask", asked.append)
    (tmp_path / "made" / "tool").mkdir(parents=True)
    for pinned in ("a==1", "a==1", "a==2"):
        (tmp_path / "tool.lock").write_text(pinned)
        environments.python_of("tool")
    assert [words[-1] for words in asked if "pip" in words] == ["a==1", "a==2"]


def test_an_unknown_environment_is_named():
    with pytest.raises(ValueError, match="unknown environment 'nobody': choose one of llama_cpp"):
        environments.python_of("nobody")


def test_own_environment_is_the_one_that_runs():
    assert str(environments.python_of(environments.OWN)) == sys.executable


# ---------------------------------------------------------------- answers of other processes


def test_the_last_line_is_the_answer_whatever_was_printed_before():
    assert answer_in('loading\n{"seconds": 3}\n', "a warning", 0) == {"seconds": 3}


def test_a_process_that_died_says_what_of():
    assert answer_in("", "noise\nKilled", 137) == {"error": "the process ended with 137: Killed"}
    assert answer_in("no json", "", 0) == {"error": "the process ended with 0: no message"}


@pytest.fixture
def small(tmp_path):
    """A random Llama, in a folder."""
    config = LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_weights_are_judged_in_a_model_of_their_own_number_of_neurons(small):
    weights = worker.plain_weights(worker.load(small))
    for block in (0, 1):
        for name, cut in (("gate", slice(48)), ("up", slice(48)), ("down", (slice(None), slice(48)))):
            key = f"model.layers.{block}.mlp.{name}_proj.weight"
            weights[key] = weights[key][cut].contiguous()
    made = model_of(small, weights)
    assert made.config.intermediate_size == 48
    assert torch.equal(
        made.model.layers[1].mlp.down_proj.weight, weights["model.layers.1.mlp.down_proj.weight"]
    )


def test_weights_that_do_not_fit_are_refused(small):
    weights = worker.plain_weights(worker.load(small))
    del weights["model.norm.weight"]
    with pytest.raises(ValueError, match="model.norm.weight"):
        model_of(small, weights)


# ---------------------------------------------------------------- going on after an interruption


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A bench whose runs only count themselves."""
    asked = []

    def counted(run, words, threads):
        asked.append(run.tool)
        return {"error": "broken"} if run.tool == "broken" else {"tokens_per_second": [1.0]}

    monkeypatch.setattr(bench, "answer_of", counted)
    monkeypatch.setattr(bench.smollm2, "folder", lambda: tmp_path)
    monkeypatch.setattr(bench.smollm2, "gguf_file", lambda: tmp_path)
    monkeypatch.setattr(bench.models, "load_text", lambda *_: bench.models.Text(lambda text: [1] * 99, str))
    monkeypatch.setattr(bench.AutoConfig, "from_pretrained", lambda _: LlamaConfig())
    make = lambda **changed: Bench(  # noqa: E731
        Settings(sequences=2, length=8)._replace(**changed), tmp_path / "peers.json", tmp_path / "work"
    )
    return make, asked


def test_what_the_file_holds_is_not_measured_again_failures_neither(started):
    make, asked = started
    for _ in range(2):
        again = make()
        again.compress(Run("Wanda", "broken", "nowhere", "by_nobody", "wanda"), 0)
        again.speed(Run(runs.DECODING, "dense", "nowhere", "speed", "dense"))
    assert asked == ["broken", "dense"]
    assert [row["tool"] for row in json.loads(again.rows.path.read_text())["rows"]] == asked


def test_the_same_weights_are_judged_once_and_other_weights_anew(started, tmp_path, monkeypatch):
    bench_now, judged = started[0](), []
    monkeypatch.setattr(bench, "load_file", lambda path: path.read_bytes())
    monkeypatch.setattr(bench, "model_of", lambda folder, weights: weights)
    monkeypatch.setattr(
        Bench, "perplexities", lambda self, weights: judged.append(weights) or {"English": 9.0}
    )
    run, file = Run("Wanda", "ours", "nowhere", "by_nobody", "wanda"), tmp_path / "weights"
    for content in (b"a", b"a", b"b"):
        file.write_bytes(content)
        bench_now.rows.add(rows=[run.facts() | bench_now.judged(run, file)])
    assert judged == [b"a", b"b"]


def test_a_file_with_other_settings_is_refused(started):
    make, _ = started
    make()
    with pytest.raises(ValueError, match="other settings"):
        make(length=16)


# ---------------------------------------------------------------- a script's own work


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_worker_measures_and_writes_the_weights_and_the_saved_model(small, tmp_path, monkeypatch):
    monkeypatch.setitem(worker.TINY, "vocab_size", 256)
    save_file({"calibration": torch.randint(256, (2, 8))}, tmp_path / "tokens.safetensors")

    def halved(model, tokens):
        model.model.norm.weight.data.mul_(0.5)
        return model

    tool = worker.Tool({"half": halved}, worker.save_half, worker.plain_weights, ())
    found = worker.measured(tool, "half", tmp_path, small, 1)
    assert len(found["passes"]) == 2 and found["file_bytes"] > 0
    weights = load_file(tmp_path / "weights.safetensors")
    assert weights["model.norm.weight"].unique().tolist() == [0.5] and "lm_head.weight" not in weights


def test_a_tool_that_cannot_save_what_it_made_says_why(small, tmp_path):
    def refuse(model, folder):
        raise NotImplementedError("no such format")

    found = worker.saved(worker.Tool({}, refuse, worker.plain_weights, ()), None, tmp_path / "saved")
    assert found == {"file_bytes": None, "not_saved": "NotImplementedError: no such format"}
