"""The course's methods on a real LLM: `python -m benchmarks.real_llm [PART ...]`; `--help` lists the options.

    table         the article's first table: magnitude, Wanda, SparseGPT from 20 to 70%, and at 2:4
    bits          8 to 2 bits, a scale for a row or for 32 inputs
    why           norms yes or no, rows yes or no, at 50%; the inputs' outliers beside the small teacher's
    rounded       what a second rounding changes in weights that were rounded before
    completions   what the dense model and four compressed ones write
    combined      five one-shot combinations
    structured    neurons, heads and blocks
    low_rank      plain and whitened
    recovery      a fifth of the neurons gone, then taught by the dense model
    calibration   English against code, and how many tokens are enough
    students      the shipped students of `benchmarks/llm_students.sh`, in bits a byte; none, no rows

Writes `results/real_llm.json` (or `--out`), a row as soon as it is measured: stop it at any time and start it
again. Two rows a model, for English and for code, on whole test documents; `file_bytes` are the tensor bytes
of the file that `save_compressed` writes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks import common, llm_recipes, llm_shipped
from benchmarks.lessons import calibration_batches
from benchmarks.llm_rows import TESTED, TEXTS, Bench, Rows
from benchmarks.pruning import loudness
from minicompress.distillation import distill
from minicompress.job.decode import dequantize_model
from minicompress.lab.loops import evaluation_mode
from minicompress.lab.machine import keep_freed_memory
from minicompress.lab.models import shipped_model
from minicompress.lab.modules import linear_layers
from minicompress.lab.paths import ASSETS, RESULTS
from minicompress.lab.presets import PRESETS, preset
from minicompress.lab.smollm2 import NAME
from minicompress.quantization import dequantize, quantize_symmetric

CALIBRATION = 16  # sequences of 512 tokens, half English, half code
PROMPTS = (
    "def fibonacci(n):\n    ",
    "import json\n\ndef read_settings(path):\n    ",
    "A list comprehension in Python is",
    "The capital of France is",
)
Part = Callable[[Bench, Rows], None]


def table(bench: Bench, rows: Rows) -> None:
    bench.measure(rows, "table", llm_recipes.first_table(bench.calibration(CALIBRATION)))


def bits(bench: Bench, rows: Rows) -> None:
    bench.measure(rows, "bits", llm_recipes.all_bits())


def why(bench: Bench, rows: Rows) -> None:
    """The 2 x 2, and for every layer the largest norm of an input over the median one."""
    batches = bench.calibration(CALIBRATION)
    if "largest_norm_over_median" not in rows.content:
        teacher = loudness(shipped_model("teacher"), calibration_batches())
        rows.add(largest_norm_over_median={"teacher": teacher, bench.source: loudness(bench.dense, batches)})
    bench.measure(rows, "why", llm_recipes.norms_and_rows(batches))


def combined(bench: Bench, rows: Rows) -> None:
    bench.measure(rows, "combined", llm_recipes.combinations(bench.dense, bench.calibration(CALIBRATION)))


def structured(bench: Bench, rows: Rows) -> None:
    batches = bench.calibration(CALIBRATION)
    bench.measure(rows, "structured", llm_recipes.structures(bench.dense, bench.fresh, batches))


def low_rank(bench: Bench, rows: Rows) -> None:
    bench.measure(rows, "low_rank", llm_recipes.low_ranks(bench.dense, bench.calibration(CALIBRATION)))


def calibration(bench: Bench, rows: Rows) -> None:
    bench.measure(rows, "calibration", llm_recipes.calibrations(bench.calibration))


# ---------------------------------------------------------------- rounding what was rounded


def asymmetric(weight: torch.Tensor, bits: int, group_size: int) -> torch.Tensor:
    """Round to 2^bits steps between each group's smallest and largest weight."""
    groups = weight.view(len(weight), -1, group_size)  # [out, groups, group_size]
    low, high = groups.aminmax(dim=-1, keepdim=True)
    step = (high - low).clamp(min=1e-12) / (2**bits - 1)
    return (((groups - low) / step).round() * step + low).view_as(weight)


GRIDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "asymmetric, groups of 32": lambda weight: asymmetric(weight, 4, 32),
    "asymmetric, groups of 64": lambda weight: asymmetric(weight, 4, 64),
    "symmetric, groups of 32": lambda weight: dequantize(quantize_symmetric(weight, 4, 32)),
    "symmetric, rows": lambda weight: dequantize(quantize_symmetric(weight, 4)),
}


def rounding_errors(model: nn.Module) -> dict[str, float]:
    """The relative error of all layers' weights on each 4-bit grid."""
    weights = [layer.weight.detach().float() for layer in linear_layers(model).values()]
    squares = sum(weight.square().sum() for weight in weights)
    error = lambda grid: sum((grid(weight) - weight).square().sum() for weight in weights)  # noqa: E731
    return {name: (error(grid) / squares).sqrt().item() for name, grid in GRIDS.items()}


def rounded(bench: Bench, rows: Rows) -> None:
    """A model that was rounded once fits one grid exactly; the small teacher, which was not, fits none."""
    if "rounding_errors_4_bits" not in rows.content:
        errors = {
            "teacher": rounding_errors(shipped_model("teacher")),
            bench.source: rounding_errors(bench.dense),
        }
        rows.add(rounding_errors_4_bits=errors)


# ---------------------------------------------------------------- what they write


def continuation(model: nn.Module, bench: Bench, prompt: str, longest: int = 40) -> str:
    """What the model writes after the prompt, the likeliest token each time."""
    ids = torch.tensor([bench.text.encode(prompt)], device=bench.preset.device)  # [1, T]
    mask = torch.ones_like(ids)
    with evaluation_mode(model):
        written = model.generate(ids, attention_mask=mask, max_new_tokens=longest, do_sample=False)
    return bench.text.decode(written[0, ids.shape[1] :].tolist())


def completions(bench: Bench, rows: Rows) -> None:
    """Dense, magnitude 50%, Wanda 50%, int8 and 3 bits side by side."""
    makes = {
        "dense": lambda model: model,
        "magnitude 50%": llm_recipes.magnitude(0.5).make,
        "Wanda 50%": llm_recipes.wanda(0.5, bench.calibration(CALIBRATION)).make,
        "int8": llm_recipes.bits(8),
        "3 bits, groups of 32": llm_recipes.bits(3, 32),
    }
    found = dict(rows.content.get("completions", {}))
    for name, make in makes.items():
        if name not in found:
            model = dequantize_model(make(bench.fresh()))
            found[name] = {prompt: continuation(model, bench, prompt) for prompt in PROMPTS}
            rows.add(completions=found)


# ---------------------------------------------------------------- recovery


def recovery(bench: Bench, rows: Rows) -> None:
    """A fifth of the neurons gone, before and after updates on the dense model's logits."""

    def taught(model: nn.Module) -> nn.Module:
        model = llm_recipes.without_neurons(0.2)(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)
        distill(model, bench.dense, lessons, optimizer, T=1.0, alpha=1.0)
        return model.eval()

    updates = bench.preset.updates
    lessons = bench.lessons(updates)
    pattern = f"20% of the neurons, {updates} updates"
    gone = llm_recipes.gone_from_blocks(bench.dense, llm_recipes.without_neurons(0.2), bench.fresh)
    tokens = sum(batch["input_ids"].numel() for batch in lessons)
    recipe = llm_recipes.Recipe("structured, taught", pattern, gone, taught, f"{tokens} tokens, both texts")
    bench.measure(rows, "recovery", [recipe])


# ---------------------------------------------------------------- distilled beforehand


def students(bench: Bench, rows: Rows) -> None:
    """Every shipped student, and the bytes of a dense model's token, which turn any row into bits a byte."""
    for file in llm_shipped.students(ASSETS / "llm"):
        if "bytes_a_token" not in rows.content:
            rows.add(bytes_a_token={text: llm_shipped.bytes_a_token(bench, text) for text in TEXTS})
        facts = llm_recipes.Recipe("distilled", file.stem, None, None).facts()
        named = {"part": "students"} | facts
        if not rows.has(named):
            found = [named | row for row in llm_shipped.rows_of(bench, file)]
            rows.add(rows=found)
            print("students", file.stem, *[f"{row['bits_per_byte']:.3f}" for row in found])


PARTS: dict[str, Part] = {
    "table": table,
    "bits": bits,
    "why": why,
    "rounded": rounded,
    "completions": completions,
    "combined": combined,
    "structured": structured,
    "low_rank": low_rank,
    "recovery": recovery,
    "calibration": calibration,
    "students": students,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them where none is named")
    parser.add_argument("--model", default=NAME, help="smollm2, a folder, a hub id or a GGUF file")
    parser.add_argument("--preset", default="cpu", help=", ".join(PRESETS))
    parser.add_argument("--out", type=Path, default=RESULTS / "real_llm.json")
    parser.add_argument("--sequences", type=int, default=TESTED, help="test sequences of each text")
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_float32_matmul_precision(
        "medium"
    )  # a CPU with AVX-512: half the time, perplexities equal to 1e-6
    try:
        chosen = [common.choose(PARTS, name, "part") for name in options.parts or PARTS]
        bench, rows = Bench(options.model, preset(options.preset), options.sequences), Rows(options.out)
        for part in chosen:
            torch.manual_seed(common.SEED)
            part(bench, rows)
    except ValueError as error:
        raise SystemExit(f"real_llm: {error}") from error


if __name__ == "__main__":
    main()
