"""What is compared: every task, who does it, and by which script in which environment."""

from typing import NamedTuple

from benchmarks.peers.environments import OWN


class Run(NamedTuple):
    """One tool at one task. script: `benchmarks.peers.<script>`; method: what the script calls it."""

    task: str
    tool: str
    environment: str
    script: str
    method: str

    def facts(self) -> dict:
        """What the rows of this run are found by."""
        return {"task": self.task, "tool": self.tool}


def ours(task: str, method: str, tool: str = "minicompress") -> Run:
    return Run(task, tool, OWN, "by_minicompress", method)


def theirs(task: str, environment: str, method: str, tool: str) -> Run:
    return Run(task, tool, environment, f"by_{environment}", method)


# Ours first in every task: the tools then take turns within each repeat.
COMPRESSING = (
    ours("Wanda, 50%", "wanda"),
    theirs("Wanda, 50%", "llmcompressor", "wanda", "llmcompressor"),
    ours("SparseGPT, 50%", "sparsegpt"),
    theirs("SparseGPT, 50%", "llmcompressor", "sparsegpt", "llmcompressor"),
    ours("SparseGPT, 2:4", "sparsegpt 2:4"),
    theirs("SparseGPT, 2:4", "llmcompressor", "sparsegpt 2:4", "llmcompressor"),
    theirs("SparseGPT, 2:4", "modelopt", "sparsegpt 2:4", "nvidia-modelopt"),
    ours("magnitude, 50%", "magnitude"),
    Run("magnitude, 50%", "torch.nn.utils.prune", OWN, "by_torch", "magnitude"),
    ours("magnitude, 2:4", "magnitude 2:4"),
    theirs("magnitude, 2:4", "modelopt", "magnitude 2:4", "nvidia-modelopt"),
    ours("8 bits, rows", "8 bits"),
    theirs("8 bits, rows", "torchao", "8 bits", "torchao"),
    theirs("8 bits, rows", "llmcompressor", "8 bits", "llmcompressor"),
    theirs("8 bits, rows", "modelopt", "8 bits", "nvidia-modelopt"),
    ours("4 bits, groups of 32", "4 bits"),
    theirs("4 bits, groups of 32", "torchao", "4 bits", "torchao"),
    theirs("4 bits, groups of 32", "llmcompressor", "gptq 4 bits", "llmcompressor, GPTQ"),
    theirs("4 bits, groups of 32", "modelopt", "awq 4 bits", "nvidia-modelopt, AWQ"),
    ours("a tenth of the neurons", "neurons by weights", "minicompress, by weights"),
    ours("a tenth of the neurons", "neurons by activations", "minicompress, by activations"),
    theirs("a tenth of the neurons", "torch_pruning", "neurons", "Torch-Pruning"),
)
DECODING = "tokens a second"
SPEED = tuple(
    Run(DECODING, f"minicompress, {method}", OWN, "speed", method)
    for method in ("dense fp32", "dense bf16", "int8 kernel", "int4 kernel")
) + (Run(DECODING, "llama.cpp, the GGUF file", "llama_cpp", "by_llama_cpp", "gguf"),)
