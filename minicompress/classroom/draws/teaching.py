"""Draws for the part of chapter 3 in which a teacher and a student are models."""

import copy
import importlib
from random import Random

import torch
from torch import nn

from minicompress.classroom.draws import heads, models

# ------------------------------------------------------------ 3.3


def teacher_and_layers(rng: Random) -> tuple:
    """The teacher may be frozen, and the layers come in any order."""
    teacher = heads.transformer(rng).requires_grad_(rng.random() < 0.5)
    depth = teacher.config.num_hidden_layers
    return teacher, rng.sample(range(depth), rng.randint(1, depth))


def bad_layers(rng: Random) -> list[tuple]:
    teacher = heads.transformer(rng)
    depth = teacher.config.num_hidden_layers
    return [(teacher, keep) for keep in ([], [0, 0], [depth], [-1])]


def answer_of_student(student: nn.Module, teacher: nn.Module, _: list[int]) -> tuple:
    """The student, what it shares with the teacher, and the teacher."""
    places, theirs = (
        {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        for model in (student, teacher)
    )
    learn = [all(parameter.requires_grad for parameter in model.parameters()) for model in (student, teacher)]
    depths = [models.blocks_and_depth(model) for model in (student, teacher)]
    return len(places & theirs), learn, depths, dict(student.state_dict()), dict(teacher.state_dict())


# ------------------------------------------------------------ 3.4


def two_models(rng: Random, vocabulary: int) -> tuple[nn.Module, nn.Module]:
    """(student, teacher): the student has no dropout, whose random numbers nobody could compare."""
    kind = rng.choice((models.llama, models.gpt2))
    student = models.gpt2(rng, vocabulary, 0.0) if kind is models.gpt2 else models.llama(rng, vocabulary)
    return models.in_any_modes(rng, student), models.any_model(rng, vocabulary)


def descent(rng: Random, student: nn.Module) -> torch.optim.Optimizer:
    """Plain steps: one that divides by the size of a gradient would make rounding large."""
    return torch.optim.SGD(student.parameters(), 0.01 + 0.1 * rng.random(), rng.choice((0.0, 0.9)))


def lessons(rng: Random) -> tuple:
    vocabulary = rng.randint(5, 13)
    student, teacher = two_models(rng, vocabulary)
    texts = models.batches(rng, vocabulary)
    return student, teacher, texts, descent(rng, student), 0.5 + 3 * rng.random(), rng.random()


def bad_lessons(rng: Random) -> list[tuple]:
    student, teacher, texts, optimizer, *_ = lessons(rng)
    stranger = models.any_model(rng, student.config.vocab_size + 1)
    return [(student, teacher, [], optimizer), (student, stranger, texts, optimizer)]


def answer_of_lessons(losses: list, student: nn.Module, teacher: nn.Module, *_: object) -> tuple:
    states = dict(student.state_dict()), dict(teacher.state_dict())
    return [models.rounded(loss) for loss in losses], states, models.modes(student), models.modes(teacher)


# ------------------------------------------------------------ 3.5 and 3.7


def writer(rng: Random, vocabulary: int) -> nn.Module:
    """A model with no, one or two end marks."""
    model = models.any_model(rng, vocabulary)
    marks = rng.sample(range(vocabulary), 2)
    model.generation_config.eos_token_id = rng.choice((None, marks[0], marks))
    return model


def prompts(rng: Random, vocabulary: int) -> dict[str, torch.Tensor]:
    """Shorter prompts are padded on the left."""
    rows, length = rng.randint(1, 4), rng.randint(1, 5)
    batch = {"input_ids": models.token_rows(vocabulary, rows, length)}
    if rng.random() < 0.7:
        mask = torch.ones(rows, length, dtype=torch.int64)
        for row in mask:
            row[: rng.randrange(length)] = 0
        batch["attention_mask"] = mask
    return batch


def writes_clearly(teacher: nn.Module, batches: list[dict], count: int) -> bool:
    """Whether the likeliest token of each answer is so by far."""
    chapter = importlib.import_module("minicompress.distillation")
    teacher = copy.deepcopy(teacher).eval()
    for batch in batches:
        written = chapter.on_the_fly_batch(teacher, batch, count)
        inputs = {name: written[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            logits = teacher(**inputs).logits[:, :-1]  # [B, L-1, V]
        if not models.clear(logits[written["labels"][:, 1:] != -100]):
            return False
    return True


def prompts_to_continue(rng: Random) -> tuple:
    def draw() -> tuple:
        vocabulary = rng.randint(4, 9)
        return writer(rng, vocabulary), prompts(rng, vocabulary), rng.randint(1, 5)

    return models.until(draw, lambda teacher, batch, count: writes_clearly(teacher, [batch], count))


def bad_prompts(rng: Random) -> list[tuple]:
    teacher, batch, count = prompts_to_continue(rng)
    ids = batch["input_ids"]
    padded = torch.ones(len(ids), ids.shape[1] + 1, dtype=torch.int64)
    padded[:, -1] = 0
    on_the_right = {"input_ids": torch.cat([ids, ids[:, :1]], 1), "attention_mask": padded}
    wrong = [(teacher, wrong, count) for wrong in (on_the_right, {"input_ids": ids[:, :0]})]
    return [*wrong, (teacher, batch, -rng.randint(0, 3)), (teacher, batch, count, -0.1 - rng.random())]


def answer_of_writing(result: dict, teacher: nn.Module, *_: object) -> tuple:
    """All three, as far as there is text: what stands in the padding, and how wide it is, is anybody's."""
    real = result["attention_mask"] != 0
    wide = int(real.sum(1).amax())
    found = {name: tensor.masked_fill(~real, -100)[:, :wide] for name, tensor in result.items()}
    behind = bool(real[:, wide:].any()), bool((result["labels"][~real] == -100).all())
    return found, behind, models.modes(teacher)


def task(rng: Random) -> tuple:
    def draw() -> tuple:
        vocabulary = rng.randint(4, 9)
        student = two_models(rng, vocabulary)[0]
        batches = [prompts(rng, vocabulary) for _ in range(rng.randint(1, 3))]
        rest = descent(rng, student), rng.randint(1, 4), 0.5 + 3 * rng.random()
        return student, writer(rng, vocabulary), batches, *rest

    def clearly(_: nn.Module, teacher: nn.Module, batches: list, __: object, count: int, ___: float) -> bool:
        return writes_clearly(teacher, batches, count)

    return models.until(draw, clearly)


def bad_tasks(rng: Random) -> list[tuple]:
    student, teacher, batches, optimizer, *_ = task(rng)
    stranger = models.any_model(rng, student.config.vocab_size + 1)
    return [(student, teacher, [], optimizer, 2), (student, stranger, batches, optimizer, 2)]
