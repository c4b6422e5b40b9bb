"""The corpus: Python source code that is already on every learner's machine.

The standard library is read as text, split file by file into train, validation and test, and
turned into int64 token sequences. Nothing is downloaded.

    files = stdlib_files("test")                      # paths, sorted
    tokens, file_ids = load_tokens("test", 256)       # [sequences, 256], [sequences]

The split is a function of the file's POSIX path alone, so a file that is held out on one machine
is held out on every machine and for every Python version.
"""

import ast
import hashlib
import re
import sys
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ASSETS, cache_folder

SPLITS = ("train", "validation", "test")
END, SUMMARY = "<|endoftext|>", "<|summary|>"

# Tests repeat themselves, tables are generated, vendored files are not the standard library.
LEFT_OUT_FOLDERS = {
    "test", "tests", "idle_test", "__pycache__", "site-packages", "dist-packages",
    "encodings", "pydoc_data", "ensurepip", "lib-dynload", "_vendor", "_bundled", "turtledemo",
}  # fmt: skip
LEFT_OUT_FILES = re.compile(
    r"^(_sysconfigdata.*|_sysconfig_vars.*|sre_constants|stringprep|this|token|opcode|_opcode_metadata|keyword)\.py$"
)


def split_of(relative_path: str) -> str:
    """Name the split of a standard-library file: 10% test, 10% validation, 80% train, by sha256 of its POSIX
    path.
    """
    bucket = int(hashlib.sha256(relative_path.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "validation"}.get(bucket, "train")


def stdlib_files(split: str) -> list[Path]:
    """List the standard library's source files of one split, sorted by relative path."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    root = Path(sysconfig.get_path("stdlib"))
    chosen = []
    for path in root.rglob("*.py"):
        relative = path.relative_to(root)
        if LEFT_OUT_FOLDERS.isdisjoint(relative.parts[:-1]) and not LEFT_OUT_FILES.match(path.name):
            if split_of(relative.as_posix()) == split:
                chosen.append(path)
    return sorted(chosen, key=lambda path: path.relative_to(root).as_posix())


def read_text(path: Path) -> str:
    """Read one source file; bytes that are not UTF-8 become the replacement character."""
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def load_tokenizer(path: Path = ASSETS / "tokenizer.json") -> Tokenizer:
    """Load the shipped byte-level BPE tokenizer (2,048 tokens)."""
    if not Path(path).is_file():
        raise ValueError(f"no tokenizer at {path}: train one with `python -m minicompress.train tokenizer`")
    return Tokenizer.from_file(str(path))


def cut(token_ids: list[int], length: int) -> torch.Tensor:
    """Cut one document into whole sequences, int64 [len(token_ids) // length, length]; a rest is dropped."""
    whole = len(token_ids) // length * length
    return torch.tensor(token_ids[:whole], dtype=torch.int64).view(-1, length)  # [sequences, length]


def load_tokens(
    split: str, length: int = 256, per_file: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokenize one split of the standard library, no sequence crossing a file boundary.

    Returns tokens int64 [sequences, length] and the file number of each sequence, int64 [sequences].
    `per_file` keeps only that many sequences from the start of each file, so that a few very long files
    do not dominate an evaluation. The arrays are cached per Python version and tokenizer.
    """
    if length < 2:
        raise ValueError(f"length must be at least 2 to predict a next token, got {length}")
    flat, ends = _cached_documents(split)
    tokens, file_ids = [], []
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        sequences = cut(flat[start:end].astype(np.int64).tolist(), length)[:per_file]
        tokens.append(sequences)
        file_ids.append(torch.full((len(sequences),), number))
    return torch.cat(tokens), torch.cat(file_ids)


def cache_key() -> str:
    """What token arrays depend on: the Python version and the tokenizer."""
    return (
        "{}.{}.{}-".format(*sys.version_info[:3])
        + hashlib.sha256(load_tokenizer().to_str().encode()).hexdigest()[:12]
    )


def _cached_documents(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of all files of a split, joined (uint16), and where each file ends."""
    tokenizer = load_tokenizer()
    target = cache_folder() / f"stdlib-{cache_key()}-{split}.safetensors"
    try:
        saved = load_file(target)
        return saved["flat"], saved["ends"]
    except (OSError, SafetensorError, KeyError):  # absent, or cut short by a full disk: make it (again)
        pass
    documents = [tokenizer.encode(read_text(path)).ids for path in stdlib_files(split)]
    flat = np.concatenate([np.asarray(ids, dtype=np.uint16) for ids in documents])
    ends = np.cumsum([len(ids) for ids in documents])
    with atomic_write(target) as temporary:
        save_file({"flat": flat, "ends": ends}, temporary)
    return flat, ends


def describe() -> dict:
    """Count what was found on this machine: files, characters and tokens of each split."""
    found = {"python": sys.version.split()[0]}
    for split in SPLITS:
        flat, ends = _cached_documents(split)
        found[split] = {"files": len(ends), "tokens": len(flat)}
    return found


# ---------------------------------------------------------------- code summarization


def summarization_pairs(source: str) -> list[tuple[str, str]]:
    """Form (function without its docstring, first line of its docstring) pairs from one source file.

    The function's text is `ast.unparse`d, which also drops comments, so the answer cannot be read off the
    prompt.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    pairs = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first_line = (ast.get_docstring(node) or "").strip().split("\n")[0].strip()
        if len(first_line) >= 10 and len(node.body) > 1:
            node.body = node.body[1:]
            pairs.append((ast.unparse(node), first_line))
    return pairs


def encode_pair(tokenizer: Tokenizer, function: str, summary: str) -> tuple[list[int], list[int]]:
    """Encode one pair: prompt ids (function, then the summary mark) and answer ids (summary, then the end
    mark).
    """
    prompt = tokenizer.encode(function).ids + [tokenizer.token_to_id(SUMMARY)]
    return prompt, tokenizer.encode(summary).ids + [tokenizer.token_to_id(END)]
