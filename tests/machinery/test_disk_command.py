"""Given: `minicompress compress` itself, the text it calibrates on, and what it says."""

import ast
import shutil
from pathlib import Path

import disk_models
import pytest
import torch
from typer.testing import CliRunner

from minicompress import cli
from minicompress.disk import commands, compress
from minicompress.disk.compress import located
from minicompress.disk.text import Calibration, batches
from minicompress.lab import machine, plain_text, smollm2
from minicompress.lab.corpus import load_tokenizer
from minicompress.lab.models import shipped_text
from minicompress.lab.paths import ASSETS

WORDS = load_tokenizer().get_vocab_size()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A checkpoint with the shipped tokenizer's vocabulary: it has no tokenizer of its own."""
    folder = tmp_path_factory.mktemp("source") / "tiny"
    return disk_models.saved("llama", folder, shard="1GB", vocab_size=WORDS)


@pytest.fixture
def config(source):
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source)


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("def f(x):\n    return x + 1\n" * 40, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def own_memory(monkeypatch):
    """The command changes how its whole process frees memory: the tests' own stays as it is."""
    monkeypatch.setattr(machine, "return_freed_memory", lambda: None)


def run(*words):
    return CliRunner().invoke(cli.app, ["compress", *map(str, words)], catch_exceptions=True)


def test_the_command_writes_a_checkpoint_and_says_what_it_holds(source, note, tmp_path):
    out = tmp_path / "out"
    text = ("--text", note, "--samples", 3, "--length", 16)
    done = run(source, "--method", "wanda", "--sparsity", 0.25, *text, "--out", out)
    assert done.exit_code == 0, done.output
    assert "25.0% zeros in the matrices of its blocks" in done.output
    pruned = disk_models.loaded(out, torch.bfloat16).model.layers[0].mlp.up_proj.weight
    assert ((pruned == 0).sum(1) == 4).all()  # a quarter of the 16 inputs of each row


def test_an_interruption_says_how_to_go_on(source, tmp_path, monkeypatch):
    def interrupted(request):
        raise KeyboardInterrupt

    monkeypatch.setattr(compress, "compress", interrupted)
    done = run(source, "--method", "magnitude", "--out", tmp_path / "out")
    assert done.exit_code == 130
    assert "the same command goes on with the next block" in done.output


def test_help_imports_nothing_heavy():
    """Everything that the command needs is imported when it runs."""
    tree = ast.parse(Path(commands.__file__).read_text(encoding="utf-8"))
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in statements}
    assert names <= {"re", "sys", "pathlib", "typing", "typer"}


def test_a_pattern_is_two_numbers():
    assert commands.pattern_of("2:4") == (2, 4)
    assert commands.pattern_of(None) is None


@pytest.mark.parametrize("words", ["2", "2:4:8", "a:b", "4:2", "0:4", "-1:4"])
def test_another_pattern_is_refused(words):
    with pytest.raises(ValueError, match="--pattern is n:m with 1 <= n <= m, say 2:4, got"):
        commands.pattern_of(words)


# ---------------------------------------------------------------- where a checkpoint is


def test_a_folder_is_itself(source):
    assert located(str(source)) == source


def test_smollm2_is_the_converted_model(monkeypatch, tmp_path):
    monkeypatch.setattr(smollm2, "folder", lambda: tmp_path)
    assert located("smollm2") == tmp_path


def test_a_hub_id_is_looked_for_in_the_cache_alone(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(
        compress, "snapshot_download", lambda name, **options: asked.update(options, name=name) or tmp_path
    )
    assert located("someone/model") == tmp_path
    assert asked == {"name": "someone/model", "local_files_only": True}


@pytest.mark.parametrize("name", ["no-such/model", "no such: model"])
def test_what_is_nowhere_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is neither a folder nor a model in the hub's cache"):
        located(name)


# ---------------------------------------------------------------- the text


def test_the_text_of_the_course_is_half_english_half_code(source, config):
    found = batches(Calibration(samples=4, length=16), source, config)
    halves = [
        plain_text.sequences(documents("calibration"), shipped_text().encode, 16, 2)[0]
        for documents in (plain_text.english, plain_text.code)
    ]
    assert torch.equal(torch.cat([batch["input_ids"] for batch in found]), torch.cat(halves))


def test_the_same_seed_draws_the_same_sequences_each_once(source, config, note):
    draws = [
        torch.cat([b["input_ids"] for b in batches(Calibration([note], 4, 8, seed), source, config)])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 0}, "samples must be at least 1 .*, got 0 and 8"),
        ({"length": 33}, r"length lie in 1..32, the model's context, got 4 and 33"),
        ({"samples": 10_000}, "whole sequences of 8 tokens, 10000 are wanted"),
        ({"files": [Path("nowhere.txt")]}, "cannot read the text file nowhere.txt"),
    ],
)
def test_a_text_that_does_not_do_is_refused(changes, message, source, config, note):
    with pytest.raises(ValueError, match=message):
        batches(Calibration(**{"files": [note], "samples": 4, "length": 8} | changes), source, config)


def test_a_model_without_a_tokenizer_of_its_own_size_is_refused(tmp_path):
    folder = disk_models.saved("llama", tmp_path / "tiny")
    with pytest.raises(ValueError, match="no usable tokenizer"):
        compress.compress(compress.Request(str(folder), "wanda", tmp_path / "out", {}, Calibration(length=8)))
    assert not (tmp_path / ".out.partial").exists()


def test_the_shipped_teacher_can_be_compressed(tmp_path):
    """In one file, with a tokenizer of its own beside it."""
    source = shutil.copytree(ASSETS / "student", tmp_path / "student")
    shutil.copy(ASSETS / "tokenizer.json", source)
    done = run(source, "--method", "round", "--bits", 3, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "tokenizer.json").is_file()
