"""What each script `by_TOOL.py` does in its own process and environment: compress SmolLM2 once, and say what
it took. Only torch, transformers, safetensors and the standard library are needed.

`python -m benchmarks.peers.by_TOOL METHOD FOLDER MODEL PASSES`: FOLDER holds tokens.safetensors with
`calibration`, int64 [sequences, length]; MODEL is the dense model's folder. Written into FOLDER: the weights
as dense matrices (weights.safetensors), and the model as the tool itself saves it (saved/). The last line of
the output is one JSON object.
"""

import shutil
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.oracle_answer import answer, one_line
from benchmarks.resident import forget_peak, resident

TINY = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 192, "vocab_size": 49152}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}


class Tool(NamedTuple):
    """How a tool is used.

    methods: name -> compress(model, tokens), which returns the compressed model. save: (model, folder), as
    its makers advise. dense: (model, folder) after that -> the weights that it computes with, fp32, names as
    in the dense model. packages: whose versions are reported.
    """

    methods: Mapping[str, Callable[[nn.Module, torch.Tensor], nn.Module]]
    save: Callable[[nn.Module, Path], object]
    dense: Callable[[nn.Module, Path], dict[str, torch.Tensor]]
    packages: tuple[str, ...]


def load(folder: Path) -> nn.Module:
    """The dense model in fp32."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def tiny(folder: Path, model: Path) -> nn.Module:
    """A random Llama for the rehearsal, on disk too, where some tools look for its configuration."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**TINY, max_position_embeddings=2048)).save_pretrained(folder)
    for file in model.glob("tokenizer*"):
        shutil.copy(file, folder)
    return load(folder)


@torch.no_grad()
def one_pass(model: nn.Module, tokens: torch.Tensor) -> None:
    """All tokens through the blocks, one sequence at a time, without the head: the yardstick of the times."""
    for sequence in tokens:
        model.model(input_ids=sequence[None], use_cache=False)


def passes(model: nn.Module, tokens: torch.Tensor, count: int) -> list[dict]:
    """Seconds of `count` forward passes, after a short one that is not counted."""
    one_pass(model, tokens[:1])
    return [timed(lambda: one_pass(model, tokens))[1] for _ in range(count)]


def timed(call: Callable[[], object]) -> tuple[object, dict]:
    """What a call returns, and its seconds by the clock and of CPU time, all threads together."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def plain_weights(model: nn.Module, folder: Path | None = None) -> dict[str, torch.Tensor]:
    """Every parameter in fp32, a tied head left out."""
    weights = {name: value.detach().float().contiguous() for name, value in model.named_parameters()}
    return {name: value for name, value in weights.items() if not name.startswith("lm_head")}


def save_half(model: nn.Module, folder: Path) -> None:
    """As transformers saves a model, in fp16: zeros take as much room as other numbers."""
    model.tie_weights()  # some tools leave the head a matrix of its own, equal to the embedding
    model.half().save_pretrained(folder)


def saved_bytes(folder: Path) -> int:
    """Bytes of the files with weights in them."""
    kinds = (".safetensors", ".bin", ".pt", ".pth")
    return sum(file.stat().st_size for file in folder.rglob("*") if file.suffix in kinds)


def measured(tool: Tool, method: str, folder: Path, model_folder: Path, count: int) -> dict:
    """Compress after a rehearsal on a tiny model: importing and paging in the libraries is not counted."""
    compress = tool.methods[method]
    tokens = load_file(folder / "tokens.safetensors")["calibration"]
    compress(tiny(folder / "tiny", model_folder), tokens[:, :32].contiguous())
    yardstick, model = load(model_folder), load(model_folder)
    before = passes(yardstick, tokens, count)
    forget_peak()
    held = resident("VmRSS")
    model, seconds = timed(lambda: compress(model, tokens))
    extra = resident("VmHWM") - held
    after = passes(yardstick, tokens, count)
    result = {"seconds": seconds, "passes": before + after, "extra_bytes": extra}
    result |= saved(tool, model, folder / "saved")
    save_file(tool.dense(model, folder / "saved"), folder / "weights.safetensors")
    return result | {"threads": torch.get_num_threads()}


def saved(tool: Tool, model: nn.Module, folder: Path) -> dict:
    """Save the model as the tool does; its bytes, or why there is no file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        tool.save(model, folder)
        return {"file_bytes": saved_bytes(folder)}
    except Exception as error:
        return {"file_bytes": None, "not_saved": one_line(error)}


def main(tool: Tool) -> None:
    """The command of every script; an error is an answer, too."""
    method, folder, model, count = sys.argv[1:]
    try:
        result = measured(tool, method, Path(folder), Path(model), int(count))
    except Exception as error:
        traceback.print_exc()
        result = {"error": one_line(error)}
    answer(result, "torch", "transformers", *tool.packages)
