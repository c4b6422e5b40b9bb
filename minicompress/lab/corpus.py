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
import importlib.metadata
import os
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

from minicompress.lab.runtime import atomic_write

ASSETS = Path(__file__).resolve().parents[2] / "assets"
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


def cache_folder() -> Path:
    """Return (and create) the folder for token arrays: `$MINICOMPRESS_CACHE` or `~/.cache/minicompress`."""
    folder = Path(os.environ.get("MINICOMPRESS_CACHE") or Path.home() / ".cache" / "minicompress")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def split_of(relative_path: str) -> str:
    """Name the split of a standard-library file: 10% test, 10% validation, 80% train, by sha256 of its POSIX path."""
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
    """Cut one document into whole sequences: int64 [len(token_ids) // length, length]; the rest is dropped."""
    whole = len(token_ids) // length * length
    return torch.tensor(token_ids[:whole], dtype=torch.int64).view(-1, length)  # [sequences, length]


def load_tokens(split: str, length: int = 256, per_file: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
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
    return "{}.{}.{}-".format(*sys.version_info[:3]) + hashlib.sha256(load_tokenizer().to_str().encode()).hexdigest()[:12]


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

    The function's text is `ast.unparse`d, which also drops comments, so the answer cannot be read off the prompt.
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
    """Encode one pair: prompt ids (function, then the summary mark) and answer ids (summary, then the end mark)."""
    prompt = tokenizer.encode(function).ids + [tokenizer.token_to_id(SUMMARY)]
    return prompt, tokenizer.encode(summary).ids + [tokenizer.token_to_id(END)]


# ---------------------------------------------------------------- the teacher's larger diet


def package_files(packages: list[str]) -> list[Path]:
    """List the source files of installed distributions, tests and vendored folders left out, sorted."""
    chosen = []
    for package in sorted(packages):
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.suffix == ".py" and LEFT_OUT_FOLDERS.isdisjoint(file.parts[:-1]):
                chosen.append(Path(file.locate()))
    return sorted(set(path for path in chosen if path.is_file()))


def long_spans(text: str, lines: int = 6, characters: int = 160) -> set[int]:
    """Fingerprint every run of `lines` non-blank stripped lines that holds at least `characters` characters."""
    kept = [line.strip() for line in text.split("\n") if line.strip()]
    spans = ("\n".join(kept[start : start + lines]) for start in range(len(kept) - lines + 1))
    return {int.from_bytes(hashlib.blake2b(span.encode(), digest_size=8).digest()) for span in spans if len(span) >= characters}


def held_out_spans() -> set[int]:
    """Fingerprints of every long span in the validation and test files."""
    return set().union(*(long_spans(read_text(path)) for split in ("validation", "test") for path in stdlib_files(split)))


def select_unseen(paths: list[Path], most_repeated: float = 0.5, most_characters: int = 200_000) -> tuple[list[Path], dict]:
    """Leave out files that would leak held-out text or mostly repeat earlier files; report how many and why.

    A file that shares a single long span with a held-out file is a leak. A file of which more than
    `most_repeated` of the long spans stood in earlier files is a repeat (copied model definitions, say).
    """
    held_out, seen, chosen = held_out_spans(), set(), []
    report = {"files": len(paths), "leaks": 0, "repeats": 0, "too_long": 0}
    for path in paths:
        text = read_text(path)
        if len(text) > most_characters:  # nearly always a generated table
            report["too_long"] += 1
            continue
        spans = long_spans(text)
        if spans & held_out:
            report["leaks"] += 1
        elif len(spans & seen) > most_repeated * max(len(spans), 1):
            report["repeats"] += 1
        else:
            chosen.append(path)
            seen |= spans
    report["kept"] = len(chosen)
    return chosen, report


def packages_of_lock_file(lock_file: Path) -> list[str]:
    """Name the distributions that a requirements file pins, in its order."""
    lines = (line.split("#")[0].strip() for line in lock_file.read_text().splitlines())
    return [re.split(r"[=<>!~\[; ]", line)[0] for line in lines if line]


def join_tokens(documents: list[list[int]], end: int) -> np.ndarray:
    """Join documents into one stream, uint16 [tokens], each closed by the end mark."""
    return np.concatenate([np.asarray([*ids, end], dtype=np.uint16) for ids in documents])


def training_streams(lock_file: Path, longest_pair: int = 256) -> tuple[dict[str, np.ndarray], dict]:
    """Build the three token streams that teachers learn from, and a report of what went in and what was left out.

    `stdlib`: the standard library's training files. `packages`: the sources of the pinned packages.
    `pairs`: code summarization, formed from the training files of both.
    """
    tokenizer = load_tokenizer()
    end = tokenizer.token_to_id(END)
    stdlib, stdlib_report = select_unseen(stdlib_files("train"))
    packages, package_report = select_unseen(package_files(packages_of_lock_file(lock_file)))
    streams, pairs = {}, []
    for name, paths in (("stdlib", stdlib), ("packages", packages)):
        texts = [read_text(path) for path in paths]
        streams[name] = join_tokens([encoded.ids for encoded in tokenizer.encode_batch(texts)], end)
        for text in texts:
            pairs += summarization_pairs(text)
    encoded = (encode_pair(tokenizer, *pair) for pair in sorted(set(pairs)))
    short = [prompt + answer[:-1] for prompt, answer in encoded if len(prompt) + len(answer) <= longest_pair]
    np.random.default_rng(0).shuffle(short)
    streams["pairs"] = join_tokens(short, end)
    report = {"stdlib": stdlib_report, "packages": package_report, "pairs": {"kept": len(short)}}
    return streams, report | {"tokens": {name: len(stream) for name, stream in streams.items()}}


class Mixture:
    """Training batches from several token streams, a function of (seed, step) alone, so that a run can be resumed.

    Each batch takes a fixed number of rows from each stream. A stream is read in shuffled windows; every pass over
    it starts at another offset, so that the windows differ between passes.

        mixture = Mixture(streams, {"stdlib": 14, "packages": 16, "pairs": 2}, length=256)
        mixture.batch(0)                                    # int64 [32, 256]
    """

    def __init__(self, streams: dict[str, np.ndarray], rows: dict[str, int], length: int = 256, seed: int = 0):
        for name in rows:
            if len(streams[name]) < 2 * length:
                raise ValueError(f"stream {name!r} has {len(streams[name])} tokens, at least {2 * length} are needed")
        self.streams, self.rows, self.length, self.seed = streams, rows, length, seed

    def windows(self, name: str, first: int, count: int) -> list[np.ndarray]:
        """Windows number `first` .. `first + count - 1` of a stream's endless shuffled reading."""
        stream, length = self.streams[name], self.length
        per_pass = len(stream) // length - 1
        chosen = []
        for number in range(first, first + count):
            offset, order = self._pass(name, number // per_pass)
            start = offset + int(order[number % per_pass]) * length
            chosen.append(stream[start : start + length])
        return chosen

    @cache  # noqa: B019  (two or three passes of two or three streams: small, and lives as long as the process)
    def _pass(self, name: str, number: int) -> tuple[int, np.ndarray]:
        generator = np.random.default_rng([self.seed, number, *name.encode()])
        return int(generator.integers(self.length)), generator.permutation(len(self.streams[name]) // self.length - 1)

    def batch(self, step: int) -> torch.Tensor:
        """Rows of all streams for one step: int64 [sum of rows, length]."""
        rows = [window for name, count in self.rows.items() for window in self.windows(name, step * count, count)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))  # [rows, length]
