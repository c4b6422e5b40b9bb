"""Long training, done once: the tokenizer, the teacher, its half-size rival and the students.

    python -m minicompress.train tokenizer
    python -m minicompress.train teacher                 # goes on by itself after an interruption
    accelerate launch -m minicompress.train teacher      # the same on several devices

Every run is a function of its seed: batches depend on (seed, step) alone. A run keeps its record, its log and
its checkpoint in one folder and goes on from there when the same command is given again.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from minicompress.lab.machine import best_device, keep_freed_memory
from minicompress.lab.models import load
from minicompress.lab.paths import ASSETS, WRITE_IT
from minicompress.train import lessons, masked, options
from minicompress.train.answering import answer
from minicompress.train.everything import Device, carry_out_all
from minicompress.train.export import export_run
from minicompress.train.llm import distill_llm
from minicompress.train.llm_publish import publish_student
from minicompress.train.loop import Plan, warmup_of
from minicompress.train.processes import this_process
from minicompress.train.publish import publish_run
from minicompress.train.runs import load_run
from minicompress.train.shapes import SHAPES, new_model, renewed
from minicompress.train.training import Run, carry_out
from minicompress.train.vocabulary import train_tokenizer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def command(asked: type, name: str | None = None) -> Callable:
    """Make a command of a function of one options object: the object's fields are the command's options."""

    def register(body: Callable) -> Callable:
        def from_the_command_line(**values) -> None:
            body(asked(**values))

        from_the_command_line.__signature__ = inspect.signature(asked)  # typer reads the options from it
        from_the_command_line.__doc__ = body.__doc__
        app.command(name or body.__name__)(from_the_command_line)
        return body

    return register


@app.command()
def tokenizer() -> None:
    """Train the byte-level BPE tokenizer of 2,048 tokens on the standard library's training files."""
    train_tokenizer()


@command(options.Pretrain)
def teacher(asked: options.Pretrain) -> None:
    """Train the teacher on labels."""
    pretrain("teacher", asked)


@command(options.Pretrain)
def half(asked: options.Pretrain) -> None:
    """Train the teacher's rival of half its size on the same batches."""
    pretrain("half", asked)


@command(options.Pretrain)
def eighth(asked: options.Pretrain) -> None:
    """Train a rival of an eighth of the teacher's size, the medium student's, on the same batches."""
    pretrain("eighth", asked)


def pretrain(shape: str, asked: options.Pretrain) -> None:
    name = asked.name or shape
    if name == asked.start:
        raise ValueError(f"--start {name} is the run itself: give the longer run a --name of its own")
    carry_out(
        Run(
            shape,
            name,
            asked,
            load_run(asked.start) if asked.start else new_model(SHAPES[shape]),
            lessons.from_streams(asked.seed),
            Plan(
                asked.steps,
                asked.muon_rate,
                asked.adam_rate,
                decay=asked.decay,
                compile_model=asked.compile_model,
            ),
            seed=asked.seed,
            started_from=asked.start,
        )
    )


@command(options.Answers)
def answers(asked: options.Answers) -> None:
    """Write down the likeliest next tokens: the teacher's, or those of another finished run.

    A smaller model that has learnt from the teacher can stand in for it (a teacher assistant, Mirzadeh et al.
    2019, arXiv 1902.03393).
    """
    answer(asked)


@command(options.Student)
def student(asked: options.Student) -> None:
    """Distill a student from the answers that `answers` wrote down.

    A new student needs its --shape; one with --start has the shape of the run that it goes on from.
    """
    model = load_run(asked.start) if asked.start else new_model(SHAPES[asked.shape])
    if asked.neurons:
        from minicompress.structured_pruning import prune_neurons

        prune_neurons(model, asked.neurons)
    carry_out(
        Run(
            "student",
            asked.name,
            asked,
            model,
            lessons.from_answers(asked.teacher, asked.rows, asked.alpha, asked.stream_names),
            Plan(asked.steps, asked.muon_rate, asked.adam_rate, evaluate_every=250),
            started_from=asked.start,
            cut=asked.neurons is not None,
            blocks=asked.blocks,
            embedding=asked.embedding,
        )
    )


@command(options.Distill)
def distill(asked: options.Distill) -> None:
    """Distill a shallower student from a teacher that answers while the student learns, on the standard
    library.

    Several devices or machines: `accelerate launch --num_processes 2 -m minicompress.train distill NAME ...`.
    Each process takes its share of the rows, which must divide evenly.
    """
    from minicompress.distillation import init_student_from_teacher

    state = this_process()
    if asked.rows % state.num_processes:
        raise ValueError(f"{asked.rows} rows cannot be shared evenly by {state.num_processes} processes")
    source = load(asked.teacher) if Path(asked.teacher).is_dir() else load_run(asked.teacher)
    asked = options.with_layers(asked, source.config.num_hidden_layers)
    model = init_student_from_teacher(source, options.layers_of(asked))
    if asked.start == "random":
        model = renewed(model, asked.seed)
    carry_out(
        Run(
            "distill",
            asked.name,
            asked,
            model,
            lessons.from_live_teacher(source.to(state.device).eval(), asked),
            Plan(
                asked.steps,
                asked.muon_rate,
                asked.adam_rate,
                warmup_of(asked.steps),
                log_every=asked.log_every,
                checkpoint_seconds=asked.checkpoint_seconds,
            ),
            seed=asked.seed,
            started_from=asked.teacher if asked.start == "teacher" else None,
            cut=True,
        )
    )


@command(options.Llm)
def llm(asked: options.Llm) -> None:
    """Distill a real LLM, SmolLM2-135M, into a student whose file is so much smaller, on Python text.

    First in full precision; then on the size's grids, from that run: `llm 80x --size 80x --start 80x-first`.
    """
    distill_llm(asked)


@command(options.Bert)
def bert(asked: options.Bert) -> None:
    """Train the BERT teacher: masked language modelling."""
    embeddings = load_run("teacher").get_input_embeddings().weight.detach()  # [2048, width]
    carry_out(
        Run(
            "bert",
            "bert",
            asked,
            masked.new_teacher(embeddings),
            masked.from_holes(asked.steps),
            Plan(asked.steps, asked.muon_rate, asked.adam_rate, evaluate_every=200),
            notes=("Its word embeddings started from the teacher's.",),
        )
    )


@command(options.Distilbert)
def distilbert(asked: options.Distilbert) -> None:
    """Distill a DistilBERT of half the layers from the BERT teacher, by one of the recipes."""
    source = load_run("bert").to(best_device()).eval().requires_grad_(False)
    carry_out(
        Run(
            "distilbert",
            f"distilbert-{asked.recipe}" + ("" if asked.start == "teacher" else f"-{asked.start}"),
            asked,
            masked.new_student(source, asked.start),
            masked.from_bert(source, asked.recipe),
            Plan(asked.steps, asked.muon_rate, asked.adam_rate, warmup_of(asked.steps), evaluate_every=50),
            started_from="bert" if asked.start == "teacher" else None,
            cut=True,
        )
    )


@app.command()
def export(name: str, blocks: str, embedding: str, to: Path) -> None:
    """Write a finished run as one compressed file, quantized on the grids of its blocks and its embedding.

    Two empty grids ("") leave it in fp16.
    """
    export_run(name, blocks, embedding, to)


@app.command(name="all")
def everything(
    device: Annotated[Device, typer.Option(help="auto: the GPU where there is one.")] = "auto",
    times: Annotated[float, typer.Option(help="So many times the updates of each run.")] = 1.0,
    to: Annotated[Path, typer.Option(help="Where the finished models go.")] = ASSETS,
) -> None:
    """Train every shipped model from nothing, each after those it needs, and publish them when all are done.

    Hours on two CPU cores, minutes on a large GPU. The same command goes on where it was interrupted.
    """
    carry_out_all(device, times, to)


@app.command()
def publish(name: str, to: Path) -> None:
    """Copy a finished run into the repository: weights, configuration, log, record and a model card."""
    publish_run(name, to)


@app.command()
def publish_llm(name: str, to: Path) -> None:
    """Write a finished student of an LLM into a folder: one compressed file, its tokenizer, log, record and
    card.
    """
    publish_student(name, to)


def main() -> None:
    """Run a command. Bad input ends in one sentence and exit code 2, without a traceback."""
    keep_freed_memory()
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"minicompress.train: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except NotImplementedError as error:  # a stub that the command needs
        print(f"minicompress.train: {error} is not written yet: {WRITE_IT}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
