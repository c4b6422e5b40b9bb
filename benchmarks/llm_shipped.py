"""The students in `assets/llm`, which were distilled beforehand, on the texts of `benchmarks.real_llm`.

Their tokenizer is the teacher's with fewer tokens, so it splits a text into more of them: perplexity and
accuracy of the next token are not comparable. Bits a byte are, and so is the perplexity of a teacher's token,
2^(bits a byte * bytes of a teacher's token), which is the student's own perplexity to the power of its tokens
over the teacher's.
"""

import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

from benchmarks.llm_rows import TEXTS, Bench
from minicompress.job.decode import dequantize_model
from minicompress.lab.evaluation import bootstrap_ratio, nats_and_bytes
from minicompress.pipeline import file_bytes, load_compressed


def students(folder: Path) -> list[Path]:
    """The files of all students in a folder."""
    return sorted(folder.glob("*.safetensors"))


def rows_of(bench: Bench, file: Path) -> list[dict]:
    """A student's rows, one a text. `perplexity` is that of a teacher's token; no accuracy."""
    model = dequantize_model(load_compressed(file)).to(bench.preset.device)
    tokenizer = Tokenizer.from_file(str(file.with_name("tokenizer.json")))
    size = {"file_bytes": file_bytes(file)[0]}  # of the tensors, as in every other row
    return [scores(bench, model, tokenizer, text) | size for text in TEXTS]


def scores(bench: Bench, model: nn.Module, tokenizer: Tokenizer, text: str) -> dict:
    """How well a student predicts the very texts that the dense model is measured on."""
    tokens, documents = bench.held_out[text]
    ids = [tokenizer.encode(bench.text.decode(row)).ids for row in tokens.tolist()]
    nats, sizes = nats_and_bytes(model, ids, tokenizer.decode)
    length = bytes_a_token(bench, text)
    bounds = bootstrap_ratio(nats, sizes, documents)  # nats a byte
    nats_a_byte = nats.sum().item() / sizes.sum().item()
    return {
        "text": text,
        "tokens": sum(len(row) - 1 for row in ids),
        "context": tokens.shape[1],
        "perplexity": math.exp(nats_a_byte * length),
        "interval": [math.exp(bound * length) for bound in bounds],
        "bits_per_byte": nats_a_byte / math.log(2),
    }


def bytes_a_token(bench: Bench, text: str) -> float:
    """Bytes of UTF-8 in one of the dense model's tokens, on the average of a text."""
    tokens = bench.held_out[text].tokens[:, 1:]
    sizes = torch.tensor([len(bench.text.decode(row).encode()) for row in tokens.tolist()])
    return sizes.sum().item() / tokens.numel()
