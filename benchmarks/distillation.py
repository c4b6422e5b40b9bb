"""What notebook 03 cannot measure live: `python -m benchmarks.distillation
[halves|sweep|fly|summaries|distilbert|speed|trl]`.

Writes `results/distillation.json`, and the logs of the long trainings to `results/logs/`. Settings were
chosen on validation files; what is quoted of finished models is measured on test files. Parts that are not
asked for keep what was measured before. `halves`, `distilbert` and `speed` need the runs that
`benchmarks/train_models.sh` makes with `train distill` and `train distilbert`.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from benchmarks.run import RESULTS, ROOT, SEED, score, write
from minicompress import distillation, metrics, train
from minicompress.lab import bert, corpus, summaries
from minicompress.lab.evaluation import sequence_hits
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.machine import commit, keep_freed_memory
from minicompress.lab.models import shipped_model

ARMS = ("kd", "kd-random", "labels", "labels-random")  # of a student with half the layers
TEMPERATURES, ALPHAS = (1.0, 2.0, 3.0, 5.0), (0.3, 0.7, 1.0)


def size_of(model: torch.nn.Module) -> dict:
    """Parameters, and bytes in fp16."""
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "fp16_bytes": metrics.model_bytes(model) // 2,
    }


def read_log(name: str) -> list[dict]:
    """The log of a finished run, which is also copied to results/logs."""
    log = train.training_folder(name) / "log.jsonl"
    (RESULTS / "logs").mkdir(exist_ok=True)
    shutil.copyfile(log, RESULTS / "logs" / f"{name}.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


def training_of(name: str) -> dict:
    """How long a run took and how its validation scores went."""
    log = read_log(name)
    scored = [
        {key: value for key, value in record.items() if key not in ("loss", "rate_share")}
        for record in log
        if len(record) > 4
    ]
    return {"steps": log[-1]["step"], "minutes": log[-1]["seconds"] / 60, "scored": scored}


# ---------------------------------------------------------------- half the layers


def halves() -> dict:
    """Half the layers of the medium model: from its layers or from random weights, distilled or on labels
    alone.
    """
    tokens, files = corpus.load_tokens("test", per_file=16)
    teacher = shipped_model("medium")
    reference = sequence_hits(teacher, tokens)
    untrained = distillation.init_student_from_teacher(teacher, [0, 2])
    result = {
        "held_out_tokens": tokens[:, 1:].numel(), "rows_a_step": 8, "length": 256,
        "teacher": size_of(teacher) | score(teacher, tokens, files),
        "students": {"untrained": size_of(untrained) | score(untrained, tokens, files, reference)},
    }  # fmt: skip
    for arm in ARMS:
        model = train.load_run(f"medium-half-{arm}").eval()
        result["students"][arm] = (
            size_of(model) | score(model, tokens, files, reference) | training_of(f"medium-half-{arm}")
        )
    return result


# ---------------------------------------------------------------- temperature and alpha


def training_batches(steps: int, rows: int, length: int, seed: int) -> list[dict]:
    """Random training sequences."""
    tokens, _ = corpus.load_tokens("train", length)
    generator = np.random.default_rng([SEED, seed])
    return [
        {"input_ids": tokens[torch.from_numpy(generator.integers(len(tokens), size=rows))]}
        for _ in range(steps)
    ]


class Remembering(torch.nn.Module):
    """A teacher that answers each batch once and then from memory: every cell of the sweep sees the same
    batches.
    """

    def __init__(self, teacher: torch.nn.Module):
        super().__init__()
        self.teacher, self.config, self.answers = teacher, teacher.config, {}

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> SimpleNamespace:
        key = input_ids.numpy().tobytes()
        if key not in self.answers:
            self.answers[key] = self.teacher(input_ids=input_ids, attention_mask=attention_mask).logits
        return SimpleNamespace(logits=self.answers[key])


def sweep(steps: int = 50, seeds: int = 2, rate: float = 2e-3) -> dict:
    """Validation loss and top-1 accuracy of students of two sizes, against T and alpha; alpha 0 is labels
    alone.

    Both students start from layers of the teacher: two of its four layers (a small gap), or one (a large
    gap). A seed is a draw of batches, the same for every cell.
    """
    teacher, students = shipped_model("medium"), {"2 layers": [0, 2], "1 layer": [0]}
    held_out = corpus.load_tokens("validation", 256, per_file=2)[0]
    cells = [(1.0, 0.0)] + [(T, alpha) for T in TEMPERATURES for alpha in ALPHAS]
    rows = {name: [] for name in students}
    for seed in range(seeds):
        remembering, batches = Remembering(teacher), training_batches(steps, 8, 128, seed)
        for name, (T, alpha) in tqdm(
            [(name, cell) for name in students for cell in cells], desc=f"sweep, seed {seed}"
        ):
            student = distillation.init_student_from_teacher(teacher, students[name])
            distillation.distill(
                student, remembering, batches, torch.optim.AdamW(student.parameters(), lr=rate), T, alpha
            )
            found = train.validation_score(student, held_out)
            rows[name].append(
                {
                    "T": T,
                    "alpha": alpha,
                    "seed": seed,
                    "loss": found["validation_loss"],
                    "top1": found["validation_top1"],
                }
            )
    settings = {"steps": steps, "rows": 8, "length": 128, "learning_rate": rate, "seeds": seeds}
    return settings | {"held_out_tokens": held_out[:, 1:].numel(), "students": rows}


# ---------------------------------------------------------------- on the fly


def on_policy_losses(
    student: torch.nn.Module,
    teacher: torch.nn.Module,
    batches: Iterator[dict],
    divergence: Callable,
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """One step a batch {"input_ids", "attention_mask", "labels"}: re-score it with both models, learn at the
    labels' places.
    """
    losses = []
    student.train()
    for batch in batches:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        answer = batch["labels"][:, 1:] != -100
        with torch.no_grad():
            target = teacher(**inputs).logits[:, :-1][answer]
        loss = divergence(student(**inputs).logits[:, :-1][answer], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    student.eval()
    return losses


def own_text_divergence(
    student: torch.nn.Module, teacher: torch.nn.Module, prompts: torch.Tensor, count: int
) -> dict:
    """How far student and teacher are apart on text that the student itself writes: both KLs, nats a token."""
    torch.manual_seed(SEED)
    batch = distillation.on_the_fly_batch(student, {"input_ids": prompts}, count, temperature=1.0)
    answer = batch["labels"][:, 1:] != -100
    with evaluation_mode(student, teacher):
        ours, theirs = (
            model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1][answer]
            for model in (student, teacher)
        )
        return {
            f"beta {beta}": distillation.generalized_jsd(ours, theirs, beta).item() for beta in (0.0, 1.0)
        }


def fly(steps: int = 25, seeds: int = 2, prompt: int = 32, count: int = 64) -> dict:
    """A student of two layers taught on the corpus' text, on the teacher's and on its own, with three
    divergences.
    """
    teacher = shipped_model("medium")
    held_out = corpus.load_tokens("validation", 256, per_file=4)[0]
    prompts = corpus.load_tokens("validation", 128, per_file=2)[0][:64, :prompt]
    arms = {
        "corpus, KL": ("corpus", 0.0),
        "teacher's text, KL": ("teacher", 0.0),
        "own text, KL": ("student", 0.0),
    }
    arms |= {"own text, JSD 0.5": ("student", 0.5), "own text, reverse KL": ("student", 1.0)}
    result = {
        "steps": steps,
        "rows": 16,
        "prompt": prompt,
        "new_tokens": count,
        "seeds": seeds,
        "arms": {name: [] for name in arms},
    }
    for name, (writer, beta) in arms.items():
        for seed in tqdm(range(seeds), desc=name):
            torch.manual_seed(seed)
            student = distillation.init_student_from_teacher(teacher, [0, 2])
            models = {"teacher": teacher, "student": student}

            def lessons(seed: int = seed, writer: str = writer, models: dict = models) -> Iterator[dict]:
                for batch in training_batches(steps, 16, prompt + count, seed):
                    if writer == "corpus":
                        ids = batch["input_ids"]
                        labels = torch.cat([torch.full_like(ids[:, :prompt], -100), ids[:, prompt:]], 1)
                        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
                    else:
                        start = {"input_ids": batch["input_ids"][:, :prompt]}
                        yield distillation.on_the_fly_batch(models[writer], start, count, temperature=1.0)

            divergence = lambda ours, theirs, beta=beta: distillation.generalized_jsd(ours, theirs, beta)  # noqa: E731
            on_policy_losses(
                student, teacher, lessons(), divergence, torch.optim.AdamW(student.parameters(), lr=2e-3)
            )
            found = train.validation_score(student, held_out)
            result["arms"][name].append(found | own_text_divergence(student, teacher, prompts, count))
    return result


# ---------------------------------------------------------------- one task


def train_on_labels(student: torch.nn.Module, batches: list[dict], optimizer: torch.optim.Optimizer) -> None:
    """The rival: cross entropy on the true answers, one step a batch."""
    student.train()
    for batch in batches:
        logits = student(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    student.eval()


def task_score(model: torch.nn.Module, pairs: list, examples: int, longest: int) -> dict:
    """Token accuracy on the true answers, ROUGE-L of what the model writes greedily, and the first few
    answers.
    """
    written = [
        text
        for batch in summaries.prompt_batches(pairs, 64)
        for text in summaries.texts_of(distillation.on_the_fly_batch(model, batch, longest))
    ]
    wanted = [corpus.load_tokenizer().decode(answer) for _, answer in pairs]
    values = summaries.rouge_l(written, wanted)
    draws = np.random.default_rng(SEED).choice(values, (2000, len(values))).mean(1)
    return {
        "token_accuracy": summaries.answer_accuracy(model, pairs),
        "rouge_l": statistics.mean(values),
        "rouge_l_interval": np.percentile(draws, [2.5, 97.5]).tolist(),
        "examples": written[:examples],
    }


def summarization(size: int = 16, steps: int = 130, examples: int = 12, longest: int = 24) -> dict:
    """A teacher made for the task (the medium model, tuned on true answers), and the student after one pass
    over the same
    functions: on the teacher's answers, without a true one, or on the true ones.
    """
    pairs, held_out = summaries.load_pairs("train")[: steps * size], summaries.load_pairs("test")
    labelled, models = (
        summaries.labelled_batches(pairs, size),
        {"medium, as shipped": shipped_model("medium")},
    )
    optimizer_of = lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3)  # noqa: E731
    teacher = models["teacher: medium, tuned for the task"] = shipped_model("medium")
    train_on_labels(teacher, labelled, optimizer_of(teacher))
    models["student, as shipped"] = shipped_model("student")
    pupil = models["student, distilled, no true answer seen"] = shipped_model("student")
    batches = tqdm(summaries.prompt_batches(pairs, size), desc="distilling for the task")
    distillation.distill_for_task(pupil, teacher, batches, optimizer_of(pupil), longest)
    rival = models["student, trained on the true answers"] = shipped_model("student")
    train_on_labels(rival, labelled, optimizer_of(rival))
    wanted = [corpus.load_tokenizer().decode(answer) for _, answer in held_out]
    names = [summaries.name_as_summary(prompt) for prompt, _ in held_out]
    return {
        "train_pairs": len(pairs), "steps": len(labelled), "rows": size, "held_out_pairs": len(held_out),
        "name_as_summary": statistics.mean(summaries.rouge_l(names, wanted)),
        "functions": [corpus.load_tokenizer().decode(prompt) for prompt, _ in held_out[:examples]], "wanted": wanted[:examples],
        "models": {name: size_of(model) | task_score(model.eval(), held_out, examples, longest) for name, model in models.items()},
    }  # fmt: skip


# ---------------------------------------------------------------- DistilBERT


def masked_row(model: torch.nn.Module, tokens: torch.Tensor) -> dict:
    return size_of(model) | bert.masked_score(model, tokens)


def distilbert() -> dict:
    """The BERT teacher and its students on the test files: masked-token accuracy with 15% of the tokens
    masked.
    """
    tokens = corpus.load_tokens("test", train.BERT_LENGTH, per_file=8)[0]
    teacher = shipped_model("bert")
    untrained = bert.distilbert_from_bert(teacher, [0, 2, 4])
    result = {
        "length": train.BERT_LENGTH,
        "rows_a_step": sum(train.BERT_ROWS.values()),
        "teacher": masked_row(teacher, tokens),
    }
    result["students"] = {"untrained": masked_row(untrained, tokens)}
    for recipe, weights in train.RECIPES.items():
        name = f"distilbert-{recipe}"
        found = masked_row(train.load_run(name), tokens) | {"weights": weights} | training_of(name)
        kept = found["masked_accuracy"] / result["teacher"]["masked_accuracy"]
        result["students"][recipe] = found | {"accuracy_kept": kept}
    return result


# ---------------------------------------------------------------- speed, side by side


def speed(repeats: int = 15) -> dict:
    """Forward passes of teacher and half-depth student, alternating: the median of the ratios of neighbours."""
    tokens = corpus.load_tokens("validation", 256, per_file=1)[0][:32]
    pairs = {"medium": (shipped_model("medium"), train.load_run("medium-half-kd").eval(), tokens)}
    short = corpus.load_tokens("validation", train.BERT_LENGTH, per_file=1)[0][:16]
    pairs["bert"] = (shipped_model("bert"), train.load_run("distilbert-paper").eval(), short)
    result = {"batch": list(tokens.shape), "bert_batch": list(short.shape)}
    for name, (teacher, student, text) in pairs.items():
        ratios = [
            metrics.throughput(student, text, 3) / metrics.throughput(teacher, text, 3)
            for _ in range(repeats)
        ]
        result[name] = {"ratio": statistics.median(ratios), "ratios": ratios}
    return result


# ---------------------------------------------------------------- TRL


def trl() -> dict:
    """`generalized_jsd` beside TRL's function: values and gradients, logits [4, 9, 2048], some rows masked."""
    folder = ROOT / "out" / "bench-distillation"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    student, teacher, labels = (
        3 * torch.randn(4, 9, 2048),
        3 * torch.randn(4, 9, 2048),
        torch.zeros(4, 9, dtype=torch.int64),
    )
    labels[1, :5], labels[3, 2:] = -100, -100
    save_file({"student": student, "teacher": teacher, "labels": labels}, folder / "logits.safetensors")
    command = [
        ROOT / ".venv-oracles" / "bin" / "python",
        ROOT / "benchmarks" / "oracle_trl.py",
        folder / "logits.safetensors",
    ]
    done = subprocess.run(
        command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=True
    )
    theirs, rows = load_file(folder / "trl.safetensors"), []
    for key in sorted(key for key in theirs if key.startswith("value.")):
        beta, ours = float(key.removeprefix("value.")), student.clone().requires_grad_()
        value = distillation.generalized_jsd(ours[labels != -100], teacher[labels != -100], beta)
        value.backward()
        gradient = theirs[f"gradient.{beta}"]
        rows.append(
            {
                "beta": beta,
                "ours": value.item(),
                "trl": theirs[key].item(),
                "relative_difference": abs(value.item() / theirs[key].item() - 1),
                "largest_gradient_difference": (
                    (ours.grad - gradient).abs().max() / gradient.abs().max()
                ).item(),
            }  # fmt: skip
        )
    return {"oracle": json.loads(done.stdout.splitlines()[-1]), "rows": rows}


PARTS = {
    "halves": halves, "sweep": sweep, "fly": fly, "summaries": summarization, "distilbert": distilbert, "speed": speed, "trl": trl,
}  # fmt: skip


def main(parts: list[str]) -> None:
    keep_freed_memory()
    for part in parts or PARTS:
        found = {part: {"commit": commit()} | PARTS[part]()}
        path = RESULTS / "distillation.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        write("distillation", {name: before[name] for name in PARTS if name in before} | found)


if __name__ == "__main__":
    main(sys.argv[1:])
