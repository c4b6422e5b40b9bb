"""A small real task for convolutions: the 1,797 handwritten digits (8 x 8) that come with scikit-learn, and a
CNN trained in seconds.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from minicompress.lab.loops import evaluation_mode

HELD_OUT = 450


def digits(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(images, labels) to learn from and (images, labels) held out: fp32 [N, 1, 8, 8] in 0..1, int64 [N]."""
    from sklearn.datasets import load_digits  # here: it takes a second to import

    data = load_digits()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(data.target)))
    images = torch.from_numpy(data.images).float()[order, None] / 16  # [N, 1, 8, 8]
    labels = torch.from_numpy(data.target).long()[order]
    return images[HELD_OUT:], labels[HELD_OUT:], images[:HELD_OUT], labels[:HELD_OUT]


def digits_cnn(channels: tuple[int, int] = (32, 64)) -> nn.Sequential:
    """(conv, bn, relu) twice -> pool -> flatten -> linear, for 8 x 8 images and 10 classes."""
    first, second = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1), nn.BatchNorm2d(second), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(second * 4 * 4, 10),
    )  # fmt: skip


def train_cnn(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epochs: int = 12,
    rate: float = 3e-3,
    seed: int = 0,
) -> nn.Module:
    """Train in place with AdamW, the rate falling linearly to zero; return the model in eval mode."""
    generator = np.random.default_rng(seed)
    steps = epochs * (len(images) // 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    model.train()
    for step in range(steps):
        rows = torch.from_numpy(generator.integers(len(images), size=64))
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    return model.eval()


def cnn_accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of the images that get their label."""
    with evaluation_mode(model):
        return (model(images).argmax(1) == labels).float().mean().item()
