"""The combined pipeline (distill -> prune -> fine-tune -> quantize -> save -> reload -> evaluate) as one job.

Two recipes share everything but their stages: the embedded one (`embedded_job`: shipped teacher and student,
the standard library as text) and the user's own model and text (`own_job`).
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import torch
from tqdm import tqdm

from minicompress import distillation, metrics, pipeline, pruning, structured_pruning
from minicompress.job import decode
from minicompress.lab import corpus, models, ngrams
from minicompress.lab.evaluation import bootstrap_ratio, next_token_scores
from minicompress.lab.files import atomic_write
from minicompress.lab.machine import commit, hardware, versions
from minicompress.lab.modules import is_conv1d, linear_layers
from minicompress.lab.paths import ASSETS, ROOT
from minicompress.lab.qat import bake_fake_quantize, fake_quantize

LIVE_RATE = (
    1e-4  # of AdamW in the short live part that goes on from long training; chosen on validation files
)
NEURONS = 208  # of the student's 288 in every MLP: as many as 80x allows at 3 bits
PROMPTS = (
    "def read_lines(path):\n    with open(path) as",
    "class Stack:\n    def __init__(self):\n        self.",
    "    def close(self):\n        if self.",
    "import os\n\ndef main():\n    parser = argparse.",
    "    for name in names:\n        if name not in",
)


@dataclass
class Job:
    """Everything that one run of the pipeline needs."""

    teacher: torch.nn.Module
    student: torch.nn.Module
    teacher_path: str
    recipe: str  # names the stages and how long they train
    stages: list[tuple[str, Callable[[torch.nn.Module], torch.nn.Module]]]
    train: torch.Tensor  # int64 [sequences, length]
    held_out: torch.Tensor  # int64 [sequences, length]
    file_ids: torch.Tensor  # int64 [sequences]: the file that each held-out sequence comes from
    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    baselines: dict[str, Path] = field(default_factory=dict)  # name -> compressed file
    notes: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- stages


def prune_24(model: torch.nn.Module) -> torch.nn.Module:
    """2:4 magnitude pruning of every layer inside the blocks whose input is divisible by 4, in place."""
    for layer in linear_layers(model).values():
        scores = layer.weight.detach().abs()
        if is_conv1d(layer):  # GPT-2 stores [in, out]: the input is the first dimension
            if scores.shape[0] % 4 == 0:
                pruning.apply_mask(layer, pruning.nm_mask(scores.T.contiguous()).T)
        elif scores.shape[1] % 4 == 0:
            pruning.apply_mask(layer, pruning.nm_mask(scores))
    return model


def keep_zeros(model: torch.nn.Module) -> None:
    """Mask every layer inside the blocks where its weight is zero now: what is pruned stays pruned, in place."""
    for layer in linear_layers(model).values():
        pruning.apply_mask(layer, layer.weight.detach() != 0)


def lessons(
    train: torch.Tensor, steps: int, rows: int, seed: int, optimizer: torch.optim.Optimizer, what: str
) -> Iterator[dict]:
    """Random training batches with a progress bar; the learning rate falls linearly to zero on the way."""
    generator, rate = np.random.default_rng(seed), optimizer.param_groups[0]["lr"]
    for step in tqdm(range(steps), desc=what, unit="step"):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        yield {"input_ids": train[torch.from_numpy(generator.integers(len(train), size=rows))]}


def teach(
    student,
    teacher,
    train,
    steps: int,
    rows: int,
    seed: int,
    rate: float,
    what: str,
    T: float = 1.0,
    alpha: float = 0.7,
) -> torch.nn.Module:
    """Distill `student` for `steps` steps, in place; put it back into eval mode."""
    if steps:
        torch.manual_seed(seed)
        device = next(teacher.parameters()).device
        student = student.to(device)
        optimizer = torch.optim.AdamW(student.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
        distillation.distill(
            student,
            teacher,
            lessons(train.to(device), steps, rows, seed, optimizer, what),
            optimizer,
            T,
            alpha,
        )
    return student.eval()


# ---------------------------------------------------------------- the embedded job


def embedded_job(seed: int, quick: bool, from_scratch: bool) -> Job:
    """The shipped teacher and student on the standard library.

    Long training is shipped; a short live part goes on from it.
    """
    teacher, student = models.load(str(ASSETS / "teacher")), models.load(str(ASSETS / "student"))
    train, _ = corpus.load_tokens("train")
    held_out, file_ids = corpus.load_tokens("test", per_file=2 if quick else 16)
    if quick:
        train, held_out, file_ids = train[:400], held_out[:24], file_ids[:24]
    steps = 3 if quick else 100

    def distilled(model: torch.nn.Module) -> torch.nn.Module:
        if from_scratch:
            torch.manual_seed(seed)
            return teach(
                type(model)(model.config),
                teacher,
                train,
                3 if quick else 1500,
                16,
                seed,
                4e-3,
                "distilling from nothing",
            )
        return model

    def fine_tuned(model: torch.nn.Module) -> torch.nn.Module:
        model = model if from_scratch else models.load(str(ASSETS / "student-clip3"))
        fake_quantize(list(linear_layers(model).values()), "clip3")
        fake_quantize([model.get_input_embeddings(), model.get_output_embeddings()], "clip3")
        long = from_scratch and not quick
        model = teach(
            model,
            teacher,
            train,
            3000 if long else steps,
            16,
            seed,
            2e-3 if long else LIVE_RATE,
            "fine-tuning on the 3-bit grid",
        )
        bake_fake_quantize(model)
        return model

    tokenizer = corpus.load_tokenizer()
    notes = [
        "Long training is done once and shipped (assets/*/README.md). 'distilled' is the shipped student; 'pruned' is cut from it here. "
        "'fine-tuned' starts from the pruned student after its long training on the 3-bit grid (shipped, assets/student-clip3) and "
        "goes on from there live."
    ]
    if from_scratch:
        notes = [
            "From scratch: the student is distilled from random weights, live. On two CPU cores this takes on the order of an hour; "
            "the progress bars say how long."
        ]
    return Job(
        teacher, student, "assets/teacher/model.safetensors", f"embedded, quick {quick}, from scratch {from_scratch}",
        [
            ("distilled", distilled), ("pruned", lambda model: structured_pruning.prune_neurons(model, NEURONS)),
            ("fine-tuned", fine_tuned),
            ("quantized", lambda model: pipeline.quantize_model(model, bits=3, embedding_bits=3)),
        ],
        train, held_out, file_ids, lambda text: tokenizer.encode(text).ids, tokenizer.decode,
        {} if quick else {path.stem: path for path in sorted((ASSETS / "baselines").glob("*.safetensors"))}, notes,
    )  # fmt: skip


# ---------------------------------------------------------------- the user's own model and text


def own_job(teacher_name: str, student_name: str | None, texts: list[Path], seed: int, quick: bool) -> Job:
    """Any causal LM: a student of every other layer, distilled on the given text, 2:4-pruned, fine-tuned,
    4-bit.
    """
    documents = []
    for path in texts:
        try:
            documents.append(corpus.read_text(path))
        except OSError as error:
            raise ValueError(f"cannot read the text file {path}: {error.strerror}") from error
        if not documents[-1].strip():
            raise ValueError(f"the text file {path} is empty")
    teacher = models.load(teacher_name)
    depth, vocabulary = teacher.config.num_hidden_layers, teacher.config.vocab_size
    student = (
        models.load(student_name)
        if student_name
        else distillation.init_student_from_teacher(teacher, range(0, depth, 2))
    )
    if student.config.vocab_size != vocabulary:
        raise ValueError(f"vocabularies differ: teacher {vocabulary}, student {student.config.vocab_size}")
    encode, decode = models.load_text(teacher_name, vocabulary)
    length = min(256, getattr(teacher.config, "max_position_embeddings", 256))
    pieces = [corpus.cut(encode(document), length) for document in documents]
    tokens = torch.cat(pieces)
    if len(tokens) < 2:
        raise ValueError(
            f"the text gives {len(tokens)} whole sequences of {length} tokens; at least 2 are needed, one of them held out"
        )
    if tokens.max() >= vocabulary:
        raise ValueError(
            f"the tokenizer produced token {int(tokens.max())}, beyond the model's vocabulary of {vocabulary}"
        )
    file_ids = torch.cat([torch.full((len(piece),), number) for number, piece in enumerate(pieces)])
    held = max(1, len(tokens) // 5)
    train, steps = tokens[:-held], 3 if quick else 100

    def fine_tuned(model: torch.nn.Module) -> torch.nn.Module:
        keep_zeros(model)
        return teach(model, teacher, train, steps, 8, seed, 1e-4, "fine-tuning")

    return Job(
        teacher, student, teacher_name, f"own, quick {quick}",
        [
            ("distilled", lambda model: teach(model, teacher, train, steps, 8, seed, 3e-4, "distilling")),
            ("pruned", prune_24), ("fine-tuned", fine_tuned),
            ("quantized", lambda model: pipeline.quantize_model(model, bits=4, embedding_bits=4, group_size=32)),
        ],
        train, tokens[-held:], file_ids[-held:], encode, decode,
        notes=[f"{len(train)} sequences of {length} tokens to learn from, {held} held out (the last fifth of the text)."],
    )  # fmt: skip


# ---------------------------------------------------------------- running and reporting


def run(job: Job, out: Path, seed: int, resume: bool) -> dict:
    """Run the job's stages into `out`, measure everything, write `out/ledger.json` and `out/ledger.png`,
    return the ledger.
    """
    prepare_folder(
        out,
        resume,
        {
            "seed": seed,
            "teacher": job.teacher_path,
            "stages": [name for name, _ in job.stages],
            "held_out": len(job.held_out),
        },
    )
    for note in job.notes:
        print(note)
    with tqdm(total=3 * (len(job.stages) + 1), desc="measuring the stages", unit="pass") as bar:

        def evaluate(model: torch.nn.Module) -> dict:
            result = {}
            for name, metric in {
                "perplexity": metrics.perplexity,
                "top1_accuracy": metrics.top1_accuracy,
                "hits": lambda *words: next_token_scores(*words).hits,
            }.items():
                result[name] = metric(model, job.held_out)
                bar.update()
            return result | {"hits": result["hits"].tolist()}

        ledger = pipeline.compress(job.teacher, job.student, job.stages, evaluate, out)
    reference, shipped = torch.tensor(ledger[0]["hits"]), ROOT / job.teacher_path
    teacher_bytes = min(
        ledger[0]["file_bytes"], shipped.stat().st_size if shipped.is_file() else ledger[0]["file_bytes"]
    )
    for record in tqdm(ledger, desc="speed and memory, each in a fresh process"):
        hits = torch.tensor(record.pop("hits"))
        record["ratio"] = teacher_bytes / record["file_bytes"]
        record["accuracy_kept"] = hits.sum().item() / max(reference.sum().item(), 1)
        record["accuracy_kept_interval"] = list(bootstrap_ratio(hits, reference, job.file_ids))
        record |= measure_alone(out / record["artefact"])
    report = {
        "teacher": job.teacher_path, "artefact": display(out / ledger[-1]["artefact"]), "stages": ledger,
        "baselines": baselines(job, reference, ledger[0]), "completions": completions(job, out / ledger[-1]["artefact"]),
        "held_out_tokens": job.held_out[:, 1:].numel(), "held_out_files": len(job.file_ids.unique()),
        "context_length": job.held_out.shape[1],
        "tokenizer_bytes": (ASSETS / "tokenizer.json").stat().st_size, "seed": seed, "commit": commit(), "versions": versions(),
        "hardware": hardware(), "notes": job.notes,
    }  # fmt: skip
    from minicompress.lab.plots import plot_ledger

    plot_ledger(ledger, out / "ledger.png")
    with atomic_write(out / "ledger.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n")
    return report


def fingerprint(job: Job, seed: int) -> dict:
    """What decides the files of a run: two runs with equal fingerprints write equal files on one machine."""

    def digest(*tensors: torch.Tensor) -> str:
        made = hashlib.sha256()
        for tensor in tensors:
            made.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return made.hexdigest()

    return {
        "seed": seed, "recipe": job.recipe, "teacher": digest(*job.teacher.state_dict().values()),
        "student": digest(*job.student.state_dict().values()), "train": digest(job.train), "held_out": digest(job.held_out),
        "versions": versions(), "threads": torch.get_num_threads(),
    }  # fmt: skip


def prepare_folder(out: Path, resume: bool, mark: dict) -> None:
    """Make `out` writable and empty of an earlier run's files, unless they belong to this very run and
    `resume` is asked for.

    Only a folder that holds `run.json`, an earlier run's mark, is cleaned: nobody's own files are touched.
    """
    place = out / "run.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        try:
            earlier = json.loads(place.read_text()) if place.is_file() else None
        except ValueError:
            earlier = {}
        if earlier is not None and not (resume and earlier == mark):
            for pattern in ("[0-9]-*.json", "[0-9]-*.safetensors", "ledger.json", "ledger.png"):
                for path in out.glob(pattern):
                    path.unlink()
        for path in out.glob(".*.tmp"):  # what a killed run had begun to write
            path.unlink()
        with atomic_write(place) as temporary:
            temporary.write_text(json.dumps(mark))
    except OSError as error:
        raise ValueError(f"cannot write to the folder {out}: {error.strerror}") from error
    if resume and earlier != mark:
        print(
            "nothing to resume: no earlier run with the same seed, options, models and text", file=sys.stderr
        )


def display(path: Path) -> str:
    """A path relative to the repository where it lies inside, as given elsewhere."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def measure_alone(path: Path, generation: bool = False) -> dict:
    """Load one compressed file in a fresh process and measure it there: full forwards, or generation
    (`minicompress measure`).
    """
    command = [
        sys.executable,
        "-m",
        "minicompress.cli",
        "measure",
        str(path),
        *(["--generation"] if generation else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(
            f"measuring {path.name} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no message'}"
        )
    return json.loads(done.stdout)


def measure_file(path: Path) -> dict:
    """What `measure_alone` runs: throughput on 8 x 256 random tokens and the process's peak resident memory."""
    from minicompress.lab.machine import peak_memory_bytes

    before, started = peak_memory_bytes(), time.perf_counter()
    model = pipeline.load_compressed(path)
    seconds = time.perf_counter() - started
    length = min(256, getattr(model.config, "max_position_embeddings", 256))
    tokens = torch.randint(model.config.vocab_size, (8, length), generator=torch.Generator().manual_seed(0))
    return {
        "tokens_per_second": metrics.throughput(model, tokens),
        "peak_memory_bytes": peak_memory_bytes(),
        "memory_before_load_bytes": before,
        "load_seconds": seconds,
    }


def measure_generation(path: Path, new_tokens: int = 128, repeats: int = 3) -> dict:
    """What `measure_alone(path, True)` runs: greedy generation at batch 1 with a KV cache, on one thread.

    Weights are dequantized once, after loading. Tokens/s of the lean decoder (`minicompress.job.decode`) and
    of the library's `generate`, the same model in both: the median of `repeats` after a warm-up. ValueError:
    not a Llama for the shipped tokenizer.
    """
    from transformers.models.llama import modeling_llama  # noqa: F401  (the library's code is no part of what a file costs)

    torch.set_num_threads(1)
    resident = psutil.Process().memory_info
    before, started = resident().rss, time.perf_counter()
    model = pipeline.load_compressed(path)
    loaded, seconds = resident().rss, time.perf_counter() - started
    decode.dequantize_model(model)
    ready, prompt = resident().rss, corpus.load_tokenizer().encode(PROMPTS[0]).ids

    def speed(write: Callable[[int], list[int]]) -> float:
        write(8)
        times = []
        for _ in range(repeats):
            begun = time.perf_counter()
            write(new_tokens)
            times.append(time.perf_counter() - begun)
        return new_tokens / sorted(times)[repeats // 2]

    return {
        "load_seconds": seconds,
        "memory_before_load_bytes": before,
        "resident_after_load_bytes": loaded - before,
        "resident_dequantized_bytes": ready - before,
        "tokens_per_second": speed(lambda count: decode.greedy(model, prompt, count)),
        "generate_tokens_per_second": speed(lambda count: complete(model, prompt, count)),
        "resident_at_the_end_bytes": resident().rss,
    }


def baselines(job: Job, reference: torch.Tensor, teacher: dict) -> list[dict]:
    """What stands beside the ledger: counting models, and the shipped rivals."""
    rows = []
    for name, order in tqdm([("unigram", 1), ("trigram", 3)], desc="counting baselines"):
        result = ngrams.ngram_baseline(job.train, job.held_out, order, job.teacher.config.vocab_size)
        rows.append(
            {"name": name, "file_bytes": None}
            | result
            | {
                "accuracy_kept": result["top1_accuracy"] / teacher["top1_accuracy"]
                if teacher["top1_accuracy"]
                else None
            }
        )
    for name, path in tqdm(job.baselines.items(), desc="shipped baselines"):
        model = pipeline.load_compressed(path)
        hits = next_token_scores(model, job.held_out).hits
        rows.append({
            "name": name, "file_bytes": path.stat().st_size, "ratio": teacher["file_bytes"] / path.stat().st_size,
            "perplexity": metrics.perplexity(model, job.held_out), "top1_accuracy": hits.sum().item() / job.held_out[:, 1:].numel(),
            "accuracy_kept": hits.sum().item() / max(reference.sum().item(), 1),
            "accuracy_kept_interval": list(bootstrap_ratio(hits, reference, job.file_ids)),
        })  # fmt: skip
    return rows


def complete(model: torch.nn.Module, prompt: list[int], new_tokens: int = 32) -> list[int]:
    """Greedy completion with a KV cache; returns the new tokens."""
    ids = torch.tensor([prompt], device=next(iter(model.state_dict().values())).device)
    with torch.no_grad():
        answer = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            do_sample=False,
            pad_token_id=0,
        )
    return answer[0, len(prompt) :].tolist()


def completions(job: Job, artefact: Path) -> list[dict]:
    """The same prompts completed by the teacher and by the compressed file."""
    small, answers = pipeline.load_compressed(artefact), []
    for prompt in PROMPTS:
        ids = job.encode(prompt)
        answers.append(
            {
                "prompt": prompt,
                "teacher": job.decode(complete(job.teacher, ids)),
                "compressed": job.decode(complete(small, ids)),
            }
        )
    return answers
