"""What each command of `python -m minicompress.train` may be asked: one frozen dataclass a command.

The command line is made from these fields, the body of the command reads them, and the run's record holds
them. None means: not asked for.
"""

import shlex
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal, get_args, get_type_hints

from typer import Argument, Option
from typer.models import ArgumentInfo

from minicompress.lab.qat import GRIDS
from minicompress.train.llm_sizes import LLM_SIZES
from minicompress.train.recipes import RECIPES
from minicompress.train.shapes import SHAPES
from minicompress.train.streams import ROWS

Grid = Literal[*GRIDS]
Steps = Annotated[int, Option(help="Optimizer updates, all in all.", min=1)]
MuonRate = Annotated[float, Option(help="Learning rate of the matrices in the blocks.")]
AdamRate = Annotated[float, Option(help="Learning rate of embeddings and norms.")]
Alpha = Annotated[float, Option(help="Weight of the answers; 0: labels alone.", min=0, max=1)]


@dataclass(frozen=True, kw_only=True)
class Training:
    """What every training may be asked."""

    steps: Steps
    precision: Annotated[
        Literal["no", "bf16"] | None,
        Option(help="no is fp32. Default: as the run began; a new run takes what is faster here."),
    ] = None
    muon_rate: MuonRate = 6e-3
    adam_rate: AdamRate = 1.5e-2


@dataclass(frozen=True, kw_only=True)
class Pretrain(Training):
    """teacher, half."""

    name: Annotated[str | None, Option(help="Name of the run. Default: the command's.")] = None
    start: Annotated[str | None, Option(help="Finished run to go on from. Default: random weights.")] = None
    steps: Steps = 800
    decay: Annotated[
        int | None,
        Option(help="Rates stay constant, and fall in so many last updates. Default: a cosine.", min=1),
    ] = None
    seed: Annotated[int, Option(help="Of the order of the batches.")] = 0
    compile_model: Annotated[bool, Option("--compile-model", help="Use torch.compile.")] = False


@dataclass(frozen=True, kw_only=True)
class Answers:
    """answers: no training, so it has no rates."""

    steps: Annotated[int, Option(help="Batches of 32 sequences.", min=1)] = 650
    teacher: Annotated[str, Option(help="The finished run that answers.")] = "teacher"


@dataclass(frozen=True, kw_only=True)
class Student(Training):
    """student."""

    name: Annotated[str, Option(help="Name of the run.")] = "student"
    shape: Annotated[Literal[*SHAPES] | None, Option(help="Shape of a new model.")] = None
    start: Annotated[str | None, Option(help="Finished run to start from, instead of --shape.")] = None
    neurons: Annotated[int | None, Option(help="First prune every MLP to so many neurons.", min=1)] = None
    blocks: Annotated[Grid | None, Option(help="Grid of the matrices in the blocks, in training.")] = None
    embedding: Annotated[Grid | None, Option(help="Grid of the embedding, in training.")] = None
    teacher: Annotated[str, Option(help="Learn from the answers of this run.")] = "teacher"
    streams: Annotated[str, Option(help="What of the mixture to read: for instance stdlib,pairs.")] = (
        ",".join(ROWS)
    )
    steps: Steps = 2000
    rows: Annotated[int, Option(help="Sequences a step.", min=1)] = 16
    alpha: Alpha = 0.7

    def __post_init__(self):
        if (self.shape is None) == (self.start is None):
            raise ValueError(
                f"got --shape {self.shape} and --start {self.start}: a new student needs its --shape "
                f"({', '.join(SHAPES)}), one that goes on from a finished run needs --start alone"
            )
        if not self.stream_names or not set(self.stream_names) <= set(ROWS):
            raise ValueError(f"--streams must be some of {','.join(ROWS)}, got {self.streams!r}")

    @property
    def stream_names(self) -> list[str]:
        return self.streams.split(",")


@dataclass(frozen=True, kw_only=True)
class Distill(Training):
    """distill."""

    name: Annotated[str, Argument(help="Name of the run.")]
    teacher: Annotated[str, Option(help="A finished run, or a folder with a causal LM.")] = "teacher"
    layers: Annotated[str | None, Option(help="Layers to keep: 0,2,5. Default: every second.")] = None
    start: Annotated[
        Literal["teacher", "random"], Option(help="random: only the number of layers counts.")
    ] = "teacher"
    steps: Steps = 300
    rows: Annotated[int, Option(help="Sequences a step, of all processes together.", min=1)] = 8
    length: Annotated[int, Option(help="Tokens a sequence.", min=2)] = 256
    temperature: Annotated[float, Option(help="Softens the teacher's and the student's answers.")] = 2.0
    alpha: Alpha = 0.5
    seed: Annotated[int, Option(help="Of random weights and of the order of the sequences.")] = 0
    muon_rate: MuonRate = 3e-3
    adam_rate: AdamRate = 6e-3
    log_every: Annotated[int, Option(help="Steps between two lines of the log.", min=1)] = 20
    checkpoint_seconds: Annotated[float, Option(help="Seconds between two checkpoints.", min=0)] = 240.0


@dataclass(frozen=True, kw_only=True)
class Llm(Training):
    """llm."""

    name: Annotated[str, Argument(help="Name of the run.")]
    size: Annotated[Literal[*LLM_SIZES], Option(help="How much smaller the file shall be.")]
    teacher: Annotated[str, Option(help="smollm2, a folder, a hub id or a GGUF file.")] = "smollm2"
    start: Annotated[
        str | None, Option(help="Finished run of that size: go on from it, on the size's grids.")
    ] = None
    least: Annotated[int, Option(help="Keep tokens that occur so often in the text.", min=1)] = 100
    steps: Steps = 1200
    rows: Annotated[int, Option(help="Sequences a step, of all processes together.", min=2)] = 32
    length: Annotated[int, Option(help="Tokens a sequence.", min=2)] = 1024
    temperature: Annotated[float, Option(help="Softens the teacher's and the student's answers.")] = 1.0
    alpha: Alpha = 0.5
    seed: Annotated[int, Option(help="Of random weights and of the order of the sequences.")] = 0
    muon_rate: MuonRate = 3e-3
    adam_rate: AdamRate = 4e-3
    log_every: Annotated[int, Option(help="Steps between two lines of the log.", min=1)] = 20
    checkpoint_seconds: Annotated[float, Option(help="Seconds between two checkpoints.", min=0)] = 120.0


@dataclass(frozen=True, kw_only=True)
class Bert(Training):
    """bert."""

    steps: Steps = 2800
    adam_rate: AdamRate = 2e-3


@dataclass(frozen=True, kw_only=True)
class Distilbert(Training):
    """distilbert."""

    recipe: Annotated[Literal[*RECIPES], Argument(help="What the student's loss is made of.")]
    start: Annotated[Literal["teacher", "random"], Option(help="teacher: begin with its layers 0, 2, 4.")] = (
        "teacher"
    )
    steps: Steps = 60
    muon_rate: MuonRate = 3e-3
    adam_rate: AdamRate = 2e-3


def layers_of(asked: Distill) -> list[int]:
    """The numbers of the layers to keep.

    ValueError: something else than numbers with commas between.
    """
    try:
        return [int(layer) for layer in asked.layers.split(",")]
    except ValueError:
        raise ValueError(f"--layers must be numbers such as 0,2,5, got {asked.layers!r}") from None


def with_layers(asked: Distill, depth: int) -> Distill:
    """Every second of the teacher's `depth` layers, unless others were asked for."""
    return asked if asked.layers else replace(asked, layers=",".join(map(str, range(0, depth, 2))))


def arguments_of(asked: object) -> list[str]:
    """The fields whose values stand in the command line without a name."""
    hints = get_type_hints(type(asked), include_extras=True)
    return [
        name for name, hint in hints.items() if any(isinstance(note, ArgumentInfo) for note in get_args(hint))
    ]


def command_line(command: str, asked: object) -> str:
    """The command with every option as it was resolved, so that changed defaults do not matter later."""
    positional = arguments_of(asked)
    words = ["python -m minicompress.train", command]
    words += [shlex.quote(str(value)) for name, value in asdict(asked).items() if name in positional]
    for name, value in asdict(asked).items():
        if name in positional or value is None or value is False:
            continue
        words.append("--" + name.replace("_", "-"))
        words += [] if value is True else [shlex.quote(str(value))]
    return " ".join(words)
