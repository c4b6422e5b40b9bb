"""The command line: `minicompress lab`, `list`, `check`, `hint`, `progress`, `reveal`, `more`; `run`, `llm`,
`compress`, `complete`, `export`, `measure`, `leaderboard`, `corpus`, `doctor`; for teachers `grade`,
`grade-all`, `release`.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from minicompress.disk import commands as disk_commands
from minicompress.job import commands as job_commands
from minicompress.lab.paths import WRITE_IT

HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=__doc__,
    context_settings=HELP,
)


def switch(name: str, help: str) -> typer.models.OptionInfo:
    """An option that takes no value: it is given or not."""
    return typer.Option(f"--{name}", help=help)


OWN_TEACHER = typer.Option(
    help="Your own causal LM: smollm2, a folder, a hub id or a GGUF file. Default: the shipped teacher."
)
OWN_TEXT = typer.Option(help="Text files for your own model; give the option once a file.")
OWN_STUDENT = typer.Option(help="Your own student; default: every other layer of the teacher.")
OUT = typer.Option(help="Folder for the ledger, the plot and the files of all stages.")
RESUME = switch("resume", "Do not run finished stages of this very run again.")
QUICK = switch("quick", "A few steps and sequences: shows that everything works, not how well.")
FROM_SCRATCH = switch("from-scratch", "Distill the student from random weights (over an hour).")
KERNELS = switch("kernels", "Compute with the integers themselves, on torch's CPU kernels, in bf16.")
REMEASURE = switch("remeasure", "Measure the teacher anew instead of reading its shipped scores.")


@app.command()
def run(
    teacher: Annotated[str | None, OWN_TEACHER] = None,
    text: Annotated[list[Path] | None, OWN_TEXT] = None,
    student: Annotated[str | None, OWN_STUDENT] = None,
    out: Annotated[Path, OUT] = Path("out"),
    seed: int = 0,
    resume: Annotated[bool, RESUME] = False,
    quick: Annotated[bool, QUICK] = False,
    from_scratch: Annotated[bool, FROM_SCRATCH] = False,
    remeasure: Annotated[bool, REMEASURE] = False,
) -> None:
    """Compress a model: distill, prune, fine-tune, quantize, save, reload, evaluate, and show the ledger."""
    from minicompress.job import recipes
    from minicompress.job.job import run as run_job
    from minicompress.lab import corpus, ledger
    from minicompress.lab.machine import keep_freed_memory

    quiet_transformers()
    keep_freed_memory()
    refuse_contradictions(teacher, text, student, from_scratch, remeasure)
    effort = recipes.QUICK if quick else recipes.FULL
    if teacher:
        job = recipes.own_job(teacher, student, text, seed, effort)
    else:
        ledger.say_corpus(corpus.describe())
        make = recipes.from_scratch_job if from_scratch else recipes.embedded_job
        job = make(seed, effort, remeasure)
    ledger.print_report(run_job(job, out, resume))


def refuse_contradictions(
    teacher: str | None, text: list[Path] | None, student: str | None, from_scratch: bool, remeasure: bool
) -> None:
    """Refuse options of `run` that do not go together."""
    if (teacher is None) != (not text):
        raise ValueError(
            "--teacher and --text belong together: give both for your own model, neither for the shipped one"
        )
    if student and not teacher:
        raise ValueError("--student needs --teacher and --text")
    if teacher and from_scratch:
        raise ValueError("--from-scratch is for the shipped teacher; your own model is always distilled live")
    if teacher and remeasure:
        raise ValueError("--remeasure is for the shipped teacher; your own model is always measured live")


@app.command()
def llm() -> None:
    """Install SmolLM2-135M, which the chapter on a real LLM needs: 93 MB, once, converted to fp16."""
    from minicompress.lab import smollm2

    quiet_transformers()
    folder = smollm2.prepare()
    print(f"SmolLM2-135M is ready in {folder}: use it by the name {smollm2.NAME}.")


disk_commands.add_to(app)
job_commands.add_to(app)


@app.command()
def complete(file: Path, prompt: str, tokens: int = 48, kernels: Annotated[bool, KERNELS] = False) -> None:
    """Complete PROMPT with a compressed FILE and the shipped tokenizer, nothing else."""
    from minicompress import pipeline
    from minicompress.job import decode
    from minicompress.lab import corpus
    from minicompress.lab.kernels import with_fast_layers

    quiet_transformers()
    tokenizer = corpus.load_tokenizer()
    model = pipeline.load_compressed(file)
    if not prompt:
        raise ValueError("the prompt is empty: give at least one character")
    if model.config.vocab_size != tokenizer.get_vocab_size():
        sizes = f"{model.config.vocab_size}, the shipped tokenizer {tokenizer.get_vocab_size()}"
        raise ValueError(f"{file} has a vocabulary of {sizes}")
    if kernels:
        with_fast_layers(model)
    print(prompt + tokenizer.decode(decode.complete(model, tokenizer.encode(prompt).ids, tokens)))


@app.command()
def export(
    model: str,
    out: Annotated[Path, typer.Option(help="New folder for the files.")],
    to: Annotated[Literal["onnx", "compressed-tensors"], typer.Option(help="The format.")],
    bits: Annotated[int | None, typer.Option(help="compressed-tensors: 4 or 8. Default: 4.")] = None,
    group: Annotated[
        int | None,
        typer.Option(help="compressed-tensors: inputs that share a scale, 0: a whole row. Default: 32."),
    ] = None,
) -> None:
    """Write MODEL for other libraries: a shipped name, a file of this course, smollm2, a folder, a hub id."""
    from minicompress.interop import export

    quiet_transformers()
    export.export(export.Order(model, to, out, bits, group), print)


@app.command()
def measure(
    file: Path,
    generation: Annotated[
        bool, typer.Option("--generation", help="Write code token by token instead of whole forward passes.")
    ] = False,
) -> None:
    """Load a compressed FILE and print its speed and memory as JSON."""
    from minicompress.job.measure import measure_file, measure_generation

    quiet_transformers()
    print(json.dumps((measure_generation if generation else measure_file)(file)))


@app.command("corpus")
def show_corpus() -> None:
    """Count the Python files and tokens found on this machine."""
    from minicompress.lab import corpus, ledger

    ledger.say_corpus(corpus.describe())


@app.command()
def check(
    exercise: str,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where each failing grader failed.")
    ] = False,
    device: Annotated[str, typer.Option(help="Run the graders on this device: cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of the random inputs.")] = 0,
) -> None:
    """Check your saved work on an EXERCISE, say 1.1 or magnitude_mask.

    The exit code is 0 when it is solved, else 1.
    """
    from rich.console import Console

    from minicompress.grading import checking, course

    try:
        report = checking.answer(course.exercise(exercise), device, seed, again="run this command again")
    except checking.Unsolved as nothing_yet:
        Console().print(str(nothing_yet), markup=False)
        raise typer.Exit(1) from None
    report.print(Console(), traceback)
    raise typer.Exit(0 if report.solved else 1)


@app.command()
def hint(exercise: str) -> None:
    """Show a hint for an EXERCISE, at each call the next of three."""
    from minicompress.grading import guide

    guide.hint(exercise)


@app.command()
def reveal(exercise: str) -> None:
    """Show the reference solution of an EXERCISE, after two failed checks or when it is solved."""
    from minicompress.grading import guide

    guide.reveal(exercise)


@app.command()
def more(exercise: str) -> None:
    """Show harder variants of an EXERCISE that is solved."""
    from minicompress.grading import guide

    guide.more(exercise)


@app.command()
def progress(
    html: Annotated[Path | None, typer.Option(help="Write a page of what is solved into this file.")] = None,
    name: Annotated[str | None, typer.Option(help="Your name, for the page.")] = None,
) -> None:
    """Show what you have solved, and what comes next."""
    from minicompress.grading import certificate, guide

    if name is not None and html is None:
        raise ValueError("--name is for the page: give --html FILE too")
    if html:
        certificate.write(html, name)
        print(f"{html} says what is solved: open it in a browser, or print it.")
    else:
        guide.progress()


@app.command("list")
def list_exercises() -> None:
    """Show a table of all exercises."""
    from minicompress.grading import guide

    guide.list_exercises()


@app.command()
def doctor() -> None:
    """Say what is missing on this machine, and what helps; the exit code is 1 when the course needs it."""
    from minicompress.setup import doctor

    raise typer.Exit(doctor.main())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    chapter: Annotated[
        str | None, typer.Option(help="00 to 07. Default: the first with something unsolved.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="Of the notebook: en, or ko for Korean (00 to 02; the others are in English).")
    ] = "en",
) -> None:
    """Open JupyterLab: the chapter's notebook on the left, the module to write on the right.

    Other options go to JupyterLab, say --no-browser.
    """
    from minicompress.grading import workspace

    wanted = workspace.chapter_named(chapter) if chapter else workspace.first_unsolved()
    workspace.start(wanted, language, context.args)


if (Path(__file__).parent / "classroom").is_dir():  # a student's copy has none
    from minicompress.classroom import commands

    commands.add_to(app)


def quiet_transformers() -> None:
    """No progress bars and no advice.

    (Importing transformers takes seconds, so only commands that need it do so.)
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def main() -> None:
    """Run a command. Bad input ends in one sentence and exit code 2, without a traceback."""
    for stream in (sys.stdout, sys.stderr):  # a redirected Windows shell is not UTF-8 by itself
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        raise SystemExit(app(standalone_mode=False))  # the code of typer.Exit, or None
    except (typer.TyperException, ValueError, OSError) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if message.startswith("Missing argument 'exercise'"):
            message = f"{message} Say, for example: minicompress {error.ctx.info_name} 1.6"
        if message:  # none when typer has printed the help instead
            print(f"minicompress: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except NotImplementedError as error:  # a stub that the command needs
        print(f"minicompress: {error} is not written yet: {WRITE_IT}", file=sys.stderr)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        print(
            "minicompress: interrupted; `minicompress run --resume` goes on with the first unfinished stage",
            file=sys.stderr,
        )
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
