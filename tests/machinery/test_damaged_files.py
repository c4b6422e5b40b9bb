"""Given: a file that is damaged or forged is refused in one sentence, quickly and without much memory.

Damaged files fail by their length, their JSON or their checksum. Forged ones have a right checksum over wrong
contents: `build_model` has to find out.
"""

import copy
import json
import math
import random
import resource
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from minicompress.low_rank import convert_to_low_rank
from minicompress.pipeline import checksum, load_compressed, quantize_model, save_compressed
from minicompress.pruning import apply_mask, magnitude_mask

LAYER = "model.layers.0.mlp.up_proj"  # 64 x 32, int4 in groups of 16, or of rank 5
NORM = "model.norm.weight"
MEGABYTES = 2**10 if sys.platform == "linux" else 2**20  # the unit of ru_maxrss


def assert_refused(path) -> None:
    """ValueError, one line of it, in little time and memory."""
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(ValueError) as error:
        load_compressed(path)
    assert type(error.value) is ValueError, "not a subclass, which says more than was promised"
    assert str(error.value).strip() and len(str(error.value).splitlines()) == 1
    assert time.process_time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200 * MEGABYTES


# ---------------------------------------------------------------- two files that are whole


def tiny_llama():
    """A random Llama with 2 blocks and tied embeddings, 50 tokens, 32 features, 64 neurons."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def quantized():
    return quantize_model(tiny_llama(), 4, 8, group_size=16)


def low_rank():
    """Two fp16 factors a layer, the first of them with many zeros."""
    model = tiny_llama()
    convert_to_low_rank(model, 5)
    for block in model.model.layers:
        apply_mask(block.mlp.up_proj.U, magnitude_mask(block.mlp.up_proj.U.weight.detach(), 0.7))
    return model


@cache
def whole(make) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.safetensors"
        save_compressed(make(), path)
        return path.read_bytes()


def parts(data: bytes) -> tuple[dict, dict[str, torch.Tensor]]:
    """(header, tensors) of a file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["minicompress"]), load(data)


def file_of(header: object, tensors: dict[str, torch.Tensor]) -> bytes:
    """A file with this very header."""
    return save(tensors, {"minicompress": json.dumps(header)})


def forged(header: dict, tensors: dict[str, torch.Tensor]) -> bytes:
    """A file whose checksum is right."""
    header = {key: value for key, value in header.items() if key != "sha256"}
    return file_of(header | {"sha256": checksum(header, tensors)}, tensors)


@pytest.mark.parametrize("make", [quantized, low_rank])
def test_a_file_that_is_taken_apart_and_put_together_again_is_read(tmp_path, make):
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(*parts(whole(make))))
    load_compressed(path)


# ---------------------------------------------------------------- damaged


@pytest.mark.parametrize("share", [step / 32 for step in range(32)])
@pytest.mark.parametrize("make", [quantized, low_rank])
def test_a_file_that_ends_early_is_refused(tmp_path, make, share):
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole(make)[: int(share * len(whole(make)))])
    assert_refused(path)


@pytest.mark.parametrize("missing", [1, 2, 8, 64])
def test_a_file_that_misses_its_last_bytes_is_refused(tmp_path, missing):
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole(quantized)[:-missing])
    assert_refused(path)


def flipped_places() -> list[int]:
    """The eight bytes of the length, 16 places in the metadata, 16 in the list of tensors, 16 in the data."""
    data = whole(quantized)
    start = 8 + int.from_bytes(data[:8], "little")
    metadata = data.index(b'"__metadata__"'), data.index(b'"sha256') + 80
    areas = [metadata, (metadata[1], start - 8), (start, len(data))]
    return [*range(8), *(begin + (end - begin) * step // 16 for begin, end in areas for step in range(16))]


@pytest.mark.parametrize("number", range(8 + 3 * 16))
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_flipped_bit_is_noticed(tmp_path, number, bit):
    path, data = tmp_path / "model.safetensors", bytearray(whole(quantized))
    data[flipped_places()[number]] ^= bit
    path.write_bytes(data)
    assert_refused(path)


FOREIGN = {
    "nothing": b"",
    "one byte": b"{",
    "a text": b"Once upon a time there was a model.\n" * 40,
    "JSON": b'{"format": "minicompress 2"}',
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07pickled\x94.",
    "an archive": b"PK\x03\x04" + bytes(400),
    "zeros": bytes(4096),
    "a header of 2^63 bytes": (2**63).to_bytes(8, "little") + b"{}" * 40,
    "a header of 90 MB that is not there": (90 * 10**6).to_bytes(8, "little") + b"{}" * 40,
    "an empty header": (2).to_bytes(8, "little") + b"{}",
    "a header that is a list": (2).to_bytes(8, "little") + b"[]",
    "another program's file": save({"weight": torch.zeros(2)}),
    "another program's metadata": save({"weight": torch.zeros(2)}, {"format": "pt"}),
    **{f"random bytes {seed}": random.Random(seed).randbytes(200 * seed) for seed in range(1, 11)},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_compressed_model_is_refused(tmp_path, name):
    path = tmp_path / "model.safetensors"
    path.write_bytes(FOREIGN[name])
    assert_refused(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    assert_refused(tmp_path)
    assert_refused(tmp_path / "absent.safetensors")


ENTRIES = {
    "null": "null",
    "a number": "3",
    "a string": '"minicompress 2"',
    "a list": "[]",
    "a list of pairs": '[["format", "minicompress 2"], [1, 2]]',
    "a list of lists": "[[[], []]]",
    "an empty mapping": "{}",
    "cut JSON": '{"format": "minic',
    "a word": "minicompress",
    "empty": "",
    "deep JSON": "[" * 10**5 + "]" * 10**5,
    "a deep mapping": '{"format":' + '{"a":' * 960 + "1" + "}" * 961,
    "a number of 5,000 digits": '{"format": ' + "9" * 5000 + "}",
    "half a surrogate pair": '{"format": "\\ud800"}',
}


@pytest.mark.parametrize("name", ENTRIES)
def test_metadata_that_is_no_header_is_refused(tmp_path, name):
    path = tmp_path / "model.safetensors"
    path.write_bytes(save({"weight": torch.zeros(2)}, {"minicompress": ENTRIES[name]}))
    assert_refused(path)


@pytest.mark.parametrize("said", [None, "", "0" * 64, 0, [], {}])
def test_another_checksum_is_refused(tmp_path, said):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of(header | {"sha256": said}, tensors))
    assert_refused(path)


# ---------------------------------------------------------------- forged: the header


@pytest.mark.parametrize("said", [None, "", 2, [], {}, "minicompress", "minicompress 1", "minicompress 3"])
def test_another_format_is_refused_and_named(tmp_path, said):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header | {"format": said}, tensors))
    assert_refused(path)
    with pytest.raises(ValueError, match=f"{said!r}".replace("[", r"\[").replace("{", r"\{")):
        load_compressed(path)


@pytest.mark.parametrize("key", ["format", "config", "manifest"])
def test_a_header_without_one_of_its_keys_is_refused(tmp_path, key):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged({name: value for name, value in header.items() if name != key}, tensors))
    assert_refused(path)


JUNK = [None, True, 5, 0.5, "text", [], [1], {}, {"a": {"b": [{"c": None}]}}]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(
    "place", [("manifest",), ("manifest", "encoded"), ("manifest", "low_rank"), ("config",)]
)
def test_a_part_of_the_header_of_another_type_is_refused(tmp_path, place, junk):
    make = low_rank if place[-1] == "low_rank" else quantized
    header, tensors = parts(whole(make))
    *outer, last = place
    part = header
    for key in outer:
        part = part[key]
    part[last] = junk
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


def test_a_manifest_with_a_third_part_is_refused(tmp_path):
    header, tensors = parts(whole(quantized))
    header["manifest"]["code"] = {}
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


LINES = {
    "an unknown encoding": [
        [name, [64, 32], 16]
        for name in (
            "int9",
            "int1",
            "INT4",
            "int4 ",
            "fp32",
            "bitmask",
            "",
            "../int4",
            None,
            4,
            True,
            ["int4"],
            {},
        )
    ],
    "another encoding": [
        [name, [64, 32], 16]
        for name in (
            "int2",
            "int3",
            "int8",
            "ternary",
            "septenary",
            "sign24",
            "bitmask4",
            "fp16",
            "fp16-bitmask",
        )
    ],
    "another shape": [
        ["int4", shape, 16] for shape in ([32, 64], [2048], [64, 32, 1], [64, 16], [1, 1], [2])
    ],
    "no shape": [
        ["int4", shape, 16]
        for shape in (
            [],
            None,
            64,
            "64x32",
            {},
            ["64", "32"],
            [[64], [32]],
            [None, 32],
            [True, 32],
            [64.0, 32],
        )
    ],
    "a size that is none": [
        ["int4", shape, 16]
        for shape in ([0, 32], [-64, -32], [-64, 32], [math.nan, 32], [math.inf, 32], [64.5, 32])
    ],
    "an absurd shape": [
        [name, shape, 16]
        for name in ("int4", "bitmask4", "septenary", "sign24", "fp16", "fp16-bitmask")
        for shape in ([10**7, 10**7], [10**18, 10**18], [10**400, 4])
    ],
    "another group size": [["int4", [64, 32], group] for group in (1, 2, 8, 32, 64, 3, 10**30)],
    "no group size": [
        ["int4", [64, 32], group] for group in (0, -16, 16.0, "16", None, True, [16], {}, math.nan)
    ],
    "too short or too long": [[], ["int4"], ["int4", [64, 32]], ["int4", [64, 32], 16, 16]],
    "of another type": [None, 5, "int4", {}, {"encoding": "int4", "shape": [64, 32], "group_size": 16}],
}


@pytest.mark.parametrize(
    ("what", "number"), [(what, number) for what, lines in LINES.items() for number in range(len(lines))]
)
def test_a_wrong_line_of_the_manifest_is_refused(tmp_path, what, number):
    header, tensors = parts(whole(quantized))
    header["manifest"]["encoded"][LAYER] = LINES[what][number]
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


LAYERS = [
    "",
    "lm_head",
    "model",
    "model.layers",
    "model.layers.0",
    "model.norm",
    NORM,
    f"{LAYER}.values",
    "a\nb",
    ".",
]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("stored", [True, False])
def test_a_line_for_what_is_no_encoded_layer_is_refused(tmp_path, name, stored):
    header, tensors = parts(whole(quantized))
    header["manifest"]["encoded"][name] = ["int8", [4, 4]]
    if stored:
        tensors |= {name: torch.zeros(16, dtype=torch.uint8), f"{name}.scale": torch.ones(4, 1).half()}
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


def test_a_layer_without_its_line_is_refused(tmp_path):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    for layer in header["manifest"]["encoded"]:
        changed = copy.deepcopy(header)
        del changed["manifest"]["encoded"][layer]
        path.write_bytes(forged(changed, tensors))
        assert_refused(path)


@pytest.mark.parametrize("rank", [0, -5, 4, 6, 5.0, "5", True, None, [5], {}, 32, 10**7, 10**18, 10**400])
def test_a_rank_that_does_not_fit_is_refused(tmp_path, rank):
    header, tensors = parts(whole(low_rank))
    header["manifest"]["low_rank"][LAYER] = rank
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


@pytest.mark.parametrize(
    "name", ["", "absent", "model.embed_tokens", "model.layers.0", "model.norm", f"{LAYER}.U"]
)
def test_a_rank_of_what_is_no_layer_is_refused(tmp_path, name):
    header, tensors = parts(whole(low_rank))
    header["manifest"]["low_rank"][name] = 5
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


@pytest.mark.parametrize("make", [quantized, low_rank])
def test_ranks_that_are_missing_or_too_many_are_refused(tmp_path, make):
    header, tensors = parts(whole(make))
    low = header["manifest"]["low_rank"]
    header["manifest"]["low_rank"] = {} if low else {LAYER: 5}
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


# ---------------------------------------------------------------- forged: the configuration

VALUES = {
    "model_type": ["nonsense", "bert", "clip", "gpt2", "", None, 5, [], {}],
    "num_hidden_layers": [0, 1, 3, -1, 2.5, "2", None, [2], 10**5, 10**12, 10**400],
    "hidden_size": [31, 33, 64, 0, -32, "32", None, [32], {"a": [[[]]]}, 10**7, 10**12, 10**18],
    "intermediate_size": [63, 65, 0, -64, "64", None, 10**9, 10**18],
    "vocab_size": [49, 51, 0, -50, "50", None, 10**9, 10**18],
    "num_attention_heads": [0, 3, 5, -4, "4", None, 10**6],
    "num_key_value_heads": [0, 1, 3, 4, -2, "2", 10**6],
    "head_dim": [0, 4, 7, -8, "8", 10**9],
    "tie_word_embeddings": [False],
    "num_labels": [10**9, 10**18, "2"],
    "hidden_act": ["nonsense", 5, None],
    "pad_token_id": [10**9, "0"],
    "rms_norm_eps": ["small"],
    "rope_parameters": ["nonsense", 5, [], {"rope_type": "nonsense"}],
    "attention_bias": [True],
    "mlp_bias": [True],
    "max_position_embeddings": ["64"],
}


@pytest.mark.parametrize(
    ("key", "number"), [(key, number) for key, values in VALUES.items() for number in range(len(values))]
)
def test_a_configuration_of_another_model_is_refused(tmp_path, key, number):
    header, tensors = parts(whole(quantized))
    header["config"][key] = VALUES[key][number]
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


@pytest.mark.parametrize("key", ["model_type", "hidden_size", "intermediate_size", "vocab_size"])
def test_a_configuration_without_a_key_is_refused(tmp_path, key):
    header, tensors = parts(whole(quantized))
    del header["config"][key]
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


def test_another_model_type_that_counts_its_blocks_by_another_name_is_refused(tmp_path):
    """The header asks for GPT-2 with 10^5 blocks, which it calls n_layer."""
    header, tensors = parts(whole(quantized))
    header["config"] = {"model_type": "gpt2", "n_layer": 10**5}
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors))
    assert_refused(path)


# ---------------------------------------------------------------- forged: the tensors


@pytest.mark.parametrize("make", [quantized, low_rank])
def test_every_tensor_is_missed(tmp_path, make):
    header, tensors = parts(whole(make))
    path = tmp_path / "model.safetensors"
    for name in tensors:
        path.write_bytes(forged(header, {other: tensors[other] for other in tensors if other != name}))
        assert_refused(path)


def test_a_file_without_tensors_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(parts(whole(quantized))[0], {}))
    assert_refused(path)


TYPES = [
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.int8,
    torch.int64,
    torch.bool,
    torch.float8_e4m3fn,
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [NORM, LAYER, f"{LAYER}.scale"])
def test_a_tensor_of_another_type_is_refused(tmp_path, name, dtype):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors | {name: tensors[name].to(dtype)}))
    assert_refused(path)


RESHAPED = {
    "a norm with one feature more": {NORM: torch.ones(33).half()},
    "a norm with one feature less": {NORM: torch.ones(31).half()},
    "a norm that is a matrix": {NORM: torch.ones(1, 32).half()},
    "a norm that is a number": {NORM: torch.tensor(1.0).half()},
    "a norm without features": {NORM: torch.ones(0).half()},
    "a norm of bytes": {NORM: torch.zeros(32, dtype=torch.uint8)},
    "bytes that are a norm": {LAYER: torch.ones(32).half()},
    "one byte less": {LAYER: torch.zeros(1023, dtype=torch.uint8)},
    "one byte more": {LAYER: torch.zeros(1025, dtype=torch.uint8)},
    "no bytes": {LAYER: torch.zeros(0, dtype=torch.uint8)},
    "one byte that is no list": {LAYER: torch.tensor(3, dtype=torch.uint8)},
    "bytes in rows": {LAYER: torch.zeros(64, 16, dtype=torch.uint8)},
    "a scale a row instead of a group": {f"{LAYER}.scale": torch.ones(64, 1).half()},
    "a scale for groups of 8": {f"{LAYER}.scale": torch.ones(64, 4).half()},
    "scales of one row more": {f"{LAYER}.scale": torch.ones(65, 2).half()},
    "scales that are no matrix": {f"{LAYER}.scale": torch.ones(128).half()},
    "scales with the rows last": {f"{LAYER}.scale": torch.ones(2, 64).half()},
    "scales without groups": {f"{LAYER}.scale": torch.ones(64, 0).half()},
    "one tensor too many": {"model.extra": torch.ones(2).half()},
    "one tensor of bytes too many": {"model.extra": torch.ones(2, dtype=torch.uint8)},
    "the tied head": {"lm_head.weight": torch.ones(50, 32).half()},
    "the tied head's scale": {"lm_head.scale": torch.ones(50, 1).half()},
    "a layer's plain weight as well": {f"{LAYER}.weight": torch.ones(64, 32).half()},
    "a layer's integers as well": {f"{LAYER}.values": torch.ones(64, 32).half()},
    "a bias that the model has not": {f"{LAYER}.bias": torch.ones(64).half()},
    "a name of two lines": {"model\nextra": torch.ones(2).half()},
}


@pytest.mark.parametrize("name", RESHAPED)
def test_tensors_that_the_model_has_not_are_refused(tmp_path, name):
    header, tensors = parts(whole(quantized))
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors | RESHAPED[name]))
    assert_refused(path)


SPARSE = f"{LAYER}.U"  # 5 x 32 in fp16: a bitmask of 20 bytes, then two bytes a non-zero

BITMASKS = {
    "without non-zeros": lambda packed: packed[:20],
    "with half a non-zero": lambda packed: packed[:-1],
    "with a non-zero less": lambda packed: packed[:-2],
    "with a non-zero more": lambda packed: torch.cat([packed, packed[-2:]]),
    "with all bits set": lambda packed: torch.cat([torch.full_like(packed[:20], 255), packed[20:]]),
    "with no bit set": lambda packed: torch.cat([torch.zeros_like(packed[:20]), packed[20:]]),
    "that ends in the mask": lambda packed: packed[:19],
    "that is empty": lambda packed: packed[:0],
}


@pytest.mark.parametrize("name", BITMASKS)
def test_a_bitmask_that_does_not_fit_its_non_zeros_is_refused(tmp_path, name):
    header, tensors = parts(whole(low_rank))
    path = tmp_path / "model.safetensors"
    path.write_bytes(forged(header, tensors | {SPARSE: BITMASKS[name](tensors[SPARSE])}))
    assert_refused(path)
