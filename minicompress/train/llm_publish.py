"""Taking a finished student of an LLM into a folder: one compressed file and what belongs to it."""

import math
from dataclasses import asdict
from pathlib import Path

from tokenizers import Tokenizer

from minicompress.lab.corpus import read_text, stdlib_files
from minicompress.lab.evaluation import nats_and_bytes
from minicompress.lab.files import atomic_write, write_json
from minicompress.lab.qat import bake_fake_quantize, put_on_grids
from minicompress.train import log
from minicompress.train.card import file_card
from minicompress.train.llm_sizes import LLM_SIZES
from minicompress.train.llm_text import TOKENIZER
from minicompress.train.publish import copy
from minicompress.train.record import Record, read_record
from minicompress.train.runs import FINAL, load_run, training_folder

CHARACTERS = 3000  # of the start of each validation file


def publish_student(name: str, to: Path) -> None:
    """Write NAME.safetensors, its log (.jsonl), record (.json) and card (.md), and the tokenizer that all
    students in this folder share.

    ValueError: no such run has finished here, or it does not live on its size's grids yet; another tokenizer
    lies in the folder.
    """
    from minicompress.pipeline import load_compressed, quantize_model, save_compressed

    record, folder = finished(name), training_folder(name)
    size = LLM_SIZES[record.arguments["size"]]
    to.mkdir(parents=True, exist_ok=True)
    share_tokenizer(folder / FINAL / TOKENIZER, to / TOKENIZER)
    model = load_run(name)
    put_on_grids(model, size.blocks, size.embedding)
    bake_fake_quantize(model)
    file = to / f"{name}.safetensors"
    save_compressed(quantize_model(model, *size.bits), file)
    scores = validation_scores(load_compressed(file), Tokenizer.from_file(str(to / TOKENIZER)))
    record.published = {"bytes": file.stat().st_size, "scores": scores}
    write_json(file.with_suffix(".json"), asdict(record))
    copy(folder / log.FILE, file.with_suffix(".jsonl"))
    with atomic_write(file.with_suffix(".md")) as temporary:
        temporary.write_text(file_card(record), encoding="utf-8")
    print(f"{file}: {file.stat().st_size:,} bytes")


def finished(name: str) -> Record:
    """The record of a finished run of `llm` on its grids. ValueError: there is none."""
    record = read_record(training_folder(name))
    if record is None or record.updates is None or record.command != "llm":
        raise ValueError(f"no student {name!r} of an LLM has finished here: there is nothing to publish")
    if record.started_from is None:
        advice = f"`llm OTHER --size {record.arguments['size']} --start {name}`"
        raise ValueError(f"the run {name!r} does not live on its size's grids yet: give {advice} first")
    return record


def share_tokenizer(source: Path, target: Path) -> None:
    """Copy a tokenizer into a folder of students. ValueError: another one lies there."""
    if target.is_file() and target.read_bytes() != source.read_bytes():
        raise ValueError(f"{target} is another tokenizer: publish students of one vocabulary into one folder")
    copy(source, target)


def validation_scores(model, tokenizer: Tokenizer) -> dict:
    """Bits a byte, and perplexity of the student's own tokens, on the start of each validation file."""
    texts = [read_text(path)[:CHARACTERS] for path in stdlib_files("validation")]
    ids = [tokenizer.encode(text).ids for text in texts]
    nats, sizes = nats_and_bytes(model, ids, tokenizer.decode)
    predicted = sum(len(row) - 1 for row in ids)
    return {
        "files": len(texts),
        "characters": CHARACTERS,
        "bits_per_byte": nats.sum().item() / math.log(2) / sizes.sum().item(),
        "perplexity": math.exp(nats.sum().item() / predicted),
    }
