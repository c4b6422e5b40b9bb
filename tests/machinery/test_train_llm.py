"""Given: students of an LLM over a trimmed vocabulary, on a tiny random Llama with a tokenizer made here."""

import json
import math
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from typer.testing import CliRunner

from benchmarks import llm_shipped, real_llm
from benchmarks.llm_rows import TEXTS, HeldOut, Rows
from minicompress.lab.corpus import END, read_text
from minicompress.lab.digests import weights_digest
from minicompress.lab.evaluation import nats_and_bytes, next_tokens
from minicompress.lab.models import load, load_text
from minicompress.lab.qat import bake_fake_quantize, put_on_grids
from minicompress.pipeline import file_bytes, load_compressed, predicted_bytes, quantize_model
from minicompress.train import llm, llm_publish, llm_text
from minicompress.train.__main__ import app
from minicompress.train.llm_sizes import LLM_SIZES, Size, new_student, some_blocks
from minicompress.train.llm_text import own_tokenizer, trimmed_text
from minicompress.train.record import read_record
from minicompress.train.runs import FINAL, load_run, training_folder
from minicompress.train.training import Run
from minicompress.train.trimming import kept_tokens, trim_model, trimmed_tokenizer

SMOLLM2 = 269_060_280  # bytes of its file in fp16
MEASURED = 14_708  # tokens that occur 100 times in the training text, and what they are made of
MERGES = [("d", "e"), ("de", "f"), ("r", "e"), ("re", "t"), ("u", "r"), ("ur", "n"), ("ret", "urn")]
MERGES += [("n", "a"), ("m", "e"), ("na", "me"), ("z", "q"), ("zq", "x")]
RARE = "return naïve 日本語 😀 \x00\x7f zqx\r\n\t�"


@pytest.fixture
def tokenizer() -> Tokenizer:
    """A byte-level BPE of two special tokens, 256 bytes and the results of `MERGES`, in this order."""
    results = [first + second for first, second in MERGES]
    tokens = [END, "<|mark|>", *sorted(pre_tokenizers.ByteLevel.alphabet()), *results]
    made = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, MERGES))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens([END, "<|mark|>"])
    return made


def counts_of(tokenizer: Tokenizer, *words: str) -> np.ndarray:
    """How often each token occurs in the words."""
    ids = [number for word in words for number in tokenizer.encode(word).ids]
    return np.bincount(ids, minlength=tokenizer.get_vocab_size())


@pytest.fixture
def kept(tokenizer) -> np.ndarray:
    return kept_tokens(tokenizer, counts_of(tokenizer, "def", "def", "return", "return", "name"), least=2)


def teacher_of(vocabulary: int, tied: bool = True) -> LlamaForCausalLM:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=16, intermediate_size=24, num_hidden_layers=4,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=tied,
        initializer_range=0.3, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


# ---------------------------------------------------------------- the vocabulary


def test_a_frequent_token_keeps_the_parts_of_which_it_is_merged(tokenizer, kept):
    tokens = {tokenizer.id_to_token(index) for index in kept.tolist()}
    made = tokens - set(pre_tokenizers.ByteLevel.alphabet()) - {END, "<|mark|>"}
    assert made == {"def", "de", "return", "ret", "re", "urn", "ur"}  # name occurs once, zqx never


def test_single_bytes_and_special_tokens_are_kept_although_they_never_occur(tokenizer):
    kept = kept_tokens(tokenizer, np.zeros(300, dtype=np.int64), least=1)
    assert len(kept) == 256 + 2
    assert {tokenizer.token_to_id(token) for token in (END, "<|mark|>", "a", "Ġ")} <= set(kept.tolist())


def test_a_word_of_kept_tokens_is_split_as_before_and_another_into_its_parts(tokenizer, kept):
    trimmed = trimmed_tokenizer(tokenizer, kept)
    assert trimmed.encode("return").tokens == tokenizer.encode("return").tokens == ["return"]
    assert tokenizer.encode("zqx").tokens == ["zqx"] and trimmed.encode("zqx").tokens == ["z", "q", "x"]
    assert trimmed.encode("return" + END).ids[-1] == trimmed.token_to_id(END) < len(kept)


def test_rare_characters_come_back_from_new_ids_and_from_the_teachers_ids_of_the_same_tokens(tokenizer, kept):
    trimmed = trimmed_tokenizer(tokenizer, kept)
    ids = trimmed.encode(RARE).ids
    assert max(ids) < len(kept) and trimmed.decode(ids) == RARE
    old = kept[ids].tolist()
    assert tokenizer.decode(old) == RARE and old != tokenizer.encode(RARE).ids  # zqx is split further


@pytest.mark.parametrize("tied", [True, False])
def test_a_trimmed_model_has_the_whole_models_logits_at_the_kept_ids(tokenizer, kept, tied):
    whole = teacher_of(300, tied)
    ids = torch.tensor([trimmed_tokenizer(tokenizer, kept).encode(RARE).ids])
    with torch.no_grad():
        expected = whole(input_ids=torch.from_numpy(kept)[ids]).logits[..., kept]  # [1, T, V]
        found = trim_model(whole, kept, end=0)(input_ids=ids).logits
    assert found.shape == (1, ids.shape[1], len(kept)) and torch.allclose(found, expected, atol=1e-5)
    assert (whole.get_output_embeddings().weight is whole.get_input_embeddings().weight) == tied


def test_a_model_with_fewer_rows_than_tokens_is_not_trimmed(kept):
    with pytest.raises(ValueError, match="has no row in this embedding of 100 rows"):
        trim_model(teacher_of(100), kept, end=0)


def test_a_tokenizer_of_another_kind_is_refused(tmp_path):
    words = Tokenizer(models.WordLevel({END: 0, "def": 1}, unk_token=END))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="only a byte-level BPE tokenizer can be trimmed, not this WordLevel"
    ):
        own_tokenizer(str(tmp_path))


# ---------------------------------------------------------------- the sizes


def bytes_of(size: Size, blocks: int) -> int:
    """Bytes of a new student's tensors on its grids, with so many blocks."""
    model = new_student(size.shape | {"num_hidden_layers": blocks}, MEASURED, 0, 64)
    put_on_grids(model, size.blocks, size.embedding)
    bake_fake_quantize(model)
    return predicted_bytes(quantize_model(model, *size.bits))


@pytest.mark.parametrize("name", LLM_SIZES)
def test_the_file_of_a_size_is_as_small_as_its_name_says(name):
    """Every block has as many bytes as the second. A hundredth is left for the header."""
    size = LLM_SIZES[name]
    one, two = bytes_of(size, 1), bytes_of(size, 2)
    whole = one + (size.shape["num_hidden_layers"] - 1) * (two - one)
    assert 0.95 < whole * int(name.removesuffix("x")) / SMOLLM2 < 0.99


def test_a_student_of_the_teachers_widths_takes_evenly_spaced_blocks():
    """Two of four blocks: the first and the last."""
    teacher = teacher_of(50)
    student = some_blocks(teacher, 2)
    ours, theirs = student.model.layers, teacher.model.layers
    pairs = [(ours[0], theirs[0]), (ours[1], theirs[3])]
    assert all(mine.mlp.up_proj.weight.equal(other.mlp.up_proj.weight) for mine, other in pairs)
    assert student.config.num_hidden_layers == 2 == len(ours)


# ---------------------------------------------------------------- the commands


def run(*words: str) -> None:
    CliRunner().invoke(app, list(words), catch_exceptions=False)


@pytest.fixture
def teacher(tokenizer, tmp_path, monkeypatch) -> str:
    """A folder with a tiny teacher; a cache of its own; texts and a size that fit it."""
    teacher_of(300).save_pretrained(tmp_path / "teacher")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path / "teacher")
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path / "cache"))
    files = [tmp_path / f"{number}.py" for number in range(3)]
    for file, end in zip(files, ("zqx", "", ""), strict=True):
        lines = (f"def name{line}(): return 'naïve 日本語 😀' {end}\n" for line in range(40))
        file.write_text("".join(lines), encoding="utf-8")
    found = {"stdlib": files[:1], "packages": files[1:2]}
    monkeypatch.setattr(llm_text, "training_files", lambda lock: (found, {"stdlib": {"kept": 1}}))
    for module in (llm, llm_publish):
        monkeypatch.setattr(module, "stdlib_files", lambda split: files[2:])
    shape = dict(LLM_SIZES["80x"].shape) | {"hidden_size": 16, "intermediate_size": 24}
    shape |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    monkeypatch.setitem(LLM_SIZES, "80x", Size(shape, "clip3", "clip4"))
    return str(tmp_path / "teacher")


def words(teacher: str, name: str, *more: str) -> list[str]:
    asked = ["--rows=2", "--length=16", "--least=60", "--precision=no", "--log-every=1", *more]
    return ["llm", name, "--size=80x", f"--teacher={teacher}", *asked]


def losses(name: str) -> list[float]:
    lines = (training_folder(name) / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_the_text_of_the_students_is_the_files_in_new_ids(teacher):
    text, (files, _) = trimmed_text(teacher, 60), llm_text.training_files(None)
    for name, stream in text.streams.items():
        *ids, end = stream.tolist()
        assert end == text.end and text.tokenizer.decode(ids) == read_text(files[name][0])


def test_the_report_says_how_many_tokens_had_to_be_split_further(teacher):
    """Each of 40 "zqx", of which 60 would be enough, became three tokens; the streams hold two end marks."""
    report = trimmed_text(teacher, 60).report
    before = sum(report["tokens"].values()) - 2 - 40 * 2
    assert report["split"] == pytest.approx(40 / before)
    assert report["vocabulary"] == 2 + 256 + len(MERGES) - len(("zq", "zqx"))


def test_a_student_learns_from_the_live_teacher_and_goes_on_upon_its_grids(teacher):
    run(*words(teacher, "first", "--steps=3"))
    run(*words(teacher, "last", "--steps=2", "--start=first"))
    first, last = (read_record(training_folder(name)) for name in ("first", "last"))
    assert (first.updates, first.tokens) == (3, 3 * 2 * 16) and first.saved_as == "fp16"
    assert first.data["shares"] == {"stdlib": 1, "packages": 1} and first.began_with == last.began_with
    assert last.saved_as == "fp32" and [run.name for run in last.ancestors] == ["first"]
    text = load_text(str(training_folder("last") / FINAL), first.shape["vocabulary"])
    assert text.decode(text.encode(RARE)) == RARE


def test_an_interrupted_student_goes_on_to_the_same_weights(teacher, monkeypatch):
    run(*words(teacher, "whole", "--steps=4", "--checkpoint-seconds=0"))
    real = llm.lessons_of

    def breaking(*given):
        loss_of = real(*given)
        return lambda model, step: loss_of(model, step) if step < 2 else 1 / 0

    with monkeypatch.context() as patched:
        patched.setattr(llm, "lessons_of", breaking)
        with pytest.raises(ZeroDivisionError):
            run(*words(teacher, "broken", "--steps=4", "--checkpoint-seconds=0"))
    run(*words(teacher, "broken", "--steps=4", "--checkpoint-seconds=0"))
    assert losses("broken") == losses("whole") and len(losses("whole")) == 4
    assert weights_digest(load_run("broken")) == weights_digest(load_run("whole"))


def test_a_student_imitates_its_teacher_better_with_every_look_at_the_same_text(teacher):
    run(*words(teacher, "first", "--steps=40", "--alpha=1"))
    assert np.mean(losses("first")[-5:]) < 0.9 * losses("first")[0]


def test_the_command_line_in_a_record_goes_on_with_the_run(teacher):
    run(*words(teacher, "first", "--steps=2"))
    record = read_record(training_folder("first"))
    assert record.command_line.startswith("python -m minicompress.train llm first --steps 2 ")
    run(*shlex.split(record.command_line)[3:])
    assert read_record(training_folder("first")) == record


def test_a_run_of_another_size_is_no_start(teacher, monkeypatch):
    run(*words(teacher, "first", "--steps=1"))
    with pytest.raises(ValueError, match="--start first has hidden_size 16, --size 40x needs 320"):
        run(*words(teacher, "last", "--steps=1", "--start=first", "--size=40x"))


def test_a_size_of_the_teachers_widths_begins_with_its_blocks(teacher, monkeypatch):
    shape = LLM_SIZES["80x"].shape | {"num_attention_heads": 2, "num_key_value_heads": 1}
    monkeypatch.setitem(LLM_SIZES, "80x", Size(shape, "clip3", "clip4"))
    begun: list[Run] = []
    monkeypatch.setattr(llm, "carry_out", begun.append)
    run(*words(teacher, "first"))
    ours, theirs = begun[0].model.model.layers, load(teacher).model.layers
    assert ours[1].mlp.up_proj.weight.equal(theirs[3].mlp.up_proj.weight)
    assert begun[0].notes[1] == "It began with 2 of the teacher's blocks and its embeddings."


# ---------------------------------------------------------------- what is shipped, and how it is measured


@pytest.fixture
def shipped(teacher, tmp_path):
    """A folder with one published student, `last`."""
    run(*words(teacher, "first", "--steps=1"))
    run(*words(teacher, "last", "--steps=1", "--start=first"))
    run("publish-llm", "last", str(tmp_path / "assets" / "llm"))
    return tmp_path / "assets" / "llm"


def test_a_student_is_published_as_one_small_file_with_its_card(shipped):
    names = {path.name for path in shipped.iterdir()}
    assert names == {"tokenizer.json", *(f"last.{end}" for end in ("safetensors", "json", "jsonl", "md"))}
    model = load_compressed(shipped / "last.safetensors")
    assert (model.lm_head.bits, model.model.layers[0].mlp.up_proj.bits) == (4, 3)
    card = (shipped / "last.md").read_text()
    assert "of each of 1 validation files: " in card and "bits a byte" in card


def test_a_student_that_is_on_no_grid_is_not_published(teacher, tmp_path):
    run(*words(teacher, "first", "--steps=1"))
    with pytest.raises(ValueError, match="does not live on its size's grids yet"):
        run("publish-llm", "first", str(tmp_path / "shipped"))


def test_students_of_two_vocabularies_do_not_share_a_folder(teacher, shipped):
    (shipped / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="is another tokenizer"):
        run("publish-llm", "last", str(shipped))


def test_bits_a_byte_do_not_depend_on_how_a_text_is_split(tokenizer):
    """A model that gives every one of 300 tokens the same chance loses ln 300 nats a token."""
    model = teacher_of(300)
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    ids = [tokenizer.encode("return name").ids, tokenizer.encode("def").ids * 2]
    nats, sizes = nats_and_bytes(model, ids, tokenizer.decode)
    assert [len(row) for row in ids] == [3, 2] and sizes.tolist() == [len(" name"), len("def")]
    assert torch.allclose(nats, torch.tensor([2.0, 1.0]).double() * math.log(300))


@pytest.fixture
def bench(tokenizer):
    """A bench whose dense model uses the whole tokenizer, on two sequences a text."""
    rows = torch.tensor([tokenizer.encode("return name zqx def").ids] * 2)  # [2, T]
    held_out = {text: HeldOut(rows, torch.tensor([0, 1])) for text in TEXTS}
    text = SimpleNamespace(encode=lambda text: tokenizer.encode(text).ids, decode=tokenizer.decode)
    return SimpleNamespace(held_out=held_out, text=text, preset=SimpleNamespace(device="cpu"))


def test_a_shipped_student_gets_rows_in_the_teachers_tokens(shipped, bench, tmp_path, monkeypatch):
    monkeypatch.setattr(real_llm, "ASSETS", shipped.parent)
    rows = Rows(tmp_path / "real_llm.json")
    for _ in range(2):  # what is there is not measured again
        real_llm.students(bench, rows)
    english, code = rows.content["rows"]
    assert (english["method"], english["pattern"], code["text"]) == ("distilled", "last", "code")
    assert english["file_bytes"] == file_bytes(shipped / "last.safetensors")[0]
    length = rows.content["bytes_a_token"]["English"]
    assert length == llm_shipped.bytes_a_token(bench, "English")
    assert english["perplexity"] == pytest.approx(2 ** (english["bits_per_byte"] * length))


def test_a_student_that_splits_as_the_teacher_does_has_the_perplexity_of_its_own_tokens(bench, tokenizer):
    model = teacher_of(300)
    found = llm_shipped.scores(bench, model, tokenizer, "code")
    nats, _ = next_tokens(model, bench.held_out["code"].tokens)
    assert found["perplexity"] == pytest.approx(math.exp(nats.sum().item() / found["tokens"]))


def test_where_no_student_is_shipped_nothing_is_measured(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(real_llm, "ASSETS", tmp_path)
    rows = Rows(tmp_path / "real_llm.json")
    real_llm.students(bench, rows)
    assert rows.content == {} and not rows.path.exists()
