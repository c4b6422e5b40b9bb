"""An ONNX file with a cache: in onnxruntime it computes what the model computes here."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from minicompress.interop import onnx
from minicompress.job import decode
from minicompress.lab import models
from minicompress.lab.paths import ASSETS, ROOT
from minicompress.pipeline import load_compressed

SOURCES = {
    "student": lambda: models.shipped_model("student"),
    "file": lambda: load_compressed(ASSETS / "frontier" / "student-slim.safetensors"),
}
BOUND = 1e-4  # of the largest logit; measured: 2e-6 at most


def runtime():
    return pytest.importorskip("onnxruntime", reason="The extras are not installed: `make extras`.")


class Exported:
    """A model of ours, the file it was exported to, and that file open in onnxruntime."""

    def __init__(self, name: str, folder):
        self.model, self.file = SOURCES[name](), folder / name / onnx.FILE
        onnx.save(self.model, folder / name)
        self.session = runtime().InferenceSession(self.file)
        inputs = {put.name: put.shape for put in self.session.get_inputs()}
        self.past = {name: shape for name, shape in inputs.items() if name.startswith("past")}

    def run(self, ids, mask, cache, positions=None):
        """Logits after `ids`, int64 [B, new], given a mask [B, past + new]; and the cache that goes on."""
        if positions is None:
            positions = (mask.cumsum(1) - 1).clip(0)[:, -ids.shape[1] :]
        fed = {"input_ids": ids, "attention_mask": mask, "position_ids": positions, **cache}
        logits, *presents = self.session.run(None, fed)
        return logits, dict(zip(self.past, presents, strict=True))

    def no_past(self, rows):
        return {name: np.zeros((rows, heads, 0, size), np.float32)
                for name, (_, heads, _, size) in self.past.items()}  # fmt: skip

    def ours(self, ids):
        """Our logits for one row without padding or cache: [T, V]."""
        with torch.no_grad():
            return self.model(input_ids=torch.tensor(ids)[None]).logits[0].numpy()


@pytest.fixture(scope="module", params=SOURCES)
def exported(request, tmp_path_factory):
    runtime()
    return Exported(request.param, tmp_path_factory.mktemp("onnx"))


def assert_close(got, wanted):
    assert np.abs(got - wanted).max() <= BOUND * np.abs(wanted).max()


# ------------------------------------------------------------ the same numbers


def test_rows_with_pasts_of_different_lengths_get_our_logits_step_by_step(exported):
    """Prompts of 5, 9 and 2 tokens in one batch, padded on the left; then three steps of one token each."""
    generator = np.random.default_rng(0)
    rows = [generator.integers(1, 2048, length + 3) for length in (5, 9, 2)]
    ids = np.stack([np.pad(row, (12 - len(row), 0)) for row in rows])  # [3, 9 + 3]
    mask = np.stack([np.pad(np.ones(len(row), np.int64), (12 - len(row), 0)) for row in rows])
    wanted = [exported.ours(row) for row in rows]
    logits, cache = exported.run(ids[:, :9], mask[:, :9], exported.no_past(3))
    for row, (got, right) in enumerate(zip(logits, wanted, strict=True)):
        length = len(rows[row]) - 3
        assert_close(got[-length:], right[:length])
    for step in range(3):
        logits, cache = exported.run(ids[:, 9 + step : 10 + step], mask[:, : 10 + step], cache)
        for got, right in zip(logits, wanted, strict=True):
            assert_close(got[0], right[step - 3])


@pytest.mark.parametrize("pieces", [[1, 1, 1, 1, 1, 1, 1], [7], [3, 4], [6, 1]])
def test_a_text_may_be_read_in_pieces_of_any_length(exported, pieces):
    ids, cache, start = np.arange(1, 8)[None], exported.no_past(1), 0
    for piece in pieces:
        end = start + piece
        logits, cache = exported.run(ids[:, start:end], np.ones((1, end), np.int64), cache)
        start = end
    assert_close(logits[0, -1], exported.ours(ids[0])[-1])


def test_the_positions_are_those_that_are_given(exported):
    """Rotary embeddings see distances alone, so that a shift would tell nothing: a gap does."""
    ids, positions = np.arange(1, 6)[None], np.array([[0, 1, 2, 40, 41]])
    logits, _ = exported.run(ids, np.ones((1, 5), np.int64), exported.no_past(1), positions)
    with torch.no_grad():
        given = {"input_ids": torch.tensor(ids), "position_ids": torch.tensor(positions)}
        wanted = exported.model(**given, attention_mask=torch.ones(1, 5)).logits[0].numpy()
    assert_close(logits[0], wanted)


def test_plain_onnxruntime_completes_a_text_as_we_do(exported):
    from minicompress.interop.onnx_complete import greedy

    prompt = [17, 4, 99, 300]
    assert greedy(exported.file, prompt, 24) == decode.complete(exported.model, prompt, 24)


def test_plain_onnxruntime_needs_no_torch(exported):
    text = (
        "import sys; from minicompress.interop.onnx_complete import greedy; "
        f"greedy({str(exported.file)!r}, [17, 4], 2); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.stdout == "False\n", done.stderr


def test_an_empty_prompt_is_refused(exported):
    from minicompress.interop.onnx_complete import greedy

    with pytest.raises(ValueError, match="the prompt is empty"):
        greedy(exported.file, [], 1)


# ------------------------------------------------------------ the file


def test_inputs_and_outputs_have_the_usual_names_and_sizes_of_their_own(exported):
    puts = [*exported.session.get_inputs(), *exported.session.get_outputs()]
    shapes = {put.name: put.shape for put in puts}
    heads, size = exported.model.config.num_key_value_heads, exported.model.config.head_dim
    assert shapes["input_ids"] == shapes["position_ids"] == ["batch", "new"]
    assert shapes["attention_mask"] == ["batch", "total"] and shapes["logits"] == ["batch", "new", 2048]
    assert (
        shapes["past_key_values.0.key"] == shapes["past_key_values.2.value"] == ["batch", heads, "past", size]
    )
    rows, *after, length, inside = shapes["present.2.value"]
    assert (rows, *after, inside) == ("batch", heads, size) and set(length.split(" + ")) == {"past", "new"}


def test_integers_stay_one_byte_each(exported):
    tensors = {tensor.data_ptr(): tensor for tensor in exported.model.state_dict().values()}  # tied ones once
    size = sum(tensor.nbytes for tensor in tensors.values())
    assert size < exported.file.stat().st_size < size + 200_000  # the graph itself


def test_the_file_names_no_place_on_this_machine(exported):
    assert str(ROOT).encode() not in exported.file.read_bytes()


def test_the_model_keeps_the_attention_that_it_had(exported):
    assert exported.model.config._attn_implementation == "sdpa"


# ------------------------------------------------------------ what is refused, and nothing half-written


def test_a_missing_package_is_named_with_what_installs_it(llama, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match="onnx and onnxscript must be installed for this: run `make extras`"):
        onnx.save(llama, tmp_path / "out")
    assert not [*tmp_path.iterdir()]


def test_a_model_that_does_not_go_on_with_a_text_is_refused(tmp_path):
    runtime()
    with pytest.raises(ValueError, match="BertForMaskedLM keeps no cache of keys and values"):
        onnx.save(models.shipped_model("bert"), tmp_path / "out")
    assert not [*tmp_path.iterdir()]


def test_a_disk_that_is_full_half_way_leaves_nothing(llama, tmp_path, monkeypatch):
    runtime()

    class HalfWritten:
        model = None

        def save(self, path):
            path.write_bytes(b"half")
            raise OSError("no space left on device")

    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: HalfWritten())
    monkeypatch.setattr(onnx, "forget_source", lambda _: None)
    with pytest.raises(OSError, match="no space left"):
        onnx.save(llama, tmp_path / "out")
    assert not [*tmp_path.iterdir()] and llama.config._attn_implementation == "sdpa"


def test_a_file_that_is_cut_off_does_not_open(exported, tmp_path):
    half = tmp_path / "half.onnx"
    half.write_bytes(exported.file.read_bytes()[:-100])
    with pytest.raises(Exception, match="(?i)protobuf|fail"):
        runtime().InferenceSession(half)
