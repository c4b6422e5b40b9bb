"""`minicompress export`: what it writes, what it says, and what it refuses in one sentence."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from minicompress import cli
from minicompress.interop import compressed_tensors
from minicompress.lab import corpus, models
from minicompress.lab.paths import ASSETS, ROOT
from minicompress.pipeline import load_compressed
from minicompress.pruning import nm_mask

FILE = ASSETS / "frontier" / "student-slim.safetensors"


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """Run `minicompress export MODEL --out NEW ...` here; (exit code, what it said, the folder)."""

    def run(model, *options):
        words = ["export", str(model), "--out", str(tmp_path / "new"), *options]
        monkeypatch.setattr(sys, "argv", ["minicompress", *words])
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")  # main sets these two where they are not set
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, "".join(capsys.readouterr()), tmp_path / "new"

    return run


def packed(*options):
    return ("--to", "compressed-tensors", *options)


def bits_and_group(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = config["quantization_config"]["config_groups"]["group_0"]["weights"]
    return weights["num_bits"], weights.get("group_size")


# ------------------------------------------------------------ what it writes


def test_without_options_it_is_four_bits_in_groups_of_32(export):
    code, said, folder = export("student", *packed())
    assert code == 0 and bits_and_group(folder) == (4, 32)
    size = (folder / "model.safetensors").stat().st_size
    assert f"model.safetensors ({size:,} bytes)" in said and "where the package compressed-tensors is" in said


def test_a_group_of_0_is_a_whole_row(export):
    code, _, folder = export("student", *packed("--bits", "8", "--group", "0"))
    assert code == 0 and bits_and_group(folder) == (8, None)


def test_the_tokenizer_comes_along(export):
    _, _, folder = export("student", *packed())
    text = "def read_lines(path):\n    return 12\n"
    own = AutoTokenizer.from_pretrained(folder)
    assert own(text)["input_ids"] == corpus.load_tokenizer().encode(text).ids and own.eos_token == corpus.END


def test_a_compressed_file_is_exported_with_its_integers(export):
    code, _, folder = export(FILE, *packed("--group", "0"))
    assert code == 0
    words = load_file(folder / "model.safetensors")["model.layers.0.mlp.up_proj.weight_packed"]
    stored = load_compressed(FILE).model.layers[0].mlp.up_proj.values
    assert torch.equal(words, compressed_tensors.pack(stored, 4))


def test_a_folder_of_anybody_s_is_exported_and_a_missing_tokenizer_is_said(llama, export, tmp_path):
    llama.save_pretrained(tmp_path / "theirs")
    code, said, folder = export(tmp_path / "theirs", *packed())
    assert code == 0 and "has no tokenizer that fits: the folder holds none." in said
    assert not [*folder.glob("tokenizer*")]


def test_2_4_is_said_to_be_written_dense_and_why(llama, export, tmp_path):
    for layer in compressed_tensors.packable_layers(llama).values():
        layer.weight.data *= nm_mask(layer.weight.data.abs())
    llama.save_pretrained(tmp_path / "theirs")
    _, said, _ = export(tmp_path / "theirs", *packed())
    assert "written dense, zeros and all" in said and "with random weights" in said


def test_onnx_comes_with_configuration_and_tokenizer(export, monkeypatch):
    """What the graph computes is tested in test_interop_onnx.py."""
    monkeypatch.setattr(
        "minicompress.interop.onnx.write", lambda model, folder: model.config.save_pretrained(folder)
    )
    code, said, folder = export("student", "--to", "onnx")
    assert code == 0 and {"config.json", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
    assert "onnxruntime runs it" in said


# ------------------------------------------------------------ what it refuses


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("student", packed("--bits", "3"), "4 or 8 bits here, got 3"),
        ("student", packed("--group", "64"), "must divide the 96 input features, got 64"),
        ("student", packed("--group", "-1"), "got -1"),
        ("student", ("--to", "gguf"), "'gguf' is not one of 'onnx', 'compressed-tensors'"),
        ("student", ("--to", "onnx", "--bits", "4"), "--bits is for compressed-tensors"),
        ("student", ("--to", "onnx", "--group", "32"), "--group is for compressed-tensors"),
        ("bert", packed(), "bert fills in hidden tokens"),
        ("nothing/there.safetensors", packed(), "no file at"),
        (
            "no-such-model-of-ours",
            packed(),
            "cannot load a causal language model from 'no-such-model-of-ours'",
        ),
        (FILE, packed("--group", "64"), "which 64 does not divide"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_leaves_nothing(export, tmp_path, model, options, said):
    code, words, folder = export(model, *options)
    assert code == 2 and said in words and len(words.strip().splitlines()) == 1
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_there_is_refused_before_anything_is_loaded(export, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "shipped_model", None)
    (tmp_path / "new").mkdir()
    code, said, _ = export("student", *packed())
    assert code == 2 and "new exists already: name a new folder" in said


def test_a_missing_package_is_named_with_what_installs_it(export, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, said, _ = export("student", "--to", "onnx")
    assert code == 2 and "onnx and onnxscript must be installed for this: run `make extras`" in said
    assert not [*tmp_path.iterdir()]


# ------------------------------------------------------------ what it costs those who do not use it


def test_the_command_line_starts_without_torch_and_without_the_extras():
    heavy = "torch transformers onnx onnxscript onnxruntime compressed_tensors distributed".split()
    text = f"import sys, minicompress.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
