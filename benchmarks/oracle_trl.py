"""TRL's generalized JSD, run in the oracles' environment (`.venv-oracles`) by `benchmarks.distillation`.

`python -m benchmarks.oracle_trl FILE` reads FILE (safetensors: student, teacher, labels), writes values and
gradients beside it, and prints one line of JSON.
"""

import sys
from pathlib import Path

from safetensors.torch import load_file, save_file
from trl.experimental.gkd import GKDTrainer

from benchmarks.oracle_answer import answer

BETAS = [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1.0]


def main(path: Path) -> None:
    given, computed = load_file(path), {}
    for beta in BETAS:
        student = given["student"].clone().requires_grad_()
        value = GKDTrainer.generalized_jsd_loss(student, given["teacher"], labels=given["labels"], beta=beta)
        value.backward()
        computed |= {f"value.{beta}": value.detach(), f"gradient.{beta}": student.grad}
    save_file(computed, path.with_name("trl.safetensors"))
    answer({}, "trl", "torch", "transformers", "peft")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
