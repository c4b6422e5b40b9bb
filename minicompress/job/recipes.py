"""Two recipes for a job: the shipped teacher and student (`embedded_job`, `from_scratch_job`), and your own
model (`own_job`).
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from minicompress import distillation, pipeline, structured_pruning
from minicompress.job.budget import MINUTES, affordable, rows_that_fit
from minicompress.job.job import Job, Stage
from minicompress.job.stages import Account, Schedule, Training, keep_zeros, prune_24, teach, teach_on_grid
from minicompress.lab import corpus, models
from minicompress.lab.digests import weights_digest
from minicompress.lab.paths import ASSETS, results

NEURONS = 208  # of the student's 288 in every MLP: as many as 80x allows at 3 bits
CONTINUED = ASSETS / "student-clip3"  # the pruned student after its long training on the 3-bit grid


@dataclass(frozen=True)
class Effort:
    """How long the live parts of a job train, and on how much text it is measured."""

    name: str
    continuing: Schedule  # on from long shipped training; settings chosen on validation files
    own_cut: Schedule  # a cut that no shipped training began with
    from_scratch: tuple[Schedule, Schedule]  # distilling from random weights, then on the grid
    own_model: tuple[Schedule, Schedule]  # distilling, then fine-tuning with the zeros kept
    per_file: int  # held-out sequences of a file
    sequences: int | None = None  # of the held-out text, all by default
    training_sequences: int | None = None
    with_baselines: bool = True


FULL = Effort(
    "full",
    continuing=Schedule(50, 2e-5),
    own_cut=Schedule(100, 2e-3),
    from_scratch=(Schedule(1500, 4e-3), Schedule(3000, 2e-3)),
    own_model=(Schedule(100, 3e-4, rows=8), Schedule(100, 1e-4, rows=8)),
    per_file=16,
)
QUICK = Effort(
    "quick",
    continuing=Schedule(3, 1e-4),
    own_cut=Schedule(3, 1e-4),
    from_scratch=(Schedule(3, 4e-3), Schedule(3, 1e-4)),
    own_model=(Schedule(3, 3e-4, rows=8), Schedule(3, 1e-4, rows=8)),
    per_file=2,
    sequences=24,
    training_sequences=400,
    with_baselines=False,
)


# ---------------------------------------------------------------- the embedded job


def embedded_job(seed: int = 0, effort: Effort = FULL, remeasure: bool = False) -> Job:
    """The shipped teacher and student on the standard library. Long training is shipped; a short live part
    goes on from it.

    The teacher's scores on the test files are shipped, too; `remeasure` takes them anew.
    """
    teacher, train = models.shipped_model("teacher"), training_text(effort)
    stages = [
        ("distilled", as_shipped),
        ("pruned", cut_neurons),
        ("fine-tuned", continue_or_train(teacher, train, effort, seed)),
        ("quantized", to_three_bits),
    ]
    job = job_on_the_library(
        "embedded", seed, effort, teacher, models.shipped_model("student"), train, stages
    )
    return dataclasses.replace(
        job, shipped_scores=None if remeasure else ASSETS / "teacher" / "held_out.json"
    )


def from_scratch_job(seed: int = 0, effort: Effort = FULL, remeasure: bool = False) -> Job:
    """The shipped teacher, and a student of the shipped one's shape that is distilled live, from random
    weights.
    """
    teacher, train = models.shipped_model("teacher"), training_text(effort)
    first, second = effort.from_scratch

    def distilled(model: nn.Module) -> tuple[nn.Module, Account]:
        model = teach(model, teacher, train, first, seed, "distilling from random weights")
        return model, Account(Training.LIVE, "from random weights", first.updates)

    def fine_tuned(model: nn.Module) -> tuple[nn.Module, Account]:
        model = teach_on_grid(model, teacher, train, second, seed)
        return model, Account(Training.LIVE, "the live student, on the 3-bit grid", second.updates)

    shipped = models.shipped_model("student")
    torch.manual_seed(seed)
    student = type(shipped)(shipped.config).eval()
    stages = [
        ("distilled", distilled),
        ("pruned", cut_neurons),
        ("fine-tuned", fine_tuned),
        ("quantized", to_three_bits),
    ]
    job = job_on_the_library("from scratch", seed, effort, teacher, student, train, stages)
    return dataclasses.replace(
        job, shipped_scores=None if remeasure else ASSETS / "teacher" / "held_out.json"
    )


def training_text(effort: Effort) -> torch.Tensor:
    """The standard library's training files: int64 [sequences, 256]."""
    return corpus.load_tokens("train")[0][: effort.training_sequences]


def job_on_the_library(
    recipe: str,
    seed: int,
    effort: Effort,
    teacher: nn.Module,
    student: nn.Module,
    train: torch.Tensor,
    stages: Sequence[tuple[str, Stage]],
) -> Job:
    """A job that is measured on the standard library's test files."""
    held_out, file_ids = corpus.load_tokens("test", per_file=effort.per_file)
    rivals = sorted((ASSETS / "baselines").glob("*.safetensors")) if effort.with_baselines else []
    return Job(
        recipe=f"{recipe}, {effort}",
        seed=seed,
        teacher=teacher,
        student=student,
        teacher_path="assets/teacher/model.safetensors",
        stages=list(stages),
        train=train,
        held_out=held_out[: effort.sequences],
        file_ids=file_ids[: effort.sequences],
        text=models.shipped_text(),
        baselines={path.stem: path for path in rivals},
        shipped_files=[CONTINUED / "model.safetensors", CONTINUED / "run.json"],
        notes=["Long training was done once and is shipped; each row says what was trained live."],
    )


def as_shipped(model: nn.Module) -> tuple[nn.Module, Account]:
    return model, Account(Training.SHIPPED, "the student was distilled once, for long (assets/student)")


def cut_neurons(model: nn.Module) -> tuple[nn.Module, Account]:
    neurons = model.config.intermediate_size
    pruned = structured_pruning.prune_neurons(model, NEURONS)
    return pruned, Account(Training.NONE, f"{NEURONS} of {neurons} neurons of every MLP kept")


def to_three_bits(model: nn.Module) -> tuple[nn.Module, Account]:
    quantized = pipeline.quantize_model(model, bits=3, embedding_bits=3)
    return quantized, Account(Training.NONE, "every matrix rounded to 3 bits")


def continue_or_train(teacher: nn.Module, train: torch.Tensor, effort: Effort, seed: int) -> Stage:
    """Fine-tuning on the 3-bit grid, on from the long shipped training only if that began with this very
    model.

    Otherwise, after another cut for example, what arrives is trained: live, so for a shorter time.
    """
    began_with = json.loads((CONTINUED / "run.json").read_text(encoding="utf-8"))["began_with"]

    def stage(model: nn.Module) -> tuple[nn.Module, Account]:
        if weights_digest(model) == began_with:
            model = teach_on_grid(models.load_folder(CONTINUED), teacher, train, effort.continuing, seed)
            why = "this very cut was trained on the 3-bit grid for long (assets/student-clip3)"
            return model, Account(Training.CONTINUED, why, effort.continuing.updates)
        model = teach_on_grid(model, teacher, train, effort.own_cut, seed)
        return model, Account(Training.LIVE, why_live(), effort.own_cut.updates)

    return stage


def why_live() -> str:
    """Why a run trained its own cut, and what that usually costs, as measured."""
    cost = results("cuts")["live"]["points_lost"]
    return (
        "no shipped training began with this cut, so it was trained here, for a shorter time: "
        f"that usually costs {cost:.0f} points of the accuracy kept (results/cuts.json)"
    )


# ---------------------------------------------------------------- your own model and text


def own_job(
    teacher_source: str, student_source: str | None, texts: list[Path], seed: int = 0, effort: Effort = FULL
) -> Job:
    """Any causal LM: a student of every other layer, distilled on the given text, 2:4-pruned, fine-tuned,
    4-bit.

    The last fifth of the text is held out. ValueError: texts, models or a tokenizer that do not fit together.
    """
    documents = [read_document(path) for path in texts]
    teacher = models.load(teacher_source)
    student = student_of(teacher, student_source)
    text = models.load_text(teacher_source, teacher.config.vocab_size)
    length = min(256, getattr(teacher.config, "max_position_embeddings", 256))
    tokens, file_ids = own_tokens([text.encode(document) for document in documents], length, teacher)
    held = max(1, len(tokens) // 5)
    train = tokens[:-held]
    effort = within_budget(effort, student, teacher, length)
    first, second = effort.own_model
    notes = [
        f"{len(train)} sequences of {length} tokens to learn from, the last {held} of the text held out.",
        f"Distilling has {first.updates} updates of {first.rows} sequences, fine-tuning {second.updates}: "
        f"as planned, or what this machine's memory holds and {MINUTES} minutes each afford, by estimate.",
    ]
    return Job(
        recipe=f"own model, {effort}",
        seed=seed,
        teacher=teacher,
        student=student,
        teacher_path=teacher_source,
        stages=own_stages(teacher, train, effort, seed),
        train=train,
        held_out=tokens[-held:],
        file_ids=file_ids[-held:],
        text=text,
        notes=notes,
    )


def within_budget(effort: Effort, student: nn.Module, teacher: nn.Module, length: int) -> Effort:
    """The effort, with no longer training and no larger batches than this machine affords."""
    schedules = []
    for plan in effort.own_model:
        rows = rows_that_fit(teacher.config.vocab_size, length, plan.rows)
        updates = affordable(student, teacher, rows * length, plan.updates)
        schedules.append(dataclasses.replace(plan, rows=rows, updates=updates))
    return dataclasses.replace(effort, own_model=tuple(schedules))


def read_document(path: Path) -> str:
    """A text file's contents. ValueError: it cannot be read, or is empty."""
    try:
        document = corpus.read_text(path)
    except OSError as error:
        raise ValueError(f"cannot read the text file {path}: {error.strerror}") from error
    if not document.strip():
        raise ValueError(f"the text file {path} is empty")
    return document


def student_of(teacher: nn.Module, source: str | None) -> nn.Module:
    """The student that was asked for, else one of every other layer of the teacher.

    ValueError: another vocabulary.
    """
    if source is None:
        return distillation.init_student_from_teacher(teacher, range(0, teacher.config.num_hidden_layers, 2))
    student = models.load(source)
    sizes = teacher.config.vocab_size, student.config.vocab_size
    if sizes[0] != sizes[1]:
        raise ValueError(f"vocabularies differ: teacher {sizes[0]}, student {sizes[1]}")
    return student


def own_tokens(
    documents: list[list[int]], length: int, teacher: nn.Module
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole sequences, int64 [sequences, length], and the document of each, int64 [sequences].

    ValueError: fewer than two sequences, or a token beyond the teacher's vocabulary.
    """
    pieces = [corpus.cut(ids, length) for ids in documents]
    tokens, vocabulary = torch.cat(pieces), teacher.config.vocab_size
    if len(tokens) < 2:
        raise ValueError(
            f"the text gives {len(tokens)} whole sequences of {length} tokens; "
            "at least 2 are needed, one of them held out"
        )
    if tokens.max() >= vocabulary:
        raise ValueError(
            f"the tokenizer produced token {int(tokens.max())}, beyond the model's vocabulary of {vocabulary}"
        )
    return tokens, torch.cat([torch.full((len(piece),), number) for number, piece in enumerate(pieces)])


def own_stages(teacher: nn.Module, train: torch.Tensor, effort: Effort, seed: int) -> list[tuple[str, Stage]]:
    """Distill, prune 2:4, fine-tune and quantize to 4 bits; whatever is trained is trained live."""
    first, second = effort.own_model

    def distilled(model: nn.Module) -> tuple[nn.Module, Account]:
        model = teach(model, teacher, train, first, seed, "distilling")
        return model, Account(Training.LIVE, "on your text", first.updates)

    def pruned(model: nn.Module) -> tuple[nn.Module, Account]:
        return prune_24(model), Account(Training.NONE, "two of every four weights set to zero")

    def fine_tuned(model: nn.Module) -> tuple[nn.Module, Account]:
        keep_zeros(model)
        model = teach(model, teacher, train, second, seed, "fine-tuning")
        return model, Account(Training.LIVE, "on your text, the zeros kept", second.updates)

    def quantized(model: nn.Module) -> tuple[nn.Module, Account]:
        model = pipeline.quantize_model(model, bits=4, embedding_bits=4, group_size=32)
        return model, Account(Training.NONE, "every matrix rounded to 4 bits, in groups of 32")

    return [
        ("distilled", distilled),
        ("pruned", pruned),
        ("fine-tuned", fine_tuned),
        ("quantized", quantized),
    ]
