"""What notebook 03 cannot measure live: `python -m benchmarks.distillation [PART ...]`.

    halves      half the layers of the medium model: four ways to begin and to learn
    fair        the student's shape with a teacher and without, from the same random weights
    sweep       two students against temperature and alpha
    fly         a student taught on the corpus' text, on the teacher's and on its own
    summaries   one task, without a true answer and with
    distilbert  three recipes for the BERT teacher's student
    speed       teacher and half-depth student, side by side
    trl         the generalized JSD beside TRL's (needs `make parity`'s environment)

Writes `results/distillation.json`, and the logs of the long trainings to `results/logs/`. All scores are
those of validation files: the test files are used once, in notebook 06. Parts that are not asked for keep
what was measured before. `halves`, `distilbert` and `speed` need the runs that `benchmarks/train_models.sh`
makes with `train distill` and `train distilbert`.
"""

import json
import shutil
import statistics
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from benchmarks import common, fair
from benchmarks.common import SEED
from benchmarks.lessons import CONTEXT, answer_loss, learn, training_batches
from benchmarks.scores import figures, quality_kept, size_of, task_score, task_text
from minicompress import distillation, metrics
from minicompress.lab import bert, corpus, paths, summaries
from minicompress.lab.evaluation import next_token_scores
from minicompress.lab.loops import evaluation_mode, take_steps, training_mode, validation_score
from minicompress.lab.models import shipped_model
from minicompress.train.masked import BERT_LENGTH, BERT_ROWS
from minicompress.train.recipes import RECIPES
from minicompress.train.runs import load_run, training_folder

HALVES = ("kd", "kd-random", "labels", "labels-random")  # of a student with half the layers
TEMPERATURES, ALPHAS = (1.0, 2.0, 3.0, 5.0), (0.3, 0.7, 1.0)
SPLIT = "validation"
LAYERS = [0, 2]  # of the medium model's four, that a student of half its depth starts from

# ---------------------------------------------------------------- long runs


def read_log(name: str) -> list[dict]:
    """The log of a finished run, which is also copied to results/logs."""
    log, copies = training_folder(name) / "log.jsonl", paths.RESULTS / "logs"
    copies.mkdir(exist_ok=True)
    shutil.copyfile(log, copies / f"{name}.jsonl")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def training_of(name: str) -> dict:
    """How long a run took and how its validation scores went."""
    log = read_log(name)
    of_every_step = {"step", "loss", "rate_share", "seconds"}
    scored = [
        {key: value for key, value in record.items() if key not in ("loss", "rate_share")}
        for record in log
        if not record.keys() <= of_every_step
    ]
    return {"steps": log[-1]["step"], "minutes": log[-1]["seconds"] / 60, "scored": scored}


def halves() -> dict:
    """Half the layers of the medium model: from its layers or from random weights, distilled or on labels
    alone.
    """
    tokens, files = corpus.load_tokens(SPLIT, per_file=16)
    teacher = shipped_model("medium")
    scores = next_token_scores(teacher, tokens)
    row = lambda model: size_of(model) | quality_kept(model, tokens, files, scores.hits)  # noqa: E731
    students = {"untrained": row(distillation.init_student_from_teacher(teacher, LAYERS))}
    for arm in HALVES:
        name = f"medium-half-{arm}"
        students[arm] = row(load_run(name).eval()) | training_of(name)
    return {
        "split": SPLIT,
        "held_out_tokens": tokens[:, 1:].numel(),
        "rows_a_step": 8,
        "length": CONTEXT,
        "teacher": size_of(teacher) | figures(scores),
        "students": students,
    }


# ---------------------------------------------------------------- temperature and alpha


class Remembering(nn.Module):
    """A teacher that answers each batch once and then from memory: every cell of the sweep sees the same
    batches.
    """

    def __init__(self, teacher: nn.Module):
        super().__init__()
        self.teacher, self.config, self.answers = teacher, teacher.config, {}

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> SimpleNamespace:
        key = input_ids.numpy().tobytes()
        if key not in self.answers:
            self.answers[key] = self.teacher(input_ids=input_ids, attention_mask=attention_mask).logits
        return SimpleNamespace(logits=self.answers[key])


def sweep(steps: int = 50, seeds: int = 2, rate: float = 2e-3, rows: int = 8, length: int = 128) -> dict:
    """Validation loss and top-1 accuracy of students of two sizes, against T and alpha; alpha 0 is labels
    alone.

    Both students start from layers of the teacher: two of its four layers (a small gap), or one (a large
    gap). A seed is a draw of batches, the same for every cell.
    """
    teacher, students = shipped_model("medium"), {"2 layers": LAYERS, "1 layer": [0]}
    held_out = corpus.load_tokens("validation", CONTEXT, per_file=2)[0]
    cells = [(1.0, 0.0)] + [(T, alpha) for T in TEMPERATURES for alpha in ALPHAS]
    scored = {name: [] for name in students}
    for seed in range(seeds):
        batches = training_batches(steps, rows, np.random.default_rng([SEED, seed]), length)
        remembering = Remembering(teacher)
        pairs = [(name, cell) for name in students for cell in cells]
        for name, (T, alpha) in tqdm(pairs, desc=f"sweep, seed {seed}"):
            student = distillation.init_student_from_teacher(teacher, students[name])
            optimizer = torch.optim.AdamW(student.parameters(), lr=rate)
            distillation.distill(student, remembering, batches, optimizer, T, alpha)
            score = validation_score(student, held_out)
            cell = {"T": T, "alpha": alpha, "seed": seed}
            cell |= {"loss": score["validation_loss"], "top1": score["validation_top1"]}
            scored[name].append(cell)
    settings = {"steps": steps, "rows": rows, "length": length, "learning_rate": rate, "seeds": seeds}
    return settings | {"held_out_tokens": held_out[:, 1:].numel(), "students": scored}


# ---------------------------------------------------------------- on the fly


class Pair(NamedTuple):
    """Who learns from whom."""

    student: nn.Module
    teacher: nn.Module


Writer = Callable[[Pair, torch.Tensor, int], dict]  # (pair, tokens [B, T], length of the prompt) -> a lesson


def from_corpus(pair: Pair, tokens: torch.Tensor, prompt: int) -> dict:
    """The text goes on as it does in the corpus."""
    labels = torch.cat([torch.full_like(tokens[:, :prompt], -100), tokens[:, prompt:]], 1)  # [B, T]
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": labels}


def from_teacher(pair: Pair, tokens: torch.Tensor, prompt: int) -> dict:
    """The teacher goes on, sampling."""
    return written_by(pair.teacher, tokens[:, :prompt], tokens.shape[1] - prompt)


def from_student(pair: Pair, tokens: torch.Tensor, prompt: int) -> dict:
    """The student goes on, sampling."""
    return written_by(pair.student, tokens[:, :prompt], tokens.shape[1] - prompt)


def written_by(model: nn.Module, prompts: torch.Tensor, count: int) -> dict:
    return distillation.on_the_fly_batch(model, {"input_ids": prompts}, count, temperature=1.0)


class Arm(NamedTuple):
    """Who writes the text, and the beta of the divergence."""

    write: Writer
    beta: float


ARMS = {
    "corpus, KL": Arm(from_corpus, 0.0),
    "teacher's text, KL": Arm(from_teacher, 0.0),
    "own text, KL": Arm(from_student, 0.0),
    "own text, JSD 0.5": Arm(from_student, 0.5),
    "own text, reverse KL": Arm(from_student, 1.0),
}


def answer_logits(model: nn.Module, lesson: dict) -> torch.Tensor:
    """The logits that speak of the answer's tokens: [N, V]."""
    answer = lesson["labels"][:, 1:] != -100  # [B, T-1]
    inputs = {name: lesson[name] for name in ("input_ids", "attention_mask")}
    return model(**inputs).logits[:, :-1][answer]


def divergence(pair: Pair, beta: float, lesson: dict) -> torch.Tensor:
    """How far the student is from the teacher on the answers of a lesson; the teacher gets no gradient."""
    with torch.no_grad():
        theirs = answer_logits(pair.teacher, lesson)
    return distillation.generalized_jsd(answer_logits(pair.student, lesson), theirs, beta)


def own_text_divergence(pair: Pair, prompts: torch.Tensor, count: int) -> dict:
    """How far both are apart on text that the student itself writes: both KLs, nats a token."""
    torch.manual_seed(SEED)
    lesson = written_by(pair.student, prompts, count)
    with evaluation_mode(*pair):
        return {f"beta {beta}": divergence(pair, beta, lesson).item() for beta in (0.0, 1.0)}


def taught(arm: Arm, teacher: nn.Module, batches: list[dict], prompt: int, seed: int) -> Pair:
    """A student of two layers, taught as the arm says."""
    torch.manual_seed(seed)
    pair = Pair(distillation.init_student_from_teacher(teacher, LAYERS), teacher)
    optimizer = torch.optim.AdamW(pair.student.parameters(), lr=2e-3)
    lessons = (arm.write(pair, batch["input_ids"], prompt) for batch in batches)  # each when its turn comes
    with training_mode(*pair):
        take_steps(lessons, partial(divergence, pair, arm.beta), optimizer)
    return pair


def fly(steps: int = 25, seeds: int = 2, rows: int = 16, prompt: int = 32, count: int = 64) -> dict:
    """A student of two layers taught on the corpus' text, on the teacher's and on its own, with three
    divergences.
    """
    teacher = shipped_model("medium")
    held_out = corpus.load_tokens("validation", CONTEXT, per_file=4)[0]
    prompts = corpus.load_tokens("validation", 128, per_file=2)[0][:64, :prompt]
    scored = {name: [] for name in ARMS}
    for name, arm in ARMS.items():
        for seed in tqdm(range(seeds), desc=name):
            batches = training_batches(steps, rows, np.random.default_rng([SEED, seed]), prompt + count)
            pair = taught(arm, teacher, batches, prompt, seed)
            score = validation_score(pair.student, held_out)
            scored[name].append(score | own_text_divergence(pair, prompts, count))
    settings = {"steps": steps, "rows": rows, "prompt": prompt, "new_tokens": count, "seeds": seeds}
    return settings | {"arms": scored}


# ---------------------------------------------------------------- one task


def task_models(pairs: list, rows: int, longest: int) -> dict[str, nn.Module]:
    """A teacher made for the task (the medium model, tuned on true answers), and the student after one pass
    over the same functions: on the teacher's answers, without a true one, or on the true ones.
    """
    optimizer_of = lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3)  # noqa: E731
    teacher, pupil, rival = (shipped_model(name) for name in ("medium", "student", "student"))
    labelled = summaries.labelled_batches(pairs, rows)
    learn(teacher, labelled, answer_loss, optimizer_of(teacher))
    prompts = tqdm(summaries.prompt_batches(pairs, rows), desc="distilling for the task")
    distillation.distill_for_task(pupil, teacher, prompts, optimizer_of(pupil), longest)
    learn(rival, labelled, answer_loss, optimizer_of(rival))
    return {
        "medium, as shipped": shipped_model("medium"),
        "teacher: medium, tuned for the task": teacher,
        "student, as shipped": shipped_model("student"),
        "student, distilled, no true answer seen": pupil,
        "student, trained on the true answers": rival,
    }


def summarization(rows: int = 16, steps: int = 130, examples: int = 12, longest: int = 24) -> dict:
    """Every model's score on the functions of the held-out files."""
    pairs, held_out = summaries.load_pairs("train")[: steps * rows], summaries.load_pairs(SPLIT)
    models = task_models(pairs, rows, longest)
    score = lambda model: size_of(model) | task_score(model.eval(), held_out, examples, longest)  # noqa: E731
    settings = {"split": SPLIT, "train_pairs": len(pairs), "steps": -(-len(pairs) // rows), "rows": rows}
    scored = {name: score(model) for name, model in models.items()}
    return settings | task_text(held_out, examples) | {"models": scored}


# ---------------------------------------------------------------- DistilBERT


def distilbert() -> dict:
    """The BERT teacher and its students on held-out files: masked-token accuracy with 15% of the tokens
    masked.
    """
    tokens = corpus.load_tokens(SPLIT, BERT_LENGTH, per_file=8)[0]
    row = lambda model: size_of(model) | bert.masked_score(model, tokens)  # noqa: E731
    teacher = shipped_model("bert")
    whole = row(teacher)
    students = {"untrained": row(bert.distilbert_from_bert(teacher, [0, 2, 4]))}
    for recipe, weights in RECIPES.items():
        name = f"distilbert-{recipe}"
        students[recipe] = row(load_run(name)) | {"weights": weights} | training_of(name)
        kept = students[recipe]["masked_accuracy"] / whole["masked_accuracy"]
        students[recipe] |= {"accuracy_kept": kept}
    settings = {"split": SPLIT, "length": BERT_LENGTH, "rows_a_step": sum(BERT_ROWS.values())}
    return settings | {"teacher": whole, "students": students}


# ---------------------------------------------------------------- speed, side by side


def throughput_ratios(teacher: nn.Module, student: nn.Module, tokens: torch.Tensor, repeats: int) -> dict:
    """Forward passes in turns: the ratios of neighbours, and their median."""
    ratios = [
        metrics.throughput(student, tokens, 3) / metrics.throughput(teacher, tokens, 3)
        for _ in range(repeats)
    ]
    return {"ratio": statistics.median(ratios), "ratios": ratios}


def speed(repeats: int = 15) -> dict:
    """Teacher and half-depth student, for the medium model and for BERT."""
    tokens = corpus.load_tokens("validation", CONTEXT, per_file=1)[0][:32]
    short = corpus.load_tokens("validation", BERT_LENGTH, per_file=1)[0][:16]
    half, small_bert = load_run("medium-half-kd").eval(), load_run("distilbert-paper").eval()
    return {
        "batch": list(tokens.shape),
        "bert_batch": list(short.shape),
        "medium": throughput_ratios(shipped_model("medium"), half, tokens, repeats),
        "bert": throughput_ratios(shipped_model("bert"), small_bert, short, repeats),
    }


# ---------------------------------------------------------------- TRL


def trl_row(beta: float, given: dict, theirs: dict) -> dict:
    """Our value and gradient beside TRL's for one beta, on the rows that are not masked."""
    student, real = given["student"].clone().requires_grad_(), given["labels"] != -100
    value = distillation.generalized_jsd(student[real], given["teacher"][real], beta)
    value.backward()
    other, gradient = theirs[f"value.{beta}"].item(), theirs[f"gradient.{beta}"]
    return {
        "beta": beta,
        "ours": value.item(),
        "trl": other,
        "relative_difference": abs(value.item() / other - 1),
        "largest_gradient_difference": ((student.grad - gradient).abs().max() / gradient.abs().max()).item(),
    }


def trl() -> dict:
    """`generalized_jsd` beside TRL's function: values and gradients, some rows masked."""
    folder = paths.OUT / "bench-distillation"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    student, teacher = 3 * torch.randn(4, 9, 2048), 3 * torch.randn(4, 9, 2048)
    labels = torch.zeros(4, 9, dtype=torch.int64)
    labels[1, :5], labels[3, 2:] = -100, -100
    given = {"student": student, "teacher": teacher, "labels": labels}
    save_file(given, folder / "logits.safetensors")
    answer = common.run_oracle("trl", folder / "logits.safetensors")
    theirs = load_file(folder / "trl.safetensors")
    betas = sorted(float(key.removeprefix("value.")) for key in theirs if key.startswith("value."))
    return {"oracle": answer["environment"], "rows": [trl_row(beta, given, theirs) for beta in betas]}


PARTS = {
    "halves": halves,
    "fair": lambda: fair.compare(shipped_model("teacher")),
    "sweep": sweep,
    "fly": fly,
    "summaries": summarization,
    "distilbert": distilbert,
    "speed": speed,
    "trl": trl,
}

if __name__ == "__main__":
    common.main("distillation", PARTS)
