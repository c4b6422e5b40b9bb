"""A run from its beginning to its end: its record, its training, its finished model."""

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from minicompress.lab.digests import weights_digest
from minicompress.lab.machine import commit, hardware, versions
from minicompress.lab.qat import drop_fake_quantize, put_on_grids
from minicompress.train.checkpoint import progress_of
from minicompress.train.lessons import Lessons
from minicompress.train.loop import Plan, fast_precision, train
from minicompress.train.options import Training, command_line
from minicompress.train.processes import this_process
from minicompress.train.record import Record, Session, read_record, refuse_another_run
from minicompress.train.runs import FINAL, record_of, save_model, training_folder
from minicompress.train.shapes import describe_shape

TYPE_NAMES = {torch.float16: "fp16", torch.float32: "fp32"}


@dataclass(frozen=True)
class Run:
    """One training: which model, from where, on what, how long."""

    command: str
    name: str
    asked: Training
    model: torch.nn.Module  # as training begins with it, on no grid yet
    lessons: Lessons
    plan: Plan
    seed: int = 0
    started_from: str | None = None
    cut: bool = False  # whether the model lost neurons or layers since the run that it started from
    blocks: str | None = None  # the grids on which the weights live in training
    embedding: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def saved_as(self) -> torch.dtype:
        """fp32 for weights that live on a grid, else fp16.

        They gather at the grid's edges, and fp16 would push some over: at 3 bits one to three points of the
        teacher's accuracy were lost by that.
        """
        return torch.float32 if self.blocks or self.embedding else torch.float16


def carry_out(run: Run) -> None:
    """Train as the run says, or go on where it was interrupted. Leave record and model in its folder.

    ValueError: its folder holds another run.
    """
    folder, main = training_folder(run.name), this_process().is_main_process
    run = with_precision(run, folder)
    record = begin(run, folder)
    if main:
        record.write(folder)
        if progress_of(folder).updates < run.plan.steps:
            shutil.rmtree(folder / FINAL, ignore_errors=True)  # of a shorter plan: nobody shall load it now
    put_on_grids(run.model, run.blocks or "", run.embedding or "")
    model = train(run.model, run.lessons.loss_of, run.plan, folder, run.lessons.examine)
    drop_fake_quantize(model)
    if main:
        record.updates, record.seconds = progress_of(folder)
        record.tokens = record.updates * record.tokens_an_update
        record.write(folder)
        save_model(model, folder / FINAL, run.saved_as)


def with_precision(run: Run, folder: Path) -> Run:
    """The run with its precision settled: as asked, else as it began, else what is faster on this machine."""
    old = read_record(folder)
    precision = run.asked.precision or (old.arguments["precision"] if old else fast_precision())
    return replace(
        run, asked=replace(run.asked, precision=precision), plan=replace(run.plan, precision=precision)
    )


def begin(run: Run, folder: Path) -> Record:
    """The record of a run that begins or goes on, with a session for the updates that are left.

    ValueError: the folder holds another run.
    """
    old, record, updates = read_record(folder), new_record(run), progress_of(folder).updates
    if old is None and updates:
        raise ValueError(f"the run {run.name!r} left no record: delete its folder, or choose another name")
    if old is not None:
        refuse_another_run(old, record, updates)
        record.began_with, record.ancestors, record.sessions = old.began_with, old.ancestors, old.sessions
    if updates < run.plan.steps:
        record.sessions.append(
            Session(updates, run.plan.steps, this_process().num_processes, hardware(), versions(), commit())
        )
    return record


def new_record(run: Run) -> Record:
    parent = record_of(run.started_from) if run.started_from else None
    return Record(
        name=run.name,
        command=run.command,
        command_line=command_line(run.command, run.asked),
        arguments=asdict(run.asked),
        shape=describe_shape(run.model.config),
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        plan=asdict(run.plan),
        seed=run.seed,
        data=run.lessons.data,
        tokens_an_update=run.lessons.tokens_an_update,
        started_from=run.started_from,
        began_with=beginning(run, parent),
        ancestors=parent.lineage() if parent else [],
        saved_as=TYPE_NAMES[run.saved_as],
        notes=list(run.notes),
    )


def beginning(run: Run, parent: Record | None) -> str:
    """The digest of the weights with which training began, in fp32, after pruning and before any grid.

    A run that goes on from another one without cutting it shares that one's beginning: whoever has just made
    the cut can tell by it whether the whole chain of trainings descends from his own weights.
    """
    if parent and parent.began_with and not run.cut:
        return parent.began_with
    return weights_digest(run.model)
