"""The model card: README.md beside a published model, written from the record of its run and nothing else."""

import json

from minicompress.train.record import Ancestor, Record

FAMILIES = {"llama": "Llama", "bert": "BERT for masked language modelling", "distilbert": "DistilBERT"}
ARITHMETIC = {"no": ", in fp32", "bf16": ", in bf16", None: ""}
STREAMS = {
    "stdlib": "the standard library's training files",
    "packages": "the sources of the packages in `requirements.lock`",
    "pairs": "code summarization pairs formed from both",
}
LEFT_OUT = """\
Files that share a span of 6 lines and 160 characters with a held-out file are left out ("leaks"), so are
files that mostly repeat earlier ones:

```json
{report}
```"""


def model_card(record: Record) -> str:
    """README.md of a published run, in Markdown."""
    scores = record.published["scores"]
    parts = [
        f"# {record.name}",
        say_model(record),
        say_making(record),
        *record.notes,
        say_ancestors(record.ancestors),
        (say_masked_scores if "masked_loss" in scores else say_causal_scores)(scores),
        say_data(record.data),
        f"Recorded in `run.json`, {record.recorded}.",
        "The learning curve is in `log.jsonl`: mean training loss, share of the learning rate, seconds, and\n"
        "loss and accuracy on 4 sequences a validation file. Figures on the test files stand in `results/`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def file_card(record: Record) -> str:
    """The card of a student of an LLM, which is published as one compressed file."""
    parts = [
        f"# {record.name}",
        f"{say_shape(record.shape)}: {record.parameters:,} parameters,\n"
        f"a file of {record.published['bytes']:,} bytes, its tokenizer not counted.",
        say_making(record),
        *record.notes,
        say_ancestors(record.ancestors),
        say_text_scores(record.published["scores"]),
        say_data(record.data),
        f"Recorded in `{record.name}.json`, {record.recorded}.\n"
        f"The learning curve is in `{record.name}.jsonl`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def say_model(record: Record) -> str:
    size = record.published["bytes"]
    return (
        f"{say_shape(record.shape)}: {record.parameters:,} parameters, {size:,} bytes in {record.saved_as}."
    )


def say_shape(shape: dict) -> str:
    groups = shape["num_key_value_heads"]
    heads = f"{shape['num_attention_heads']} heads" + (f" in {groups} KV groups" if groups else "")
    return (
        f"{FAMILIES[shape['family']]}, {shape['num_hidden_layers']} layers, "
        f"hidden size {shape['hidden_size']}, MLP {shape['intermediate_size']}, {heads}, "
        f"{'tied' if shape['tied_embeddings'] else 'untied'} embeddings, {shape['vocabulary']} tokens"
    )


def say_making(record: Record) -> str:
    last = record.sessions[-1]
    return (
        f"Made by `{record.command_line}`:\n{say_amount(record.updates, record.tokens)}, in "
        f"{record.seconds / 60:.0f} minutes{ARITHMETIC[record.plan['precision']]}, on "
        f"`{json.dumps(last.hardware)}`\nwith `{json.dumps(last.versions)}`"
        + (f", commit {last.commit}." if last.commit else ".")
        + say_other_plans(record)
    )


def say_amount(updates: int, tokens: int) -> str:
    return f"{updates:,} steps, {tokens / 1e6:.1f}M tokens"


def say_other_plans(record: Record) -> str:
    """Which steps were done while the learning rates fell by another plan than the last one."""
    sentences = []
    for session, following in zip(record.sessions, record.sessions[1:], strict=False):
        if session.steps != record.sessions[-1].steps:
            first, last = session.first_update + 1, following.first_update
            sentences.append(f" Steps {first:,} to {last:,} were done by a plan of {session.steps:,}.")
    return "".join(sentences)


def say_ancestors(ancestors: list[Ancestor]) -> str:
    if not ancestors:
        return ""
    lines = []
    for run in ancestors:
        shares = ", ".join(f"{stream} {rows}" for stream, rows in run.shares.items())
        amount = say_amount(run.updates, run.tokens)
        lines.append(f"- {run.name}: {amount} in the shares {shares}:\n  `{run.command_line}`")
    return "The runs that it goes on from, the oldest first:\n\n" + "\n".join(lines)


def say_causal_scores(scores: dict) -> str:
    grids = [f"{part} on the {grid} grid" for part, grid in scores["grids"].items() if grid]
    rounded = f", {' and '.join(grids)} (the file holds the weights behind it)" if grids else ""
    return (
        f"On {scores['per_file']} sequences of {scores['length']} tokens a validation file{rounded}: "
        f"perplexity {scores['perplexity']:.2f}, top-1 accuracy {scores['top1_accuracy']:.2%}."
    )


def say_text_scores(scores: dict) -> str:
    return (
        f"On the first {scores['characters']:,} characters of each of {scores['files']} validation files: "
        f"{scores['bits_per_byte']:.3f} bits a byte.\nPerplexity {scores['perplexity']:.2f} for its own "
        "tokens, which cannot be compared with that of another tokenizer."
    )


def say_masked_scores(scores: dict) -> str:
    return (
        f"On {scores['per_file']} sequences of {scores['length']} tokens a validation file, "
        f"15% of the tokens masked: accuracy on the masked tokens {scores['masked_accuracy']:.2%}, "
        f"loss {scores['masked_loss']:.3f} nats."
    )


def say_shares(shares: dict) -> str:
    """The streams in words, and how many rows of each a batch holds."""
    *firsts, last = (STREAMS[name] for name in shares)
    if not firsts:
        return f"{last} alone"
    return f"{', '.join(firsts)} and {last}, in the shares {' : '.join(map(str, shares.values()))}"


def say_data(data: dict) -> str:
    sentence = f"Data: {say_shares(data['shares'])}."
    if data["report"] is None:
        return sentence
    return f"{sentence}\n{LEFT_OUT.format(report=json.dumps(data['report'], indent=1))}"
