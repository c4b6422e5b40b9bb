"""Long training, done once: the tokenizer, the teacher, its half-size rival and the students.

    python -m minicompress.train tokenizer
    python -m minicompress.train teacher                 # resumes by itself after an interruption
    accelerate launch -m minicompress.train teacher      # the same on several devices

Every run is a function of its seed: batches depend on (seed, step) alone. A run writes its checkpoint and its
log beside each other and goes on from there when the same command is given again.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import typer
from accelerate import Accelerator, PartialState
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertConfig, BertForMaskedLM, LlamaConfig, LlamaForCausalLM

from minicompress.lab import bert, corpus
from minicompress.lab.answers import Answers, top_distillation_loss, write_answers
from minicompress.lab.files import atomic_write
from minicompress.lab.loops import next_token_loss, validation_score
from minicompress.lab.machine import best_device, hardware, has_fast_bf16, keep_freed_memory, versions
from minicompress.lab.mixture import Mixture, training_streams
from minicompress.lab.models import load_folder
from minicompress.lab.paths import ASSETS, ROOT, cache_folder
from minicompress.lab.qat import GRIDS, bake_fake_quantize, drop_fake_quantize, put_on_grids
from minicompress.structured_pruning import prune_neurons

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

TEACHER = dict(
    hidden_size=320, intermediate_size=896, num_hidden_layers=6, num_attention_heads=10, num_key_value_heads=2
)
HALF = dict(
    hidden_size=256, intermediate_size=800, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=2
)


MEDIUM = dict(
    hidden_size=128, intermediate_size=312, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2
)
STUDENT = dict(
    hidden_size=96, intermediate_size=288, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1
)
TINY = dict(
    hidden_size=32, intermediate_size=88, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1
)
SMALL = dict(
    hidden_size=64, intermediate_size=176, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2
)

MIXTURE = {"stdlib": 14, "packages": 16, "pairs": 2}  # rows of each stream in a batch


def new_model(shape: dict, seed: int = 0) -> LlamaForCausalLM:
    """Build a randomly initialised Llama for the shipped tokenizer, fp32, tied embeddings."""
    torch.manual_seed(seed)
    tokenizer = corpus.load_tokenizer()
    end = tokenizer.token_to_id(corpus.END)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=1024, tie_word_embeddings=True,
        bos_token_id=end, eos_token_id=end, pad_token_id=end, rope_parameters={"rope_type": "default", "rope_theta": 10_000.0}, **shape,
    )  # fmt: skip
    return LlamaForCausalLM(config)


# ---------------------------------------------------------------- the loop


@dataclass
class Plan:
    """How long and how fast to train. A step is one optimizer update."""

    steps: int
    muon_rate: float = 6e-3
    adam_rate: float = 1.5e-2  # for embeddings and norms; both found on 0.5M tokens with the small student
    warmup: int = 30
    final_share: float = 0.02  # of the learning rates, at the end of the cosine
    weight_decay: float = 0.05
    evaluate_every: int = 100
    log_every: int = 20
    checkpoint_seconds: float = 240.0


def rate_share(plan: Plan, step: int) -> float:
    """Share of the full learning rates: linear warm-up, then half a cosine down to `final_share`."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    progress = (step - plan.warmup) / max(plan.steps - plan.warmup, 1)
    return plan.final_share + (1 - plan.final_share) * 0.5 * (1 + math.cos(math.pi * progress))


def warmup_of(steps: int) -> int:
    """A tenth of a short run, else 30 steps."""
    return max(1, min(30, steps // 10))


def make_optimizers(model: torch.nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings and norms.

    Muon (Jordan et al. 2024) orthogonalises each matrix's momentum; with few tokens it learns markedly
    faster.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    matrices = [
        parameter
        for name, parameter in named
        if parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
    ]
    rest = [parameter for name, parameter in named if not any(parameter is matrix for matrix in matrices)]
    muon = torch.optim.Muon(
        matrices, lr=plan.muon_rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(rest, lr=plan.adam_rate, betas=(0.9, 0.95), weight_decay=0.0)
    return [muon, adamw]


def train(
    model: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, int], torch.Tensor],
    plan: Plan,
    folder: Path,
    validation: torch.Tensor | None = None,
    compile_model: bool = False,
    score: Callable[[torch.nn.Module, torch.Tensor], dict] = validation_score,
    precision: str = "",
) -> torch.nn.Module:
    """Train `model` in place, resuming from `folder` when it holds a checkpoint; return the model.

    `loss_of(model, step)` forms the loss of one step, from this process's share of the batch where there are
    several. One JSON line per logged step goes to `folder/log.jsonl`. `precision` is "no" (fp32) or "bf16";
    by default what is faster here.
    """
    device = best_device()
    precision = precision or ("bf16" if has_fast_bf16(device) else "no")
    accelerator = Accelerator(mixed_precision=precision, cpu=device.type == "cpu")
    optimizers = make_optimizers(model, plan)
    model, *optimizers = accelerator.prepare(model, *optimizers)
    plain = accelerator.unwrap_model(model)
    forward = torch.compile(model) if compile_model else model
    step, seconds = load_checkpoint(folder, plain, optimizers)
    log, saved_at, started = folder / "log.jsonl", time.monotonic(), time.monotonic() - seconds
    forget_after(log, step)
    recent: list[float] = []
    model.train()
    while step < plan.steps:
        share = rate_share(plan, step)
        for optimizer, rate in zip(optimizers, (plan.muon_rate, plan.adam_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        loss = loss_of(forward, step)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        recent.append(accelerator.reduce(loss.detach(), "mean").item())  # over the processes
        last = step == plan.steps
        if accelerator.is_main_process and (step % plan.log_every == 0 or last):
            record = {
                "step": step,
                "loss": round(sum(recent) / len(recent), 6),
                "rate_share": round(share, 4),
                "seconds": round(time.monotonic() - started, 1),
            }
            recent.clear()
            if validation is not None and (step % plan.evaluate_every == 0 or last):
                record |= score(plain, validation)
            with log.open("a") as file:
                file.write(json.dumps(record) + "\n")
        if accelerator.is_main_process and (last or time.monotonic() - saved_at > plan.checkpoint_seconds):
            save_checkpoint(folder, plain, optimizers, step, time.monotonic() - started)
            saved_at = time.monotonic()
    return plain


def forget_after(log: Path, step: int) -> None:
    """Drop log lines that lie after the checkpoint (those steps will be done again), and a last line cut
    short by a kill.
    """
    lines = log.read_text().splitlines() if log.is_file() else []
    with atomic_write(log) as temporary:
        temporary.write_text(
            "".join(line + "\n" for line in lines if line.endswith("}") and json.loads(line)["step"] <= step)
        )


# ---------------------------------------------------------------- checkpoints (safetensors: nothing is pickled)


def save_checkpoint(
    folder: Path, model: torch.nn.Module, optimizers: list, step: int, seconds: float
) -> None:
    """Write weights, optimizer states and the step to `folder/checkpoint.safetensors`, all or nothing."""
    tensors = {f"model.{name}": parameter.detach() for name, parameter in model.named_parameters()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{key}": value for key, value in state.items()}
    with atomic_write(folder / "checkpoint.safetensors") as temporary:
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
            temporary,
            {"progress": json.dumps({"step": step, "seconds": seconds})},
        )


def load_checkpoint(folder: Path, model: torch.nn.Module, optimizers: list) -> tuple[int, float]:
    """Restore what `save_checkpoint` wrote; return (step, seconds so far), (0, 0.0) when there is nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        return 0, 0.0
    states: list[dict] = [{} for _ in optimizers]
    with safe_open(path, "pt") as file, torch.no_grad():
        progress = json.loads(file.metadata()["progress"])
        parameters = dict(model.named_parameters())
        for key in file.keys():
            kind, rest = key.split(".", 1)
            if kind == "model":
                parameters[rest].copy_(file.get_tensor(key))
            else:
                number, index, name = rest.split(".")
                states[int(number)].setdefault(int(index), {})[name] = file.get_tensor(key)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return progress["step"], progress["seconds"]


def save_model(model: torch.nn.Module, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Save a plain Hugging Face folder (config.json, model.safetensors) in `dtype`."""
    model.to(dtype).save_pretrained(folder)
    model.float()


# ---------------------------------------------------------------- commands


def training_folder(name: str) -> Path:
    return cache_folder() / "training" / name


def streams_folder() -> Path:
    return cache_folder() / f"streams-{corpus.cache_key()}"


def cached_streams() -> dict[str, np.ndarray]:
    """The teacher's token streams, memory-mapped; built on first use (a few minutes)."""
    folder = streams_folder()
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        temporary.mkdir(parents=True)
        streams, report = training_streams(ROOT / "requirements.lock")
        for name, stream in streams.items():
            np.save(temporary / f"{name}.npy", stream)
        (temporary / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        temporary.rename(folder)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("stdlib", "packages", "pairs")}


def my_share(rows: torch.Tensor) -> torch.Tensor:
    """This process's rows of a batch, on its device; all of them when there is only one process."""
    state = PartialState()
    return rows[state.process_index :: state.num_processes].to(state.device)


def pretrain(name: str, shape: dict, steps: int, compile_model: bool) -> None:
    """Train one model on labels alone."""
    mixture = Mixture(cached_streams(), MIXTURE)
    validation = corpus.load_tokens("validation", 256, per_file=4)[0]
    model = train(
        new_model(shape), lambda model, step: next_token_loss(model, my_share(mixture.batch(step))), Plan(steps),
        training_folder(name), validation, compile_model,
    )  # fmt: skip
    save_model(model, training_folder(name) / "final")


def load_run(name: str) -> torch.nn.Module:
    """Load a finished run, fp32; one that was not done on this machine is taken from the shipped models."""
    for folder in (training_folder(name) / "final", ASSETS / name):
        if folder.is_dir():
            return load_folder(folder)
    raise typer.BadParameter(f"the run {name!r} has not finished, and no such model is shipped in {ASSETS}")


@app.command()
def tokenizer() -> None:
    """Train the byte-level BPE tokenizer of 2,048 tokens on the standard library's training files."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        special_tokens=[corpus.END, corpus.SUMMARY],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((corpus.read_text(path) for path in corpus.stdlib_files("train")), trainer)
    with atomic_write(ASSETS / "tokenizer.json") as temporary:
        made.save(str(temporary))


@app.command()
def teacher(steps: int = 800, compile_model: bool = False) -> None:
    """Train the teacher."""
    pretrain("teacher", TEACHER, steps, compile_model)


@app.command()
def half(steps: int = 800, compile_model: bool = False) -> None:
    """Train the teacher's rival of half its size on the same batches."""
    pretrain("half", HALF, steps, compile_model)


@app.command()
def answers(steps: int = 650, teacher: str = "teacher") -> None:
    """Write down the likeliest next tokens for `steps` batches of 32 sequences: the teacher's, or another
    finished run's.

    A smaller model that has learnt from the teacher can stand in for it (a teacher assistant, Mirzadeh et al.
    2019, arXiv 1902.03393).
    """
    mixture = Mixture(cached_streams(), MIXTURE, seed=1)
    write_answers(load_run(teacher).to(best_device()), mixture, steps, answers_folder(teacher))


def answers_folder(teacher: str) -> Path:
    return training_folder("answers" if teacher == "teacher" else f"answers-{teacher}")


def answers_loss(
    rows: int, alpha: float, stdlib_only: bool = False, teacher: str = "teacher"
) -> Callable[[torch.nn.Module, int], torch.Tensor]:
    """The distillation loss of step number `step`, from the teacher's answers on disk."""
    stdlib = (0, MIXTURE["stdlib"], sum(MIXTURE.values()))  # its rows come first in every batch
    lessons = Answers(answers_folder(teacher), rows, places=stdlib if stdlib_only else None)

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        tokens, indices, log_probs = (my_share(tensor) for tensor in lessons.batch(step))
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
        indices, log_probs = indices[:, :-1].flatten(0, 1), log_probs[:, :-1].flatten(0, 1)  # [B*(T-1), TOP]
        return top_distillation_loss(logits.flatten(0, 1), tokens[:, 1:].flatten(), indices, log_probs, alpha)

    return loss_of


@app.command()
def student(
    name: str = "student",
    steps: int = 2000,
    rows: int = 16,
    alpha: float = 0.7,
    start: str = "",
    blocks: str = "",
    embedding: str = "",
    muon_rate: float = 6e-3,
    adam_rate: float = 1.5e-2,
    neurons: int = 0,
    stdlib_only: bool = False,
    teacher: str = "teacher",
) -> None:
    """Distill a student from the answers that `answers` wrote down of `teacher`; alpha 0 trains on labels
    alone.

    The name's first word chooses the shape (tiny, small, medium, half, else the student's). `start` names a
    finished run to start from; `neurons` prunes every MLP to that many neurons first; `blocks` and
    `embedding` name the grids (int3, ternary, ...) on which the weights live in training; `stdlib_only`
    leaves out the packages' sources and the pairs.
    """
    shape = {"tiny": TINY, "small": SMALL, "half": HALF, "medium": MEDIUM}.get(name.split("-")[0], STUDENT)
    model = load_run(start) if start else new_model(shape)
    if neurons:
        prune_neurons(model, neurons)
    put_on_grids(model, blocks, embedding)
    validation = corpus.load_tokens("validation", 256, per_file=4)[0]
    plan = Plan(steps, muon_rate, adam_rate, evaluate_every=250)
    train(model, answers_loss(rows, alpha, stdlib_only, teacher), plan, training_folder(name), validation)
    drop_fake_quantize(model)
    # Weights that live on a grid gather at its edges, where fp16 would push some over: at 3 bits one to three
    # points of the teacher's accuracy were lost by that.
    save_model(
        model, training_folder(name) / "final", torch.float32 if blocks or embedding else torch.float16
    )


def training_rows(step: int, rows: int, seed: int, length: int = 256) -> torch.Tensor:
    """This process's rows of one step's batch from the standard library's training files: a function of
    (seed, step) alone.
    """
    tokens, _ = corpus.load_tokens("train", length)
    return my_share(
        tokens[torch.from_numpy(np.random.default_rng([seed, step]).integers(len(tokens), size=rows))]
    )


@app.command()
def distill(
    name: str,
    teacher: str = "teacher",
    layers: str = "",
    start: str = "teacher",
    steps: int = 300,
    rows: int = 8,
    length: int = 256,
    temperature: float = 2.0,
    alpha: float = 0.5,
    seed: int = 0,
    muon_rate: float = 3e-3,
    adam_rate: float = 6e-3,
    log_every: int = 20,
    checkpoint_seconds: float = 240.0,
    precision: str = "",
) -> None:
    """Distill a shallower student from a teacher that answers while the student learns, on the standard
    library.

    `teacher` is a shipped model or a folder with a Hugging Face causal LM for the shipped tokenizer. `layers`
    ("0,2,5") names the layers that the student keeps; `start` is "teacher" or "random" (then only their
    number counts). alpha 0 trains on labels alone. Several devices or machines: `accelerate launch
    --num_processes 2 -m minicompress.train distill NAME ...` (each process takes its share of `rows`, which
    must divide evenly).
    """
    from minicompress.distillation import distillation_loss, init_student_from_teacher

    state = PartialState(cpu=best_device().type == "cpu")
    if rows % state.num_processes:
        raise typer.BadParameter(f"{rows} rows cannot be shared evenly by {state.num_processes} processes")
    if start not in ("teacher", "random"):
        raise typer.BadParameter(f"start must be 'teacher' or 'random', got {start!r}")
    source = (
        load_run(teacher)
        if not Path(teacher).is_dir()
        else LlamaForCausalLM.from_pretrained(teacher, dtype=torch.float32)
    )
    kept = (
        [int(layer) for layer in layers.split(",")]
        if layers
        else list(range(0, source.config.num_hidden_layers, 2))
    )
    student = init_student_from_teacher(source, kept)
    if start == "random":
        torch.manual_seed(seed)
        student = type(student)(student.config)
    source = source.to(state.device).eval()

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        tokens = training_rows(step, rows, seed, length)
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()  # [B, T-1, V]
        if alpha == 0:
            return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        with torch.no_grad():
            answers = source(input_ids=tokens, use_cache=False).logits[:, :-1]  # [B, T-1, V]
        return distillation_loss(logits, answers, tokens[:, 1:], temperature, alpha)

    plan = Plan(
        steps,
        muon_rate,
        adam_rate,
        warmup_of(steps),
        log_every=log_every,
        checkpoint_seconds=checkpoint_seconds,
    )
    validation = corpus.load_tokens("validation", 256, per_file=4)[0] if length >= 256 else None
    model = train(student, loss_of, plan, training_folder(name), validation, precision=precision)
    if state.is_main_process:
        save_model(model, training_folder(name) / "final")


BERT_ROWS, BERT_LENGTH = (
    {"stdlib": 10, "packages": 6},
    128,
)  # rows of each stream in a batch, and their length


@app.command(name="bert")
def train_bert(steps: int = 2800, muon_rate: float = 6e-3, adam_rate: float = 2e-3) -> None:
    """Train the BERT teacher: masked language modelling.

    Its word embeddings start from the causal teacher's, its first heads look at neighbours. 30% of the tokens
    are masked at first, 15% at the end: early on, many predictions teach more than much context (Yang et al.
    2022, arXiv 2208.10806, also let the share fall).
    """
    mixture = Mixture(cached_streams(), BERT_ROWS, BERT_LENGTH)

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        inputs, labels = bert.mask_tokens(
            my_share(mixture.batch(step)), step, share=0.3 - 0.15 * step / steps
        )
        logits = model(input_ids=inputs).logits.float()  # [B, T, V]
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())  # [B*T, V]; -100 is left out

    plan, validation = (
        Plan(steps, muon_rate, adam_rate, evaluate_every=200),
        corpus.load_tokens("validation", BERT_LENGTH, per_file=4)[0],
    )
    model = bert.new_bert()
    bert.borrow_embeddings(model, load_run("teacher").get_input_embeddings().weight.detach())
    bert.look_at_neighbours(model)
    model = train(model, loss_of, plan, training_folder("bert"), validation, score=bert.masked_score)
    save_model(model, training_folder("bert") / "final")


RECIPES = {"paper": (5, 2, 1, 0), "article": (0.5, 0.5, 0, 0.1), "labels": (0, 1, 0, 0)}


@app.command()
def distilbert(
    recipe: str, steps: int = 60, muon_rate: float = 3e-3, adam_rate: float = 2e-3, start: str = "teacher"
) -> None:
    """Distill a DistilBERT of half the layers from the BERT teacher, by one of the recipes: paper, article,
    labels.

    `start` is "teacher" (layers 0, 2, 4) or "random".
    """
    from minicompress.distillation import distilbert_loss

    if recipe not in RECIPES:
        raise typer.BadParameter(f"unknown recipe {recipe!r}: choose one of {', '.join(RECIPES)}")
    teacher = load_run("bert").to(best_device()).eval().requires_grad_(False)
    student = bert.distilbert_from_bert(teacher, range(0, teacher.config.num_hidden_layers, 2))
    if start == "random":
        torch.manual_seed(0)
        student = type(student)(student.config)
    mixture = Mixture(cached_streams(), BERT_ROWS, BERT_LENGTH, seed=1)

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        inputs, labels = bert.mask_tokens(my_share(mixture.batch(step)), 10**6 + step)
        ours, theirs = model(input_ids=inputs, output_hidden_states=True), None
        if recipe != "labels":
            with torch.no_grad():
                theirs = teacher(input_ids=inputs, output_hidden_states=True)
        return distilbert_loss(ours, theirs, labels, torch.ones_like(inputs), weights=RECIPES[recipe])

    plan = Plan(steps, muon_rate, adam_rate, warmup_of(steps), evaluate_every=50)
    validation = corpus.load_tokens("validation", BERT_LENGTH, per_file=4)[0]
    folder = training_folder(f"distilbert-{recipe}" + ("" if start == "teacher" else f"-{start}"))
    save_model(train(student, loss_of, plan, folder, validation, score=bert.masked_score), folder / "final")


@app.command()
def export(name: str, blocks: str, embedding: str, to: Path) -> None:
    """Write a finished run as one compressed file, quantized on its grids; empty grids leave it in fp16."""
    from minicompress.pipeline import quantize_model, save_compressed

    model = load_run(name)
    if blocks:
        put_on_grids(model, blocks, embedding)
        bake_fake_quantize(model)
        model = quantize_model(model, GRIDS[blocks].bits, GRIDS[embedding].bits)
    to.parent.mkdir(parents=True, exist_ok=True)
    save_compressed(model, to)
    print(f"{to}: {to.stat().st_size:,} bytes")


@app.command()
def publish(name: str, command: str, to: Path, grid: str = "") -> None:
    """Copy a finished run into the repository: weights, configuration, log and a model card. `command` is
    what made it.

    `grid` names the grid that the weights were trained to be rounded to: the card's scores are then those of
    the rounded weights.
    """
    folder, model = training_folder(name), load_run(name)
    put_on_grids(model, grid, grid)
    to.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        if (folder / "final" / file).is_file():  # a BERT generates nothing
            shutil.copyfile(folder / "final" / file, to / file)
    shutil.copyfile(folder / "log.jsonl", to / "log.jsonl")
    last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    masked = model.config.model_type != "llama"
    (to / "README.md").write_text(
        CARD.format(
            name=to.name,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            scores=say_masked_score(model) if masked else say_score(model, grid),
            data=say_data("10 : 6 : 0" if masked else "14 : 16 : 2", "--stdlib-only" in command),
            shape=describe_shape(model.config),
            logged="accuracy on masked tokens on 4" if masked else "top-1 accuracy on 4",
            bytes=(to / "model.safetensors").stat().st_size,
            precision="fp32" if grid else "fp16",  # as `student` saved it
            command=command,
            steps=last["step"],
            minutes=last["seconds"] / 60,
            hardware=json.dumps(hardware()),
            versions=json.dumps(versions()),
        )  # fmt: skip
    )


def say_score(model: LlamaForCausalLM, grid: str) -> str:
    score = validation_score(model, corpus.load_tokens("validation", 256, per_file=16)[0])
    rounded = (
        f", every matrix rounded to the {grid} grid (the file holds the weights behind it)" if grid else ""
    )
    perplexity, top1 = math.exp(score["validation_loss"]), score["validation_top1"]
    return f"On 16 sequences of 256 tokens a validation file{rounded}: perplexity {perplexity:.2f}, top-1 accuracy {top1:.2%}."


def say_masked_score(model: BertForMaskedLM) -> str:
    score = bert.masked_score(model, corpus.load_tokens("validation", BERT_LENGTH, per_file=16)[0])
    return (
        f"On 16 sequences of {BERT_LENGTH} tokens a validation file, 15% of the tokens masked: accuracy on the masked tokens "
        f"{score['masked_accuracy']:.2%}, loss {score['masked_loss']:.3f} nats."
    )


def say_data(shares: str, stdlib_last: bool) -> str:
    report = json.loads((streams_folder() / "report.json").read_text())
    stage = ", of which the last stage used the standard library alone" if stdlib_last else ""
    return DATA.format(shares=shares, stage=stage, report=json.dumps(report, indent=1))


def describe_shape(config: LlamaConfig | BertConfig) -> str:
    if config.model_type == "bert":
        return (
            f"BERT for masked language modelling, {config.num_hidden_layers} layers, hidden size {config.hidden_size}, MLP "
            f"{config.intermediate_size}, {config.num_attention_heads} heads, tied embeddings, {config.vocab_size} tokens"
        )
    return (
        f"Llama, {config.num_hidden_layers} layers, hidden size {config.hidden_size}, MLP {config.intermediate_size}, "
        f"{config.num_attention_heads} heads in {config.num_key_value_heads} KV groups, tied embeddings, {config.vocab_size} tokens"
    )


DATA = """the standard library's training files, the sources of the packages in `requirements.lock`, and code summarization
pairs formed from both, in the shares {shares}{stage}. Files that share a span of 6 lines and 160 characters with a held-out
file are left out ("leaks"), so are files that mostly repeat earlier ones:

```json
{report}
```"""

CARD = """# {name}

{shape}: {parameters:,} parameters, {bytes:,} bytes in {precision}.

Made by `{command}`: {steps} steps, {minutes:.0f} minutes (a shared machine, other work beside it), on
`{hardware}` with `{versions}`. The log is in `log.jsonl`: mean training loss, share of the learning rate, seconds, and
loss and {logged} sequences a validation file.

{scores} Figures on the test files stand in `results/`.

Data: {data}
"""


def main(commands: list[str] | None = None) -> None:
    keep_freed_memory()
    app(commands)


if __name__ == "__main__":
    main()
