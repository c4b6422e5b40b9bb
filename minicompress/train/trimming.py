"""A teacher's vocabulary, trimmed to the tokens of a text: the tokenizer and the model that fit it.

A small student cannot afford the embeddings of 49,152 tokens, most of which Python code never uses. New ids
are the places of the kept tokens in `kept`, so `kept[ids]` are the teacher's ids of the same tokens.
"""

import json

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from minicompress.lab.corpus import END

MOST = 2**16  # token streams are uint16


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """ValueError: not a byte-level BPE that closes documents with `END`; no other can be trimmed here."""
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = tokenizer.get_vocab()
    if not isinstance(tokenizer.model, models.BPE) or len(alphabet & vocabulary.keys()) < 200:
        kind = type(tokenizer.model).__name__
        raise ValueError(f"only a byte-level BPE tokenizer can be trimmed, not this {kind}")
    if END not in vocabulary:
        raise ValueError(f"the tokenizer has no {END}, which must stand between two documents")


def kept_tokens(tokenizer: Tokenizer, counts: np.ndarray, least: int) -> np.ndarray:
    """The ids to keep, int64 [V], ascending: what occurs `least` times, all single bytes, all special tokens,
    and the parts of which these are merged.

    A token whose parts are missing could never be reached again. counts: int64 [ids], how often each id
    occurs in the training text. ValueError: more than `MOST` tokens are left.
    """
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    parts = {first + second: (first, second) for first, second in state["model"]["merges"]}
    chosen = {token for token, index in vocabulary.items() if counts[index] >= least}
    chosen |= vocabulary.keys() & set(pre_tokenizers.ByteLevel.alphabet())
    waiting = list(chosen)
    while waiting:
        new = set(parts.get(waiting.pop(), ())) - chosen
        chosen |= new
        waiting += new
    special = {token["id"] for token in state["added_tokens"]}
    kept = np.array(sorted(special | {vocabulary[token] for token in chosen}))
    if len(kept) > MOST:
        raise ValueError(f"{len(kept)} tokens occur {least} times, at most {MOST} can be kept: count higher")
    return kept


def trimmed_tokenizer(tokenizer: Tokenizer, kept: np.ndarray) -> Tokenizer:
    """The tokenizer of the kept tokens alone, under their new ids; it adds no marks of its own.

    A merge stays only where both parts and the result do. A word whose tokens are all kept is split as
    before (the merges that made it are kept, and merges that never won are no loss), any other word into
    more tokens. It can encode every text that the old tokenizer can.
    kept: int64 [V], from `kept_tokens`.
    """
    state = json.loads(tokenizer.to_str())
    new = {int(old): index for index, old in enumerate(kept)}
    vocabulary = {token: new[old] for token, old in state["model"]["vocab"].items() if old in new}
    merges = [
        [first, second]
        for first, second in state["model"]["merges"]
        if {first, second, first + second} <= vocabulary.keys()
    ]
    added = [token | {"id": new[token["id"]]} for token in state["added_tokens"]]
    state |= {"added_tokens": added, "post_processor": None, "truncation": None, "padding": None}
    state["model"] |= {"vocab": vocabulary, "merges": merges}
    return Tokenizer.from_str(json.dumps(state))


def trim_model(model: nn.Module, kept: np.ndarray, end: int) -> nn.Module:
    """Leave a causal LM only the rows of the kept tokens in its embedding and head, in place; return it.

    It then reads and predicts new ids. Its logits are those of the whole model at the kept ids, so a softmax
    over them is the whole one, renormalised over the kept tokens. A tied head stays tied.
    kept: int64 [V]; end: the new id of the token between documents. ValueError: an id beyond the embedding.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if kept[-1] >= len(embedding.weight):
        raise ValueError(f"token {kept[-1]} has no row in this embedding of {len(embedding.weight)} rows")
    rows, tied = torch.from_numpy(kept), head.weight is embedding.weight
    embedding.weight = nn.Parameter(embedding.weight.detach()[rows])  # [V, width]
    head.weight = embedding.weight if tied else nn.Parameter(head.weight.detach()[rows])  # [V, width]
    if head.bias is not None:
        head.bias = nn.Parameter(head.bias.detach()[rows])  # [V]
    embedding.num_embeddings = head.out_features = model.config.vocab_size = len(kept)
    embedding.padding_idx = None
    for config in (model.config, model.generation_config):
        config.bos_token_id = config.eos_token_id = end
        config.pad_token_id = None
    return model
