"""A small student of an LLM, from the teacher's live logits over a trimmed vocabulary."""

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from minicompress.lab import smollm2
from minicompress.lab.corpus import END, cut, stdlib_files
from minicompress.lab.loops import validation_score
from minicompress.lab.mixture import Mixture
from minicompress.lab.models import load
from minicompress.train.lessons import Lessons
from minicompress.train.llm_sizes import LLM_SIZES, has_widths, new_student, some_blocks
from minicompress.train.llm_text import TrimmedText, documents, trimmed_text
from minicompress.train.loop import Examine, LossOf, Plan, fast_precision, warmup_of
from minicompress.train.options import Llm
from minicompress.train.processes import my_share, this_process
from minicompress.train.runs import FINAL, load_run, training_folder
from minicompress.train.training import Run, carry_out
from minicompress.train.trimming import trim_model

DTYPES = {"no": torch.float32, "bf16": torch.bfloat16}
ABOUT = {smollm2.NAME: "{name} ({license}; {paper}).".format(**smollm2.CARD)}  # for the card


def distill_llm(asked: Llm) -> None:
    """Carry out a run: a new student, or one that goes on from a run and lives on its size's grids.

    The finished model's folder holds the trimmed tokenizer too. ValueError: as in `trimmed_text` and
    `carry_out`; rows that the processes cannot share; a run of another size or of another vocabulary.
    """
    state = this_process()
    if asked.rows % state.num_processes:
        raise ValueError(f"{asked.rows} rows cannot be shared evenly by {state.num_processes} processes")
    with state.main_process_first():  # the others find the text in the cache
        text = trimmed_text(asked.teacher, asked.least)
    teacher = trim_model(load(asked.teacher), text.kept, text.end)
    carry_out(new_run(asked, text, teacher))
    if state.is_main_process:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=text.tokenizer, eos_token=END)
        tokenizer.save_pretrained(training_folder(asked.name) / FINAL)


def new_run(asked: Llm, text: TrimmedText, teacher: nn.Module) -> Run:
    """The run that was asked for. teacher: trimmed, fp32."""
    size = LLM_SIZES[asked.size]
    on_grids = {"blocks": size.blocks, "embedding": size.embedding} if asked.start else {}
    begins_as_teacher = asked.start is None and has_widths(teacher, size.shape)
    about = ABOUT.get(asked.teacher, f"{asked.teacher}.")
    note = f"It learned from the logits, over the {len(text.kept):,} tokens that it knows, of {about}"
    kept = f"It began with {size.shape['num_hidden_layers']} of the teacher's blocks and its embeddings."
    return Run(
        "llm",
        asked.name,
        asked,
        first_model(asked, text, teacher),
        from_trimmed_teacher(asked, text, teacher),
        Plan(
            asked.steps,
            asked.muon_rate,
            asked.adam_rate,
            warmup_of(asked.steps),
            evaluate_every=200,
            log_every=asked.log_every,
            checkpoint_seconds=asked.checkpoint_seconds,
        ),
        seed=asked.seed,
        started_from=asked.start,
        notes=(note, kept) if begins_as_teacher else (note,),
        **on_grids,
    )


def first_model(asked: Llm, text: TrimmedText, teacher: nn.Module) -> nn.Module:
    """What training begins with: a finished run; else some of the teacher's blocks where they have the
    size's widths; else random weights. fp32.

    ValueError: the finished run has another shape or another vocabulary.
    """
    shape = LLM_SIZES[asked.size].shape
    if asked.start:
        return checked(load_run(asked.start), asked, shape | {"vocab_size": len(text.kept)})
    if has_widths(teacher, shape):
        return some_blocks(teacher, shape["num_hidden_layers"])
    return new_student(shape, len(text.kept), text.end, 2 * asked.length, asked.seed)


def checked(model: nn.Module, asked: Llm, wanted: dict) -> nn.Module:
    """The model itself. ValueError: its configuration is not as wanted."""
    for name, value in wanted.items():
        found = getattr(model.config, name)
        if found != value:
            raise ValueError(f"--start {asked.start} has {name} {found}, --size {asked.size} needs {value}")
    return model


def from_trimmed_teacher(asked: Llm, text: TrimmedText, teacher: nn.Module) -> Lessons:
    """Distillation from a teacher that answers while the student learns.

    A quarter of the rows is the standard library, the rest the packages, of which there is far more.
    """
    shares = {"stdlib": max(1, asked.rows // 4)}
    shares["packages"] = asked.rows - shares["stdlib"]
    mixture = Mixture(text.streams, shares, asked.length, asked.seed)
    data = {
        "shares": shares,
        "length": asked.length,
        "seed": asked.seed,
        "teacher": asked.teacher,
        "report": text.report,
    }
    dtype = DTYPES[asked.precision or fast_precision()]
    teacher = teacher.to(this_process().device, dtype).eval().requires_grad_(False)
    loss_of = lessons_of(mixture, teacher, asked.temperature, asked.alpha)
    return Lessons(loss_of, examination(text, asked.length), asked.rows * asked.length, data)


def lessons_of(mixture: Mixture, teacher: nn.Module, temperature: float, alpha: float) -> LossOf:
    """The loss of a step: teacher and student read the same new ids."""
    from minicompress.distillation import distillation_loss

    def loss_of(model: nn.Module, step: int) -> torch.Tensor:
        tokens = my_share(mixture.batch(step))  # [B, T]
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
        with torch.no_grad():
            answers = teacher(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
        return distillation_loss(logits, answers, tokens[:, 1:], temperature, alpha)

    return loss_of


def examination(text: TrimmedText, length: int, per_file: int = 4) -> Examine:
    """Score a student on so many sequences of each validation file, in its own tokens."""
    found = documents(text.tokenizer, stdlib_files("validation"))
    tokens = torch.cat([cut(ids.tolist(), length)[:per_file] for ids in found])  # [sequences, length]
    return lambda model: validation_score(model, tokens)
