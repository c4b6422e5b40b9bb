"""Course-wide checks: the switch works, and the command line answers bad input in one sentence."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from minicompress import cli
from minicompress.job import job
from minicompress.job.measure import measure_alone
from minicompress.lab import machine
from minicompress.lab.models import shipped_model
from minicompress.lab.paths import ROOT
from minicompress.pipeline import quantize_model, save_compressed


def python(code: str, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env=os.environ | environment,
    )


def test_the_switch_chooses_solutions_for_all_or_for_some_modules():
    code = "from minicompress import metrics, pruning\n"
    code += "print('solutions' in metrics.__file__, 'solutions' in pruning.__file__)"
    assert python(code, MINICOMPRESS_SOLUTIONS="1").stdout.split() == ["True", "True"]
    assert python(code, MINICOMPRESS_SOLUTIONS="pruning").stdout.split() == ["False", "True"]
    assert python(code, MINICOMPRESS_SOLUTIONS="").stdout.split() == ["False", "False"]
    assert "use 1, or some of" in python(code, MINICOMPRESS_SOLUTIONS="prunning").stderr


# ------------------------------------------------------------ the command line


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Tiny random models saved locally: Llama with grouped KV heads, GPT-2, BERT, and a Llama of another
    vocabulary.
    """
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    small = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, max_position_embeddings=64)
    llama = LlamaConfig(
        vocab_size=2048, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False, **small
    )
    other = LlamaConfig(vocab_size=300, num_attention_heads=4, num_key_value_heads=2, **small)
    gpt2 = GPT2Config(
        vocab_size=2048, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0
    )
    bert = BertConfig(vocab_size=99, num_attention_heads=2, **small)
    for name, model in {
        "llama": LlamaForCausalLM(llama),
        "other": LlamaForCausalLM(other),
        "gpt2": GPT2LMHeadModel(gpt2),
        "bert": BertForMaskedLM(bert),
    }.items():
        model.save_pretrained(folder / name)
    shutil.copy(ROOT / "minicompress" / "lab" / "corpus.py", folder / "text.py")
    (folder / "empty.txt").write_text(" \n")
    (folder / "short.txt").write_text("x = 1\n")
    return folder


def minicompress(*words, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "minicompress.cli", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        **options,
    )


BAD = {
    "missing text": (["--teacher", "llama", "--text", "absent.txt"], "absent.txt"),
    "empty text": (["--teacher", "llama", "--text", "empty.txt"], "is empty"),
    "short text": (["--teacher", "llama", "--text", "short.txt"], "0 whole sequences of 64 tokens"),
    "missing model": (["--teacher", "nowhere", "--text", "text.py"], "nowhere"),
    "no causal model": (["--teacher", "bert", "--text", "text.py"], "BertForMaskedLM"),
    "other vocabulary": (
        ["--teacher", "llama", "--student", "other", "--text", "text.py"],
        "teacher 2048, student 300",
    ),
    "no tokenizer": (["--teacher", "other", "--text", "text.py"], "no usable tokenizer"),
    "unwritable folder": (
        ["--teacher", "llama", "--text", "text.py", "--out", "text.py/out"],
        "cannot write",
    ),
    "half of a pair": (["--teacher", "llama"], "belong together"),
    "unknown option": (["--sparsity", "2"], "--sparsity"),
}


@pytest.fixture
def minicompress_here(models, monkeypatch, capfd):
    """Run a command in this process, beside the models: (exit code, stderr). A new Python takes seconds."""

    def run(*words) -> tuple[int, str]:
        monkeypatch.chdir(models)
        monkeypatch.setattr(sys, "argv", ["minicompress", *map(str, words)])
        monkeypatch.setattr(machine, "keep_freed_memory", lambda: None)  # it would last
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, capfd.readouterr().err

    return run


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_sentence_and_exit_code_2(minicompress_here, case):
    words, named = BAD[case]
    code, said = minicompress_here("run", "--quick", *words)
    assert code == 2 and named in said and len(said.strip().splitlines()) == 1, said


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_your_own_model_and_text(minicompress_here, monkeypatch, tmp_path, name):
    speed = {"tokens_per_second": 1.0, "peak_memory_bytes": 1}
    monkeypatch.setattr(job, "measure_alone", lambda path: speed)  # a process each, tried elsewhere
    words = ["--teacher", name, "--text", "text.py", "--out", tmp_path / "out"]
    assert minicompress_here("run", "--quick", *words)[0] == 0
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text(encoding="utf-8"))
    stages = ["teacher", "distilled", "pruned", "fine-tuned", "quantized"]
    assert [stage["name"] for stage in ledger["stages"]] == stages
    for stage in ledger["stages"]:
        assert stage["tensor_bytes_predicted"] == stage["tensor_bytes_measured"]
    assert ledger["stages"][-1]["ratio"] > 3 and (tmp_path / "out" / "ledger.png").stat().st_size > 10_000


@pytest.mark.skipif(
    'Exercise 6.1 load_compressed")' not in (ROOT / "minicompress/pipeline.py").read_text(encoding="utf-8"),
    reason="you have written it",
)
def test_a_command_that_needs_an_unwritten_exercise_says_which(tmp_path):
    done = minicompress(
        "measure", tmp_path / "model.safetensors", env=os.environ | {"MINICOMPRESS_SOLUTIONS": ""}
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert (
        "Exercise 6.1 load_compressed is not written yet" in done.stderr
        and "MINICOMPRESS_SOLUTIONS=1" in done.stderr
    )


def test_measuring_generation_reports_memory_before_and_after_and_speed(tmp_path):
    model = quantize_model(shipped_model("student"), 4, 4)
    save_compressed(model, tmp_path / "model.safetensors")
    found = measure_alone(tmp_path / "model.safetensors", generation=True)
    assert found["tokens_per_second"] > 0 and found["generate_tokens_per_second"] > 0
    assert 0 < found["resident_after_load_bytes"] < 300e6 and found["load_seconds"] > 0
