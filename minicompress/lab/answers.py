"""The teacher's answers on disk, so that a student can be distilled for many epochs at the price of one.

A forward pass of the teacher costs more than a whole training step of a student 1/10 its size. The 16
likeliest next tokens hold nearly all of a code model's probability, so those are kept: 64 bytes a token
instead of 4 kB.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from minicompress.lab.files import atomic_write
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.mixture import Mixture

TOP = 16
DONE, TOTAL = "done.txt", "total.txt"  # batches answered so far; sequences in all, once that is all of them


class Answers:
    """Sequences with the teacher's top log-probabilities: batch(step) is a function of (seed, step) alone.

    The sequences were written in batches. `places` of `batch` keeps only the sequences at those places of
    each batch of that size, which is how some streams of the mixture are picked out.
    """

    def __init__(self, folder: Path, rows: int, seed: int = 0, places: Sequence[int] = (0,), batch: int = 1):
        self.tokens = np.load(folder / "tokens.npy", mmap_mode="r")  # uint16 [N, T]
        answered = read_number(folder / TOTAL)
        if answered != len(self.tokens):
            raise ValueError(
                f"the teacher has answered {answered} of {len(self.tokens)} sequences: "
                "let `train answers` finish first"
            )
        self.indices = np.load(folder / "indices.npy", mmap_mode="r")  # uint16 [N, T, TOP]
        self.log_probs = np.load(folder / "log_probs.npy", mmap_mode="r")  # fp16 [N, T, TOP]
        self.rows, self.seed = rows, seed
        self.chosen = np.flatnonzero(np.isin(np.arange(answered) % batch, places))

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """tokens int64 [B, T], indices int64 [B, T, TOP], log_probs fp32 [B, T, TOP]; every epoch in a new
        order.
        """
        per_epoch = len(self.chosen) // self.rows
        order = self.chosen[
            np.random.default_rng([self.seed, step // per_epoch]).permutation(len(self.chosen))
        ]
        chosen = np.sort(order[step % per_epoch * self.rows :][: self.rows])
        return (
            torch.from_numpy(self.tokens[chosen].astype(np.int64)),
            torch.from_numpy(self.indices[chosen].astype(np.int64)),
            torch.from_numpy(self.log_probs[chosen].astype(np.float32)),
        )


def write_answers(teacher: torch.nn.Module, mixture: Mixture, steps: int, folder: Path) -> None:
    """Ask the teacher about `steps` batches of the mixture. An interrupted run goes on where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, device = sum(mixture.rows.values()), next(teacher.parameters()).device
    done = batches_done(folder, steps * rows)
    (folder / TOTAL).unlink(missing_ok=True)
    arrays = open_arrays(folder, (steps * rows, mixture.length), fresh=done == 0)
    with evaluation_mode(teacher):
        for step in tqdm(range(done, steps), desc="teacher's answers", initial=done, total=steps):
            tokens = mixture.batch(step)  # [B, T]
            logits = teacher(input_ids=tokens.to(device), use_cache=False).logits.float()  # [B, T, V]
            top = F.log_softmax(logits, -1).topk(TOP, dim=-1)  # [B, T, TOP]
            place = slice(step * rows, (step + 1) * rows)
            arrays["tokens"][place] = tokens.numpy()
            arrays["indices"][place] = top.indices.cpu().numpy()
            arrays["log_probs"][place] = top.values.cpu().numpy()
            if step % 50 == 49 or step == steps - 1:
                for array in arrays.values():
                    array.flush()
                write_number(folder / DONE, step + 1)
    write_number(folder / TOTAL, steps * rows)


def open_arrays(folder: Path, shape: tuple[int, int], fresh: bool) -> dict[str, np.memmap]:
    """The three files of answers to [N, T] tokens, made anew or opened to be gone on with."""
    columns = {"tokens": (np.uint16, ()), "indices": (np.uint16, (TOP,)), "log_probs": (np.float16, (TOP,))}
    return {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+" if fresh else "r+", dtype, (*shape, *tail)
        )
        for name, (dtype, tail) in columns.items()
    }


def batches_done(folder: Path, sequences: int) -> int:
    """How many batches are answered already; none when the files are for another number of sequences."""
    done = read_number(folder / DONE)
    fitting = done and len(np.load(folder / "tokens.npy", mmap_mode="r")) == sequences
    return done if fitting else 0


def read_number(path: Path) -> int:
    """The number in a file; 0 when there is none."""
    return int(path.read_text(encoding="utf-8")) if path.is_file() else 0


def write_number(path: Path, number: int) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(str(number), encoding="utf-8")


def top_distillation_loss(
    student_logits: torch.Tensor,
    labels: torch.Tensor,
    indices: torch.Tensor,
    log_probs: torch.Tensor,
    alpha: float,
) -> torch.Tensor:
    """alpha * KL(teacher's top answers, renormalised || student) + (1 - alpha) * cross entropy, T = 1, mean
    over tokens.

    With every token of the vocabulary among the answers this is `distillation_loss(..., T=1)`; it is cheaper
    because only one softmax over the vocabulary is needed.

    student_logits [N, V], labels int64 [N], indices int64 [N, TOP], log_probs [N, TOP].
    """
    log_student = F.log_softmax(student_logits, -1)  # [N, V]
    log_teacher = F.log_softmax(log_probs, -1)  # renormalised over the answers that were kept
    soft = (log_teacher.exp() * (log_teacher - log_student.gather(1, indices))).sum(1).mean()
    return alpha * soft + (1 - alpha) * F.nll_loss(log_student, labels)
