"""How a file is measured for the open projects: from the file alone, and refused with a reason."""

import copy
import hashlib

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from minicompress import metrics
from minicompress.job import referee as module
from minicompress.job.referee import Referee, check_causal, judged, relative_speed
from minicompress.lab.evaluation import next_token_scores
from minicompress.pipeline import save_compressed

LENGTH = 16


def small_llama(seed: int = 0, vocabulary: int = 50) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=16, intermediate_size=32, num_hidden_layers=1, pad_token_id=0,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=True,
        initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def teacher() -> LlamaForCausalLM:
    """A model whose weights fp16 holds exactly, so that its own file guesses as it does."""
    return small_llama().half().float()


@pytest.fixture(scope="module")
def tokens(teacher) -> torch.Tensor:
    """Text that the teacher knows well: its own guesses, int64 [40, LENGTH]."""
    torch.manual_seed(1)
    start = torch.randint(50, (40, 1))
    with torch.no_grad():
        for _ in range(LENGTH - 1):
            start = torch.cat([start, teacher(input_ids=start).logits[:, -1:].argmax(-1)], 1)
    start[::2, LENGTH // 2] = 7  # half of the sequences hold a surprise
    return start


@pytest.fixture
def referee(teacher, tokens, monkeypatch) -> Referee:
    monkeypatch.setattr(metrics, "throughput", lambda model, tokens, repeats: 1.0)
    hits = next_token_scores(teacher, tokens).hits.sum().item()
    return Referee(teacher, tokens, hits, most_bytes=50_000)


@pytest.fixture
def saved(tmp_path):
    """Write a model's compressed file."""

    def save(model, name="model"):
        path = tmp_path / f"{name}.safetensors"
        save_compressed(copy.deepcopy(model), path)
        return path

    return save


# ------------------------------------------------------------ what is measured


def test_the_teachers_own_file_keeps_all_of_its_accuracy(referee, teacher, saved):
    path = saved(teacher)
    entry = judged(path, "small", referee)
    assert entry.accuracy_kept == 1.0 and entry.relative_speed == 1.0
    assert entry.file_bytes == path.stat().st_size
    assert entry.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_entry_has_the_files_name_or_the_one_that_was_given(referee, teacher, saved):
    path = saved(teacher, "mine")
    assert judged(path, "small", referee).name == "mine"
    assert judged(path, "small", referee, "Ada's").name == "Ada's"


def test_accuracy_kept_is_the_files_hits_over_the_teachers(referee, saved):
    other = small_llama(seed=3)
    entry = judged(saved(other), "accurate", referee)
    hits = next_token_scores(other.half().float(), referee.tokens).hits.sum().item()
    assert entry.accuracy_kept == hits / referee.hits < 0.5


def test_speed_is_the_median_of_rounds_of_the_file_over_the_teacher(referee, teacher, monkeypatch):
    """Times 3, 1, 2, 50 and 2 as fast as the teacher beside it: twice, whatever the machine did meanwhile."""
    other = small_llama(seed=3)
    speeds = {teacher: iter([10, 20, 5, 1, 10]), other: iter([30, 20, 10, 50, 20])}
    monkeypatch.setattr(metrics, "throughput", lambda model, tokens, repeats: next(speeds[model]))
    assert relative_speed(other, referee) == 2


# ------------------------------------------------------------ what is refused


def test_a_file_that_keeps_too_little_is_refused_with_both_shares(referee, saved):
    path = saved(small_llama(seed=3))
    with pytest.raises(ValueError, match=r"model\.safetensors: it keeps \d+\.\d\d% .* asks for 95%$"):
        judged(path, "small", referee)


def test_a_file_that_is_too_large_for_a_project_is_not_even_loaded(referee, tmp_path):
    path = tmp_path / "large.safetensors"
    path.write_bytes(bytes(150_001))
    with pytest.raises(ValueError, match="has 150,001 bytes, and the project 'accurate' allows 150,000"):
        judged(path, "accurate", referee._replace(most_bytes=10**6))


def test_a_file_larger_than_the_teacher_is_refused(referee, teacher, saved):
    with pytest.raises(ValueError, match="bytes, and the teacher itself 100 in fp16"):
        judged(saved(teacher), "small", referee._replace(most_bytes=100))


def test_a_missing_file_and_a_folder_are_refused(referee, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ValueError, match="there is no such file"):
            judged(path, "small", referee)


@pytest.mark.parametrize("damage", ["cut short", "one bit", "text", "empty"])
def test_a_damaged_file_is_refused_in_one_sentence(damage, referee, teacher, saved):
    path = saved(teacher)
    whole = path.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    path.write_bytes({"cut short": whole[:-9], "one bit": flipped, "text": b"hello", "empty": b""}[damage])
    with pytest.raises(ValueError, match="truncated or corrupted|is corrupted") as caught:
        judged(path, "small", referee)
    assert str(caught.value).startswith(str(path)) and len(str(caught.value).splitlines()) == 1


def test_another_vocabulary_is_refused(referee, saved):
    with pytest.raises(ValueError, match="a vocabulary of 60, the teacher one of 50"):
        judged(saved(small_llama(vocabulary=60)), "accurate", referee)


def test_a_model_that_reads_fewer_tokens_at_once_is_refused(referee, saved):
    config = GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1, n_positions=LENGTH - 1)
    with pytest.raises(ValueError, match="it reads 15 tokens at once, the text has sequences of 16"):
        judged(saved(GPT2LMHeadModel(config)), "accurate", referee)


def test_a_model_that_reads_ahead_is_refused(referee, saved):
    """BERT as an encoder sees the next token, and would only have to copy it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16,
        max_position_embeddings=64, is_decoder=False, initializer_range=0.5,
    )  # fmt: skip
    with pytest.raises(ValueError, match="it reads ahead"):
        judged(saved(BertLMHeadModel(config).eval()), "accurate", referee)


class Copier(torch.nn.Module):
    """It copies the token that comes next where it may look at it: one place to the right."""

    def forward(self, input_ids, use_cache):
        ahead = torch.roll(input_ids, -1, 1)
        return type("Out", (), {"logits": torch.nn.functional.one_hot(ahead, 50).float()})


def test_a_model_that_looks_one_token_ahead_is_found(tokens):
    with pytest.raises(ValueError, match="it reads ahead"):
        check_causal(Copier(), tokens, 50)


def test_a_causal_model_is_not_mistaken_for_one_that_reads_ahead(teacher, tokens):
    check_causal(teacher, tokens, 50)


class Broken(torch.nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, input_ids, use_cache):
        return self.answer(input_ids)


def test_a_model_that_fails_on_reading_is_refused_in_one_sentence(tokens):
    def fail(_):
        raise RuntimeError("first line\nsecond line")

    with pytest.raises(ValueError, match=r"cannot read the text \(RuntimeError: first line\)$"):
        module.guesses(Broken(fail), tokens, 50)


def test_logits_of_another_shape_are_refused(tokens):
    wrong = Broken(lambda ids: type("Out", (), {"logits": torch.zeros(*ids.shape, 7)}))
    with pytest.raises(ValueError, match=r"its logits are \[40, 16, 7\] and not \[40, 16, 50\]"):
        module.guesses(wrong, tokens, 50)


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "\x1b[2J", "two\nlines"])
def test_a_name_that_would_spoil_the_table_is_refused(name, referee, teacher, saved):
    with pytest.raises(ValueError, match="a name has 1 to 60 printable characters"):
        judged(saved(teacher), "small", referee, name)


def test_what_is_said_of_a_file_holds_nothing_that_a_terminal_obeys(referee, tmp_path):
    with pytest.raises(ValueError) as caught:
        judged(tmp_path / "\x1b[2J.safetensors", "small", referee, "name")
    assert str(caught.value).isprintable()
