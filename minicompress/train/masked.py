"""What a BERT, and a DistilBERT, begin with and learn from: holes in the token streams."""

import torch
import torch.nn.functional as F
from transformers import BertForMaskedLM, DistilBertForMaskedLM

from minicompress.lab import bert
from minicompress.lab.corpus import load_tokens
from minicompress.lab.mixture import Mixture
from minicompress.train.lessons import Lessons
from minicompress.train.loop import Examine, LossOf
from minicompress.train.processes import my_share
from minicompress.train.recipes import RECIPES
from minicompress.train.shapes import renewed
from minicompress.train.streams import cached_streams, describe

BERT_ROWS = {"stdlib": 10, "packages": 6}  # rows of each stream in a batch
BERT_LENGTH = 128  # tokens a row
OTHER_MASKS = 10**6  # the seeds of a DistilBERT's holes, far from those of its teacher's


def masked_examination(per_file: int = 4) -> Examine:
    """Score a masked language model on so many sequences of each validation file."""
    tokens, _ = load_tokens("validation", BERT_LENGTH, per_file)
    return lambda model: bert.masked_score(model, tokens)


def new_teacher(embeddings: torch.Tensor) -> BertForMaskedLM:
    """A BERT whose word embeddings start from a causal model's, and whose first heads look at neighbours."""
    model = bert.new_bert()
    bert.borrow_embeddings(model, embeddings)
    bert.look_at_neighbours(model)
    return model


def from_holes(steps: int) -> Lessons:
    """Masked language modelling.

    30% of the tokens are masked at first, 15% at the end: early on, many predictions teach more than much
    context (Yang et al. 2022, arXiv 2208.10806, also let the share fall).
    """
    mixture = Mixture(cached_streams(), BERT_ROWS, BERT_LENGTH)

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        tokens, share = my_share(mixture.batch(step)), 0.3 - 0.15 * step / steps
        inputs, labels = bert.mask_tokens(tokens, step, share)
        logits = model(input_ids=inputs).logits.float()  # [B, T, V]
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())  # [B*T, V]; -100 is left out

    return lessons_of(mixture, loss_of)


def new_student(teacher: BertForMaskedLM, start: str) -> DistilBertForMaskedLM:
    """A DistilBERT of half the teacher's layers: its layers 0, 2, 4, ...; new ones if start is "random"."""
    student = bert.distilbert_from_bert(teacher, range(0, teacher.config.num_hidden_layers, 2))
    return renewed(student) if start == "random" else student


def from_bert(teacher: BertForMaskedLM, recipe: str) -> Lessons:
    """DistilBERT's loss, by one of RECIPES; with labels alone the teacher is not asked."""
    from minicompress.distillation import distilbert_loss

    mixture = Mixture(cached_streams(), BERT_ROWS, BERT_LENGTH, seed=1)

    def loss_of(model: torch.nn.Module, step: int) -> torch.Tensor:
        inputs, labels = bert.mask_tokens(my_share(mixture.batch(step)), OTHER_MASKS + step)
        ours, theirs = model(input_ids=inputs, output_hidden_states=True), None
        if recipe != "labels":
            with torch.no_grad():
                theirs = teacher(input_ids=inputs, output_hidden_states=True)
        return distilbert_loss(ours, theirs, labels, torch.ones_like(inputs), weights=RECIPES[recipe])

    return lessons_of(mixture, loss_of)


def lessons_of(mixture: Mixture, loss_of: LossOf) -> Lessons:
    tokens_an_update = sum(mixture.rows.values()) * mixture.length
    return Lessons(loss_of, masked_examination(), tokens_an_update, describe(mixture))
