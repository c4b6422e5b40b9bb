"""A BERT and its DistilBERT: masking tokens, building the two models, copying weights from one into the
other, scoring.

A masked language model reads a sequence in which some tokens are hidden and says which they were. The
vocabulary is the shipped tokenizer's, and one more token for what is hidden.
"""

from collections.abc import Sequence

import torch
from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

from minicompress.lab.loops import evaluation_mode

MASK = 2048  # the id after the tokenizer's last
SHAPE = dict(hidden_size=192, intermediate_size=768, num_hidden_layers=6, num_attention_heads=6)


def mask_tokens(tokens: torch.Tensor, seed: int, share: float = 0.15) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide tokens as BERT does (Devlin et al. 2019, arXiv 1810.04805, section 3.1); return input_ids and
    labels.

    Each token is chosen with probability `share`; of the chosen, 80% become MASK, 10% a random token, 10%
    stay. Labels are the original tokens where chosen, -100 elsewhere. Drawn on the CPU from `seed`, so the
    same on every device.
    tokens: int64 [B, T].
    """
    generator = torch.Generator().manual_seed(seed)
    draws, fates = (torch.rand(tokens.shape, generator=generator).to(tokens.device) for _ in range(2))
    others = torch.randint(MASK, tokens.shape, generator=generator).to(tokens.device)
    chosen = draws < share
    hidden = torch.where(fates < 0.8, MASK, torch.where(fates < 0.9, others, tokens))
    return torch.where(chosen, hidden, tokens), tokens.masked_fill(~chosen, -100)


def new_bert(shape: dict = SHAPE, seed: int = 0, length: int = 256) -> BertForMaskedLM:
    """A randomly initialised BERT for masked language modelling, fp32, tied embeddings, no dropout.

    The text is read once at most, so there is nothing to regularise.
    """
    torch.manual_seed(seed)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=MASK + 1,
            max_position_embeddings=length,
            type_vocab_size=2,
            pad_token_id=None,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **shape,
        )  # fmt: skip
    )


def borrow_embeddings(model: BertForMaskedLM, embeddings: torch.Tensor, spread: float = 0.06) -> None:
    """Start the word embeddings of a BERT, in place, from another model's [2048, width]: their main
    directions, as many as fit.

    With so little text this saves much of it: after 60 steps the loss is where it is after 160 without.
    """
    centred = embeddings.float() - embeddings.float().mean(0)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    main = left[:, : model.config.hidden_size] * values[: model.config.hidden_size]  # [2048, hidden]
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[: len(main)] = main * (spread / main.std())


def look_at_neighbours(
    model: torch.nn.Module, offsets: Sequence[int] = (-3, -2, -1, 1, 2, 3), gain: float = 1.6
) -> None:
    """Start the first layer of a BERT, in place, with every head reading one neighbour: head h the token at
    `offsets[h]`.

    Positions become sinusoids. A shift is a rotation of a sinusoid, so a query rotated by the offset matches
    best the key of the token that far away. Everything stays trainable. Without it a small BERT has to
    discover positions first, and with few tokens it does not: for hundreds of steps it gives every hole the
    same frequent tokens.
    """
    width, heads = model.config.hidden_size, model.config.num_attention_heads
    if len(offsets) != heads:
        raise ValueError(f"one offset a head is needed: {heads} heads, got {len(offsets)} offsets")
    embeddings, attention = model.bert.embeddings, model.bert.encoder.layer[0].attention.self
    frequency = torch.pi * (torch.arange(width // 2) + 0.5) / (width // 2)  # [width/2], radians a token
    angle = torch.arange(model.config.max_position_embeddings)[:, None] * frequency  # [positions, width/2]
    size = 2**0.5 * embeddings.word_embeddings.weight.std()  # positions as loud as words
    # Head h takes every heads-th frequency: [heads, pairs], and its rows of the query and key matrices in the
    # same order.
    pair = torch.arange(width // 2).reshape(-1, heads).T
    row = torch.arange(width).reshape(heads, -1, 2)  # [heads, pairs, (sine, cosine)]
    turn = frequency[pair] * torch.tensor(offsets)[:, None]  # [heads, pairs]
    query, key = torch.zeros(2, width, width)
    key[row, torch.stack([2 * pair, 2 * pair + 1], -1)] = gain
    # sin(x + t) = sin x cos t + cos x sin t;  cos(x + t) = cos x cos t - sin x sin t
    query[row[..., 0], 2 * pair], query[row[..., 0], 2 * pair + 1] = gain * turn.cos(), gain * turn.sin()
    query[row[..., 1], 2 * pair], query[row[..., 1], 2 * pair + 1] = -gain * turn.sin(), gain * turn.cos()
    with torch.no_grad():
        embeddings.position_embeddings.weight.copy_(
            size * torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        )  # [positions, width]
        attention.query.weight.copy_(query)
        attention.key.weight.copy_(key)


LAYER_NAMES = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
OTHER_NAMES = {
    "bert.embeddings.word_embeddings": "distilbert.embeddings.word_embeddings",
    "bert.embeddings.position_embeddings": "distilbert.embeddings.position_embeddings",
    "bert.embeddings.LayerNorm": "distilbert.embeddings.LayerNorm",
    "cls.predictions.transform.dense": "vocab_transform",
    "cls.predictions.transform.LayerNorm": "vocab_layer_norm",
    "cls.predictions.decoder": "vocab_projector",
}


def distilbert_from_bert(teacher: BertForMaskedLM, keep_layers: Sequence[int]) -> DistilBertForMaskedLM:
    """A DistilBERT that starts from the chosen layers of a BERT, and from its embeddings and masked-LM head.

    DistilBERT has no token-type embeddings. All our text is of type 0, so that one vector is added to the
    positions: with every layer kept the student computes what the teacher does. Nothing is shared with the
    teacher.
    Source: Sanh et al. 2019, arXiv 1910.01108, section 3.
    """
    config = teacher.config
    student = DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.max_position_embeddings,
            pad_token_id=None,
            dim=config.hidden_size,
            hidden_dim=config.intermediate_size,
            n_layers=len(keep_layers),
            n_heads=config.num_attention_heads,
            dropout=config.hidden_dropout_prob,
            attention_dropout=config.attention_probs_dropout_prob,
            activation=config.hidden_act,
        )  # fmt: skip
    )
    names = dict(OTHER_NAMES)
    for ours, theirs in enumerate(keep_layers):
        for old, new in LAYER_NAMES.items():
            names[f"bert.encoder.layer.{theirs}.{old}"] = f"distilbert.transformer.layer.{ours}.{new}"
    for old, new in names.items():
        student.get_submodule(new).load_state_dict(teacher.get_submodule(old).state_dict())
    with torch.no_grad():
        student.distilbert.embeddings.position_embeddings.weight += (
            teacher.bert.embeddings.token_type_embeddings.weight[0]
        )
    return student.to(next(teacher.parameters()).device)


def masked_score(model: torch.nn.Module, tokens: torch.Tensor, seed: int = 0, batch_size: int = 32) -> dict:
    """Mean loss (nats) and accuracy on the chosen tokens of one fixed masking; tokens int64 [sequences,
    length].
    """
    inputs, labels = mask_tokens(tokens, seed)
    loss, hits, device = 0.0, 0, next(model.parameters()).device
    with evaluation_mode(model):
        for rows, answers in zip(
            inputs.to(device).split(batch_size), labels.to(device).split(batch_size), strict=True
        ):
            chosen = answers != -100
            logits = model(input_ids=rows).logits[chosen].float()  # [N, V]
            loss += torch.nn.functional.cross_entropy(logits, answers[chosen], reduction="sum").item()
            hits += (logits.argmax(-1) == answers[chosen]).sum().item()
    count = int((labels != -100).sum())
    return {"masked_loss": loss / count, "masked_accuracy": hits / count, "masked_tokens": count}
