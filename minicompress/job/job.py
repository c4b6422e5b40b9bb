"""The combined pipeline as one job: run the stages, measure each file, write the ledger; stop at any time and
resume.

What a job consists of is made in `recipes.py`, what a stage does in `stages.py`.
"""

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from minicompress import pipeline
from minicompress.job.decode import PROMPTS, complete
from minicompress.job.measure import measure_alone
from minicompress.job.scores import ScoreBook
from minicompress.job.stages import Account, Training
from minicompress.lab import ngrams, plots
from minicompress.lab.digests import digest_of_files, tensor_digest, weights_digest
from minicompress.lab.evaluation import accuracy_kept
from minicompress.lab.files import write_json
from minicompress.lab.machine import commit, hardware, versions
from minicompress.lab.models import Text
from minicompress.lab.paths import ASSETS, CHAPTERS, ROOT, shown

Stage = Callable[[nn.Module], tuple[nn.Module, Account]]
NOT_BEGUN = Account(Training.SHIPPED, "as it came")  # what is said of the teacher, before any stage


@dataclass
class Job:
    """Everything that decides a run of the pipeline. Two equal jobs write equal files on one machine."""

    recipe: str  # names the stages and how long they train
    seed: int
    teacher: nn.Module
    student: nn.Module
    teacher_path: str
    stages: list[tuple[str, Stage]]
    train: torch.Tensor  # int64 [sequences, length]
    held_out: torch.Tensor  # int64 [sequences, length]
    file_ids: torch.Tensor  # int64 [sequences]: the file that each held-out sequence comes from
    text: Text
    baselines: dict[str, Path] = field(default_factory=dict)  # name -> compressed file
    shipped_files: list[Path] = field(default_factory=list)  # whatever else the stages read
    shipped_scores: Path | None = None  # of the teacher on these held-out tokens
    notes: list[str] = field(default_factory=list)

    def steps(
        self, note: Callable[[Account], object] = lambda account: None
    ) -> list[tuple[str, Callable[[nn.Module], nn.Module]]]:
        """The stages as `pipeline.compress` takes them; `note` hears what each says of its training."""

        def step(stage: Stage) -> Callable[[nn.Module], nn.Module]:
            def apply(model: nn.Module) -> nn.Module:
                model, account = stage(model)
                note(account)
                return model

            return apply

        return [(name, step(stage)) for name, stage in self.stages]


def run(job: Job, out: Path, resume: bool = False) -> dict:
    """Run the job into the folder `out` and return the report, which also lies there as `ledger.json`.

    With `resume`, stages that an interrupted run of this very job has finished are not run again.
    ValueError: a folder that cannot be written to, or whatever the job's models and texts do not allow.
    """
    prepare_folder(out, resume, fingerprint(job))
    book = ScoreBook(job.held_out, out / "scores.json", job.shipped_scores)
    account = NOT_BEGUN

    def note(latest: Account) -> None:
        nonlocal account
        account = latest

    def evaluate(model: nn.Module) -> dict:
        weights = book.look_up(model)
        scores = book[weights]
        return {
            "weights": weights,
            "perplexity": scores.perplexity,
            "top1_accuracy": scores.top1_accuracy,
            "scores": book.source(weights),
            "training": dataclasses.asdict(account),
        }

    stages = [(name, announcing(name, step)) for name, step in job.steps(note)]
    ledger = pipeline.compress(job.teacher, job.student, stages, evaluate, out)
    reference = book[ledger[0]["weights"]].hits
    for record in tqdm(ledger, desc="speed and memory, each in a fresh process"):
        record |= accuracy_kept(book[record["weights"]].hits, reference, job.file_ids)
        record |= measure_alone(out / record["artefact"])
    report = report_on(job, out, ledger, book)
    plots.plot_ledger(ledger, out / "ledger.png")
    write_json(out / "ledger.json", report)
    return report


def announcing(name: str, step: Callable[[nn.Module], nn.Module]) -> Callable[[nn.Module], nn.Module]:
    """The step, announced on stderr: its measuring takes a while, too."""

    def announced(model: nn.Module) -> nn.Module:
        print(f"stage: {name}", file=sys.stderr)
        return step(model)

    return announced


def report_on(job: Job, out: Path, ledger: list[dict], book: ScoreBook) -> dict:
    """The ledger with what stands beside it, and where all of it comes from."""
    artefact = out / ledger[-1]["artefact"]
    return {
        "teacher": job.teacher_path,
        "artefact": shown(artefact),
        "stages": ledger,
        "baselines": baselines(job, book, ledger[0]),
        "completions": completions(job, artefact),
        "held_out_tokens": job.held_out[:, 1:].numel(),
        "held_out_files": len(job.file_ids.unique()),
        "context_length": job.held_out.shape[1],
        "tokenizer_bytes": (ASSETS / "tokenizer.json").stat().st_size,
        "seed": job.seed,
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
        "notes": job.notes,
    }


# ---------------------------------------------------------------- the folder of a run


def fingerprint(job: Job) -> dict:
    """What decides the files of a run: two runs with equal fingerprints write equal files on one machine."""
    return {
        "recipe": job.recipe,
        "seed": job.seed,
        "teacher": f"{job.teacher_path} {weights_digest(job.teacher)}",
        "student": weights_digest(job.student),
        "training text": tensor_digest(job.train),
        "held-out text": tensor_digest(job.held_out, job.file_ids),
        "shipped files": digest_of_files(
            [*job.shipped_files, *job.baselines.values(), *filter(None, [job.shipped_scores])]
        ),
        "code": digest_of_files(code_files()),
        "versions": versions(),
        "threads": torch.get_num_threads(),
        "device": str(next(job.teacher.parameters()).device),
    }


def code_files() -> list[Path]:
    """The chapters as they are imported, yours or the reference, and the given code of a run."""
    package = ROOT / "minicompress"
    chapters = [Path(importlib.util.find_spec(f"minicompress.{name}").origin) for name in CHAPTERS]
    return [*chapters, *sorted((package / "job").glob("*.py")), *sorted((package / "lab").glob("*.py"))]


def prepare_folder(out: Path, resume: bool, mark: dict) -> None:
    """Make `out` writable, and empty of an earlier run's files unless `resume` is asked for and that run had
    this mark.

    Only a folder that holds `run.json`, an earlier run's mark, is cleaned: nobody's own files are touched.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        earlier = read_mark(out / "run.json")
        if earlier is not None and not (resume and earlier == mark):
            remove(out, "[0-9]-*.json", "[0-9]-*.safetensors", "scores.json", "ledger.json", "ledger.png")
        remove(out, ".*.tmp")  # what a killed run had begun to write
        write_json(out / "run.json", mark)
    except OSError as error:
        raise ValueError(f"cannot write to the folder {out}: {error.strerror}") from error
    if resume and earlier != mark:
        print(f"nothing to resume: {difference(earlier, mark)}; starting anew", file=sys.stderr)


def read_mark(path: Path) -> dict | None:
    """An earlier run's mark; empty when it cannot be understood, None when there is none."""
    try:
        mark = json.loads(path.read_text(encoding="utf-8"))
        return mark if isinstance(mark, dict) else {}
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def difference(earlier: dict | None, mark: dict) -> str:
    """What an earlier run had otherwise, in words."""
    if earlier is None:
        return "this folder holds no earlier run"
    return f"the earlier run had another {', '.join(key for key in mark if earlier.get(key) != mark[key])}"


def remove(folder: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink()


# ---------------------------------------------------------------- what stands beside the ledger


def baselines(job: Job, book: ScoreBook, teacher: dict) -> list[dict]:
    """Counting models, and the shipped rivals."""
    rows = []
    for name, order in tqdm([("unigram", 1), ("trigram", 3)], desc="counting baselines"):
        counted = ngrams.ngram_baseline(job.train, job.held_out, order, job.teacher.config.vocab_size)
        kept = counted["top1_accuracy"] / teacher["top1_accuracy"] if teacher["top1_accuracy"] else None
        rows.append({"name": name, "file_bytes": None, **counted, "accuracy_kept": kept})
    for name, path in tqdm(job.baselines.items(), desc="shipped baselines"):
        scores, size = book[book.look_up(pipeline.load_compressed(path))], path.stat().st_size
        row = {"name": name, "file_bytes": size, "ratio": teacher["file_bytes"] / size}
        row |= {"perplexity": scores.perplexity, "top1_accuracy": scores.top1_accuracy}
        rows.append(row | accuracy_kept(scores.hits, book[teacher["weights"]].hits, job.file_ids))
    return rows


def completions(job: Job, artefact: Path) -> list[dict]:
    """The same prompts completed by the teacher and by the compressed file."""
    models = {"teacher": job.teacher, "compressed": pipeline.load_compressed(artefact)}
    rows = []
    for prompt in PROMPTS:
        ids = job.text.encode(prompt)
        written = {name: job.text.decode(complete(model, ids)) for name, model in models.items()}
        rows.append({"prompt": prompt, **written})
    return rows
