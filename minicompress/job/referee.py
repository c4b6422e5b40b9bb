"""Measures a compressed file for the open projects, from the file alone and beside the teacher."""

import hashlib
import statistics
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from minicompress import metrics, pipeline
from minicompress.job.projects import Entry, check_accuracy, check_bytes
from minicompress.job.scores import ScoreBook
from minicompress.lab import corpus
from minicompress.lab.digests import tensor_digest
from minicompress.lab.evaluation import next_token_scores
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.models import shipped_model
from minicompress.lab.paths import cache_folder

PER_FILE = 16  # sequences of a validation file, as the frontier is measured
ROUNDS = 5  # in which the teacher and the file are timed, one after the other
TRIALS = 32  # sequences whose end is changed, to see that nobody reads ahead
LONGEST_NAME = 60


class Referee(NamedTuple):
    """The teacher, the text, and how much of it the teacher guesses."""

    teacher: nn.Module
    tokens: torch.Tensor  # int64 [sequences, length]
    hits: int  # the teacher's, of all next tokens
    most_bytes: int  # of any file: the teacher's own

    @property
    def text(self) -> str:
        """A digest of the text: entries with the same one can be compared."""
        return tensor_digest(self.tokens)


def course_referee() -> Referee:
    """The shipped teacher on the validation files of this machine's standard library.

    The teacher's pass takes a minute, once: its scores stay in the cache.
    """
    teacher, tokens = shipped_model("teacher"), corpus.load_tokens("validation", per_file=PER_FILE)[0]
    book = ScoreBook(tokens, cache_folder() / "teacher-validation.json")
    hits = book[book.look_up(teacher)].hits.sum().item()
    return Referee(teacher, tokens, hits, metrics.model_bytes(teacher) // 2)


def judged(path: Path, project: str, referee: Referee, name: str | None = None) -> Entry:
    """Measure one file for a project. The cheapest refusals come first.

    name: as the table shows it, by default the file's without its ending.
    ValueError: no file, a damaged one, one that is no model of this text, or that does not qualify. The
    message begins with the path and says why.
    """
    try:
        name = checked_name(path.stem if name is None else name)
        size = checked_size(path, referee)
        check_bytes(project, size)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        model = pipeline.load_compressed(path)
        check_model(model, referee)
        hits = next_token_scores(model, referee.tokens).hits.sum().item()
        kept = hits / max(referee.hits, 1)
        check_accuracy(project, kept)
    except (ValueError, OSError) as error:
        raise ValueError(about(path, str(error))) from error
    return Entry(name, digest, size, kept, relative_speed(model, referee))


def about(path: Path, reason: str) -> str:
    """A sentence that begins with the path; one that a terminal would obey is written with escapes."""
    whole = reason if reason.startswith(str(path)) else f"{path}: {reason}"
    return whole if str(path).isprintable() else whole.replace(str(path), ascii(str(path)))


def checked_name(name: str) -> str:
    """A name for the table. ValueError: an empty or a long one, or one that a terminal would obey."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name has 1 to {LONGEST_NAME} printable characters, got {name[:80]!r}")
    return name


def checked_size(path: Path, referee: Referee) -> int:
    """The bytes of a file. ValueError: no file there, or one larger than the teacher's."""
    if not path.is_file():
        raise ValueError("there is no such file")
    size = path.stat().st_size
    if size > referee.most_bytes:
        raise ValueError(f"it has {size:,} bytes, and the teacher itself {referee.most_bytes:,} in fp16")
    return size


# ---------------------------------------------------------------- is it a model of this text?


def check_model(model: nn.Module, referee: Referee) -> None:
    """Refuse a model that cannot be judged beside the teacher.

    ValueError: another vocabulary, too short a context, an error on reading, or a model that reads ahead.
    """
    vocabulary, length = referee.teacher.config.vocab_size, referee.tokens.shape[1]
    config = model.config.get_text_config()
    if getattr(config, "vocab_size", None) != vocabulary:
        found = getattr(config, "vocab_size", None)
        raise ValueError(f"it has a vocabulary of {found}, the teacher one of {vocabulary}")
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None and longest < length:
        raise ValueError(f"it reads {longest} tokens at once, the text has sequences of {length}")
    check_causal(model, referee.tokens[:: max(1, len(referee.tokens) // TRIALS)][:TRIALS], vocabulary)


def check_causal(model: nn.Module, tokens: torch.Tensor, vocabulary: int) -> None:
    """Refuse a model whose guesses change with tokens that come later.

    Each sequence is cut at a place of its own and all tokens from there on are replaced by others. A model
    that may look to the right, such as an encoder, would find the next token there and copy it.
    tokens: int64 [sequences, length].
    """
    count, length = tokens.shape
    cuts = torch.linspace(1, length - 1, count).round().long()  # [sequences]: the first token that changes
    later = torch.arange(length) >= cuts[:, None]  # [sequences, length]
    changed = torch.where(later, (tokens + vocabulary // 2) % vocabulary, tokens)
    before, after = (guesses(model, rows, vocabulary) for rows in (tokens, changed))
    if not torch.equal(before[~later], after[~later]):
        raise ValueError("it reads ahead: its guesses change when later tokens do")


def guesses(model: nn.Module, tokens: torch.Tensor, vocabulary: int) -> torch.Tensor:
    """The likeliest next token everywhere, int64 [sequences, length]. ValueError: no logits come out."""
    try:
        with evaluation_mode(model):
            logits = model(input_ids=tokens, use_cache=False).logits
    except Exception as error:  # a configuration of another kind of model fails with many types of error
        reason = (str(error).strip().splitlines() or ["no message"])[0][:120]
        raise ValueError(f"it cannot read the text ({type(error).__name__}: {reason})") from error
    if list(logits.shape) != [*tokens.shape, vocabulary]:
        raise ValueError(f"its logits are {list(logits.shape)} and not {[*tokens.shape, vocabulary]}")
    return logits.argmax(-1)


# ---------------------------------------------------------------- speed


def relative_speed(model: nn.Module, referee: Referee) -> float:
    """The model's tokens/s over the teacher's: the median of rounds in which one follows the other.

    Whole forward passes of eight sequences in fp32, as `minicompress measure` takes them. What else the
    machine does meanwhile slows both.
    """
    tokens = referee.tokens[:8]
    ratios = []
    for _ in range(ROUNDS):
        teacher = metrics.throughput(referee.teacher, tokens, repeats=1)
        ratios.append(metrics.throughput(model, tokens, repeats=1) / teacher)
    return statistics.median(ratios)
