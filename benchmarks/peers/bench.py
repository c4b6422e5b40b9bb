"""Measure the runs of `runs.py` one after the other, and keep each as soon as it is there."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.llm_rows import TEXTS, Rows
from benchmarks.oracle_answer import one_line
from benchmarks.peers.environments import python_of
from benchmarks.peers.runs import Run
from minicompress.lab import models, plain_text, smollm2
from minicompress.lab.evaluation import next_token_scores
from minicompress.lab.paths import OUT, ROOT

LONGEST = 3 * 3600  # seconds of one run, after which it is given up
QUIET = {"HF_HUB_OFFLINE": "1", "LLM_COMPRESSOR_LOG_LEVEL": "ERROR", "TOKENIZERS_PARALLELISM": "false"}


class Settings(NamedTuple):
    """How much is read and written, and how often. All of it stands in the results file."""

    sequences: int = 8  # of the calibration text, half English, half code; and of each test text
    length: int = 512
    passes: int = 2  # forward passes before each run, and after it: the yardstick
    repeats: int = 3
    threads: int = 2
    prompt: int = 64
    new_tokens: int = 128
    speed_repeats: int = 5


QUICK = Settings(sequences=2, length=128, passes=1, repeats=1, new_tokens=16, speed_repeats=1)


class Bench:
    """The texts, the model's folder, and the file of results; another run's settings are refused."""

    def __init__(self, settings: Settings, out: Path, work: Path = OUT / "bench-peers"):
        self.settings, self.rows, self.work = settings, Rows(out), work
        self.model = smollm2.folder()
        before = self.rows.content.get("settings", settings._asdict())
        if before != settings._asdict():
            raise ValueError(f"{out} was measured with other settings, {before}: name another --out")
        work.mkdir(parents=True, exist_ok=True)
        encode = models.load_text(smollm2.NAME, AutoConfig.from_pretrained(self.model).vocab_size).encode
        half = settings.sequences // len(TEXTS)
        cut = lambda documents, count: plain_text.sequences(documents, encode, settings.length, count)[0]  # noqa: E731
        tokens = {"calibration": torch.cat([cut(TEXTS[text]("calibration"), half) for text in TEXTS])}
        tokens |= {text: cut(TEXTS[text]("test"), settings.sequences) for text in TEXTS}
        save_file(tokens, work / "tokens.safetensors")
        self.tests = {text: tokens[text] for text in TEXTS}
        self.rows.add(settings=settings._asdict())

    def dense(self) -> None:
        """The dense model's perplexities and bytes, once."""
        if "dense" not in self.rows.content:
            size = sum(file.stat().st_size for file in self.model.glob("*.safetensors"))
            scores = self.perplexities(models.load(smollm2.NAME))
            self.rows.add(dense={"perplexity": scores, "file_bytes": size})

    def compress(self, run: Run, repeat: int) -> None:
        """One run, unless the file has it: its script's answer, and its weights judged here."""
        facts = run.facts() | {"repeat": repeat}
        if self.rows.has(facts):
            return
        words = [run.method, self.work, self.model, self.settings.passes]
        found = answer_of(run, words, self.settings.threads)
        weights = self.work / "weights.safetensors"
        if "error" not in found:
            found |= self.judged(run, weights)
        weights.unlink(missing_ok=True)
        shutil.rmtree(self.work / "saved", ignore_errors=True)
        self.add(facts | found)

    def judged(self, run: Run, weights: Path) -> dict:
        """The perplexities of a file of weights, or those of an earlier repeat that made the same weights."""
        with weights.open("rb") as opened:
            digest = {"weights_sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
        for row in self.rows.content["rows"]:
            if (run.facts() | digest).items() <= row.items():
                return digest | {"perplexity": row["perplexity"]}
        return digest | {"perplexity": self.perplexities(model_of(self.model, load_file(weights)))}

    def speed(self, run: Run) -> None:
        """Tokens a second of one model, unless the file has them."""
        if self.rows.has(run.facts()):
            return
        source = smollm2.gguf_file() if run.environment == "llama_cpp" else smollm2.NAME
        numbers = self.settings.prompt, self.settings.new_tokens, self.settings.speed_repeats
        words = [run.method, source, *numbers, self.settings.threads]
        self.add(run.facts() | answer_of(run, words, self.settings.threads))

    def add(self, row: dict) -> None:
        self.rows.add(rows=[row])
        said = row.get("error") or row.get("perplexity") or row.get("tokens_per_second")
        print(row["task"], "|", row["tool"], "|", said, flush=True)

    def perplexities(self, model: nn.Module) -> dict[str, float]:
        """Perplexity on each test text, by the course's own function."""
        torch.set_num_threads(self.settings.threads)
        return {text: next_token_scores(model, tokens, 2).perplexity for text, tokens in self.tests.items()}


def model_of(folder: Path, weights: dict[str, torch.Tensor]) -> nn.Module:
    """The dense model with these weights, which may have fewer neurons.

    ValueError: a weight is missing, or one that the model does not have.
    """
    config = AutoConfig.from_pretrained(folder)
    config.intermediate_size = len(weights["model.layers.0.mlp.gate_proj.weight"])
    model = AutoModelForCausalLM.from_config(config).float().eval()
    missing, unknown = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if name != "lm_head.weight"]  # it is the embedding
    if missing or unknown:
        raise ValueError(f"the weights do not fit the model: {missing[:2]} missing, {unknown[:2]} unknown")
    return model


def answer_of(run: Run, words: Sequence[object], threads: int) -> dict:
    """Run a script in its environment; the last line that it prints, or {"error": one line}."""
    try:
        command = [python_of(run.environment), "-m", f"benchmarks.peers.{run.script}", *words]
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env=os.environ | QUIET | {"OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST,
            check=False,
        )
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return {"error": one_line(error)}
    return answer_in(done.stdout, done.stderr, done.returncode)


def answer_in(printed: str, complaints: str, code: int) -> dict:
    """The JSON object in the last line that was printed, or what the process died of."""
    last = (printed.strip().splitlines() or [""])[-1]
    if code == 0 and last.startswith("{"):
        return json.loads(last)
    reason = (complaints.strip().splitlines() or ["no message"])[-1]
    return {"error": f"the process ended with {code}: {reason}"[:200]}
