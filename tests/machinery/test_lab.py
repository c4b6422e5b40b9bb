"""The given parts: corpus, packing, grids, the teacher's answers, intervals, checkpoints."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from minicompress.distillation import distillation_loss
from minicompress.lab import answers, corpus, encodings, ngrams, qat
from minicompress.lab.calibration import walk_blocks
from minicompress.lab.evaluation import bootstrap_ratio, next_token_scores
from minicompress.lab.files import atomic_write
from minicompress.lab.loops import next_token_loss
from minicompress.lab.mixture import Mixture, select_unseen
from minicompress.lab.modules import linear_layers, owners
from minicompress.pruning import nm_mask
from minicompress.quantization import dequantize, quantize_symmetric
from minicompress.train import __main__ as train

# ------------------------------------------------------------ corpus


def test_the_split_depends_on_the_path_alone_and_the_parts_do_not_meet():
    assert {corpus.split_of(path) for path in ("ast.py", "codecs.py", "functools.py")} == {"test"}
    parts = [set(corpus.stdlib_files(split)) for split in corpus.SPLITS]
    assert all(len(part) > 40 for part in parts)
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_generated_tables_and_tests_are_left_out():
    paths = [path.as_posix() for split in corpus.SPLITS for path in corpus.stdlib_files(split)]
    assert not [
        path
        for path in paths
        if "/encodings/" in path or "pydoc_data" in path or "/test/" in path or "site-packages" in path
    ]


def test_sequences_do_not_cross_files_and_the_cache_returns_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    tokens, files = corpus.load_tokens("test", 256, per_file=2)
    assert tokens.dtype == torch.int64 and tokens.shape[1] == 256 and len(tokens) == len(files)
    assert files.bincount().max() == 2
    again, _ = corpus.load_tokens("test", 256, per_file=2)
    assert torch.equal(tokens, again) and len(list(tmp_path.iterdir())) == 1
    first = corpus.load_tokenizer().encode(corpus.read_text(corpus.stdlib_files("test")[int(files[0])])).ids
    assert tokens[0].tolist() == first[:256]


def test_a_damaged_cache_file_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    tokens, _ = corpus.load_tokens("validation", 256)
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(cached.read_bytes()[:1000])
    assert torch.equal(corpus.load_tokens("validation", 256)[0], tokens)


@pytest.mark.parametrize(
    ("call", "named"),
    [(lambda: corpus.stdlib_files("dev"), "dev"), (lambda: corpus.load_tokens("test", 1), "1")],
)
def test_corpus_refuses_unknown_splits_and_lengths_that_predict_nothing(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_the_tokenizer_has_2048_tokens_and_loses_nothing():
    tokenizer, text = corpus.load_tokenizer(), "def f(x):\n\treturn 'äöü €' + x  # \u4e2d\n"
    assert tokenizer.get_vocab_size() == 2048 and tokenizer.decode(tokenizer.encode(text).ids) == text


def test_summarization_pairs_leave_the_docstring_out_of_the_prompt():
    source = 'def add(a, b):\n    """Return the sum of a and b.\n\n    More.\n    """\n    # a comment\n    return a + b\n'
    assert corpus.summarization_pairs(source) == [
        ("def add(a, b):\n    return a + b", "Return the sum of a and b.")
    ]
    assert corpus.summarization_pairs("def broken(:") == []


def test_files_that_share_a_long_span_with_held_out_files_are_found(tmp_path):
    held_out = corpus.read_text(corpus.stdlib_files("test")[4])
    lines = held_out.split("\n")
    leak, clean = tmp_path / "leak.py", tmp_path / "clean.py"
    leak.write_text("x = 1\n" * 10 + "\n".join("    " + line for line in lines[100:160]))
    clean.write_text("\n".join(f"value_{number} = compute_something_else({number})" for number in range(40)))
    chosen, report = select_unseen([leak, clean])
    assert chosen == [clean] and report["leaks"] == 1


def test_mixture_batches_depend_on_seed_and_step_alone():
    streams = {"a": np.arange(1000, dtype=np.uint16), "b": np.arange(5000, 7000, dtype=np.uint16)}
    mixture = Mixture(streams, {"a": 2, "b": 1}, length=16)
    assert torch.equal(mixture.batch(7), Mixture(streams, {"a": 2, "b": 1}, length=16).batch(7))
    assert (
        mixture.batch(0).shape == (3, 16)
        and (mixture.batch(0)[:2] < 1000).all()
        and (mixture.batch(0)[2:] >= 5000).all()
    )
    starts = torch.cat([mixture.batch(step)[:2, 0] for step in range(30)])
    assert len(starts[:60].unique()) == 60, "one pass reads every window once"


# ------------------------------------------------------------ packing


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(0, 70), st.integers(0, 99))
def test_bit_packing_round_trips_in_the_predicted_bytes(bits, count, seed):
    codes = torch.randint(2**bits, (count,), generator=torch.Generator().manual_seed(seed))
    packed = encodings.pack_bits(codes, bits)
    assert len(packed) == (count * bits + 7) // 8 and torch.equal(
        encodings.unpack_bits(packed, bits, count), codes
    )


def test_bit_packing_by_hand():
    assert encodings.pack_bits(torch.tensor([1, 2, 3]), 2).tolist() == [0b00111001]
    with pytest.raises(ValueError, match=r"0\.\.3"):
        encodings.pack_bits(torch.tensor([4]), 2)


def values_for(encoding, rows=6, columns=20):
    if encoding == "sign24":
        return (nm_mask(torch.rand(rows, columns)) * torch.where(torch.rand(rows, columns) < 0.5, -1, 1)).to(
            torch.int8
        )
    largest = 2 ** (encodings.bits_of(encoding) - 1) - 1
    values = torch.randint(-largest, largest + 1, (rows, columns), dtype=torch.int8)
    return values * (torch.rand(rows, columns) < 0.3) if encoding.startswith("bitmask") else values


@pytest.mark.parametrize(
    "encoding",
    [
        "int2",
        "int3",
        "int4",
        "int6",
        "int8",
        "ternary",
        "septenary",
        "sign24",
        "bitmask2",
        "bitmask4",
        "bitmask8",
    ],
)
@pytest.mark.parametrize("shape", [(6, 20), (7, 4), (1, 12)])
def test_every_encoding_round_trips_in_exactly_the_predicted_bytes(encoding, shape):
    values = values_for(encoding, *shape)
    packed = encodings.encode(values, encoding)
    assert packed.dtype == torch.uint8 and len(packed) == encodings.encoded_bytes(
        encoding, values.numel(), int(values.count_nonzero())
    )
    assert torch.equal(encodings.decode(packed, encoding, shape), values)


def test_the_cheapest_encoding_is_found():
    dense, sparse = torch.full((8, 40), 3, dtype=torch.int8), torch.zeros(8, 40, dtype=torch.int8)
    sparse[:, 0] = 5
    assert (
        encodings.cheapest_encoding(dense, 4) == "int4"
        and encodings.cheapest_encoding(sparse, 4) == "bitmask4"
    )
    assert encodings.cheapest_encoding(values_for("sign24"), 2) == "sign24"
    assert encodings.cheapest_encoding(torch.ones(8, 40, dtype=torch.int8), 2) == "ternary"
    assert encodings.cheapest_encoding(torch.full((8, 40), 3, dtype=torch.int8), 3) == "septenary", (
        "2.82 bits instead of 3"
    )


def test_digits_by_hand():
    """Ternary [1, 0, -1, -1, -1]: digits 2, 1, 0, 0, 0, 2 + 3 = 5.

    Septenary -3, 3 and fifteen -3: digits 0, 6: 42, the lowest byte.
    """
    assert encodings.encode(torch.tensor([[1, 0, -1, -1, -1]]), "ternary").tolist() == [5]
    assert encodings.encode(torch.tensor([[-3, 3] + [-3] * 15]), "septenary").tolist() == [42, 0, 0, 0, 0, 0]
    assert encodings.encode(torch.full((1, 17), 3), "septenary").tolist() == list(
        (7**17 - 1).to_bytes(6, "little")
    )


def test_bytes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="sign24"):
        encodings.decode(torch.zeros(3, dtype=torch.uint8), "sign24", (8, 8))


# ------------------------------------------------------------ grids


@pytest.mark.parametrize("grid", [grid for grid in qat.GRIDS if not grid.startswith("clip")])
def test_grids_change_nothing_the_second_time(grid):
    once = qat.GRIDS[grid].nearest(torch.randn(6, 16))
    torch.testing.assert_close(qat.GRIDS[grid].nearest(once), once)


def test_grids_are_exactly_what_quantize_symmetric_stores():
    for grid, bits in (("sign24", 2), ("ternary", 2), ("int4", 4), ("clip3", 3), ("clip4", 4)):
        on_grid = qat.GRIDS[grid].nearest(torch.randn(6, 16))
        torch.testing.assert_close(dequantize(quantize_symmetric(on_grid, bits)), on_grid, rtol=1e-6, atol=0)


def test_clipping_rounds_a_normal_row_better_than_its_largest_weight_does():
    weight = torch.randn(50, 96)
    errors = [(qat.GRIDS[grid].nearest(weight) - weight).pow(2).mean().item() for grid in ("clip3", "int3")]
    assert errors[0] < 0.8 * errors[1]


def test_sign24_keeps_the_places_of_nm_mask():
    weight = torch.randn(6, 16)
    assert torch.equal(qat.sign24_grid(weight) != 0, nm_mask(weight.abs()))


def test_fake_quantization_trains_the_weights_behind_the_grid_and_keeps_ties(llama, tokens):
    embedding, head = llama.get_input_embeddings(), llama.get_output_embeddings()
    qat.fake_quantize([embedding, head], "ternary")
    qat.fake_quantize(list(linear_layers(llama).values()), "sign24")
    logits = llama(input_ids=tokens).logits
    logits.sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in llama.parameters()
    )
    qat.bake_fake_quantize(llama)
    assert embedding.weight is head.weight and all(len(row.unique()) <= 3 for row in embedding.weight)
    torch.testing.assert_close(llama(input_ids=tokens).logits, logits)


def test_dropping_fake_quantization_gives_the_full_precision_weights_back(llama):
    before = llama.model.layers[0].mlp.up_proj.weight.detach().clone()
    qat.fake_quantize(list(linear_layers(llama).values()), "int4")
    assert not torch.equal(llama.model.layers[0].mlp.up_proj.weight, before)
    qat.drop_fake_quantize(llama)
    assert torch.equal(llama.model.layers[0].mlp.up_proj.weight, before)


# ------------------------------------------------------------ modules, answers, evaluation


def test_linear_layers_leaves_out_embeddings_and_the_head(llama, gpt2):
    assert len(linear_layers(llama)) == 2 * 7 and len(linear_layers(gpt2)) == 2 * 4
    assert not [
        name
        for name in [*linear_layers(llama), *linear_layers(gpt2)]
        if "head" in name or "embed" in name or "wte" in name
    ]
    with pytest.raises(ValueError, match="Sequential"):
        linear_layers(nn.Sequential(nn.Linear(2, 2)))


def test_owners_finds_tied_weights_and_is_not_fooled_by_other_references(llama):
    weight = llama.model.layers[0].mlp.up_proj.weight
    named, optimizer = dict(llama.named_parameters()), torch.optim.SGD(llama.parameters(), lr=0.1)
    assert len(owners(weight)) == 1 and len(owners(llama.lm_head.weight)) == 2
    assert named and optimizer


def test_top_answers_with_the_whole_vocabulary_equal_the_distillation_loss():
    student, teacher, labels = (
        torch.randn(6, answers.TOP),
        torch.randn(6, answers.TOP),
        torch.randint(answers.TOP, (6,)),
    )
    top = teacher.log_softmax(-1).topk(answers.TOP)
    ours = answers.top_distillation_loss(student, labels, top.indices, top.values, 0.7)
    torch.testing.assert_close(ours, distillation_loss(student, teacher, labels, T=1.0, alpha=0.7))


def test_answers_on_disk_are_the_teachers(llama, tmp_path):
    streams = {"a": np.random.default_rng(0).integers(50, size=400).astype(np.uint16)}
    mixture = Mixture(streams, {"a": 2}, length=8)
    answers.write_answers(llama, mixture, 3, tmp_path)
    tokens, indices, log_probs = (
        tensor.to(llama.device) for tensor in answers.Answers(tmp_path, rows=6).batch(0)
    )
    assert tokens.shape == (6, 8) and indices.shape == (6, 8, answers.TOP)
    expected = llama(input_ids=tokens).logits.log_softmax(-1).topk(answers.TOP)
    torch.testing.assert_close(log_probs, expected.values, atol=4e-3, rtol=1e-3)
    (tmp_path / "total.txt").unlink()
    with pytest.raises(ValueError, match="answered 0 of 6"):
        answers.Answers(tmp_path, rows=6)


def test_hits_sum_to_the_accuracy_and_the_interval_contains_the_ratio(llama, tokens):
    hits = next_token_scores(llama, tokens).hits
    assert hits.shape == (5,) and hits.max() <= 11
    reference, files = torch.full((40,), 10), torch.arange(40) // 4
    kept = torch.randint(5, 10, (40,))
    low, high = bootstrap_ratio(kept, reference, files)
    assert low < kept.sum() / 400 < high and bootstrap_ratio(reference, reference, files) == (1.0, 1.0)


def test_files_not_sequences_are_resampled():
    """Within a file all sequences agree: the interval must not shrink when each file is cut into more
    sequences.
    """
    per_file = torch.tensor([2, 9, 4, 7, 5])
    wide = bootstrap_ratio(per_file, torch.full((5,), 10), torch.arange(5))
    many = bootstrap_ratio(
        per_file.repeat_interleave(50), torch.full((250,), 10), torch.arange(5).repeat_interleave(50)
    )
    assert many == pytest.approx(wide)


def test_counting_baselines_by_hand():
    """Train 0 1 0 1: after 0 always comes 1.

    Unigram says 0 (lowest of the most frequent), hits the middle of 1 0 1.
    """
    train_tokens, held_out = torch.tensor([[0, 1, 0, 1]]), torch.tensor([[1, 0, 1]])
    assert ngrams.ngram_baseline(train_tokens, held_out, 1, 2)["top1_accuracy"] == 0.5
    assert ngrams.ngram_baseline(train_tokens, held_out, 2, 2)["top1_accuracy"] == 1.0
    assert ngrams.ngram_baseline(train_tokens, held_out, 1, 2)["perplexity"] == pytest.approx(2.0)


# ------------------------------------------------------------ training machinery


def test_an_interrupted_training_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    shape = dict(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    data = torch.randint(2048, (40, 2, 12))

    def run(folder, stop_at=None):
        def loss_of(model, step):
            if step == stop_at:
                raise KeyboardInterrupt
            return next_token_loss(model, data[step])

        plan = train.Plan(steps=40, warmup=2, checkpoint_seconds=0.0)
        return train.train(train.new_model(shape), loss_of, plan, folder)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop_at=25)
    resumed = run(tmp_path / "broken")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()
    ]
    assert steps == [20, 40]


def test_atomic_write_leaves_nothing_half_written(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["file.txt"]


# ------------------------------------------------------------ calibration


def test_layers_that_see_the_same_input_form_one_group(llama, gpt2, tokens):
    for model, expected in (
        (llama, [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]),
        (gpt2, [["c_attn"], ["c_proj"], ["c_fc"], ["c_proj"]]),
    ):
        for block in walk_blocks(model, [{"input_ids": tokens}]):
            groups = block.groups()
            assert [[name.rpartition(".")[2] for name in names] for names in groups] == expected
            assert sorted(name for names in groups for name in names) == sorted(block.layers), (
                "no layer is left out"
            )


def test_a_part_of_a_tensor_is_another_input_than_the_whole(tokens):
    """Both begin at the same address."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.whole, self.part = nn.Linear(4, 4), nn.Linear(2, 4)

        def forward(self, x):
            return self.whole(x) + self.part(x[..., :2])

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.blocks = nn.Embedding(50, 4), nn.ModuleList([Block()])

        def forward(self, input_ids, **_):
            return self.blocks[0](self.embedding(input_ids))

    (block,) = walk_blocks(Model(), [{"input_ids": tokens}])
    assert block.groups() == [["blocks.0.whole"], ["blocks.0.part"]]
