"""Trains the network that `fastinfer demo` runs: handwritten digits, from MNIST.

    python -m fastinfer.train.demo [--output digits.onnx] [--epochs 12] [--seed 0] [--threads 1]

Reads mnist.npz from the folder FASTINFER_ASSETS (default ../shared/data beside the project). Prints the accuracy on
the 10,000 test images, which chose nothing in the training, and writes it into the model's metadata. The blocks are
those of MobileNet (Howard et al. 2017: depthwise separable; Sandler et al. 2018: inverted residual).
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import torch
import typer
from rich.progress import Progress
from torch import nn
from torch.nn import functional

from fastinfer.train.export_onnx import Residual, export

_DEFAULT_ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data"
_OUTPUT = Path(__file__).resolve().parents[1] / "demo" / "digits.onnx"
_BATCH = 128
_RATE = 4e-3  # of AdamW, at the top of the cycle


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution and batch normalisation."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(outputs)]


def separable(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    """Depthwise 3x3, then pointwise."""
    return [*conv(inputs, inputs, 3, stride, inputs), nn.ReLU(), *conv(inputs, outputs, 1), nn.ReLU()]


def inverted_residual(channels: int, expansion: int) -> Residual:
    """Pointwise up, depthwise 3x3, pointwise down, added to the input."""
    wide = channels * expansion
    return Residual(
        *conv(channels, wide, 1), nn.ReLU(), *conv(wide, wide, 3, 1, wide), nn.ReLU(), *conv(wide, channels, 1)
    )


def make_net() -> nn.Sequential:
    """1x28x28 in [0, 1] (ink is bright) to 10 logits."""
    return nn.Sequential(
        *[*conv(1, 16, 5, 2), nn.ReLU()],  # 14x14
        *[*conv(16, 32, 3, 2), nn.ReLU()],  # 7x7
        *separable(32, 64),
        *[inverted_residual(64, 2), nn.ReLU()],
        *[*conv(64, 64, 3, 2), nn.ReLU()],  # 4x4
        *[inverted_residual(64, 2), nn.ReLU()],
        *[*conv(64, 96, 1), nn.ReLU()],
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)],
    )


@dataclass(frozen=True)
class Digits:
    """Images (n, 1, 28, 28) u8 and their labels (n)."""

    images: torch.Tensor
    labels: torch.Tensor


def load_mnist() -> tuple[Digits, Digits]:
    """The training and the test set."""
    path = Path(os.environ.get("FASTINFER_ASSETS") or _DEFAULT_ASSETS) / "mnist.npz"
    with np.load(path) as file:
        sets = [
            Digits(torch.from_numpy(file[f"x_{part}"])[:, None], torch.from_numpy(file[f"y_{part}"]).long())
            for part in ("train", "test")
        ]
    return sets[0], sets[1]


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Other hands: rotated, scaled, slanted and shifted a little; strokes thicker or thinner; fainter ink."""
    n = len(x)

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * limit

    thicker, thinner = functional.max_pool2d(x, 3, 1, 1), -functional.max_pool2d(-x, 3, 1, 1)
    weight = uniform(0.6)[:, None, None, None]
    x = torch.where(weight > 0, torch.lerp(x, thicker, weight), torch.lerp(x, thinner, -weight * 0.6))
    angle, slant = uniform(math.radians(12)), uniform(0.2)
    wide, high = 1 + uniform(0.15), 1 + uniform(0.15)
    cos, sin = angle.cos(), angle.sin()
    rows = [
        wide * cos,
        wide * (slant * cos - sin),
        uniform(0.12),
        high * sin,
        high * (slant * sin + cos),
        uniform(0.12),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1).reshape(n, 2, 3), list(x.shape), align_corners=False)
    x = functional.grid_sample(x, grid, align_corners=False)
    return x * (1 - uniform(0.15).abs())[:, None, None, None]


def accuracy(net: nn.Module, digits: Digits) -> float:
    """The share of right answers."""
    net.eval()
    right = 0
    with torch.no_grad():
        for images, labels in zip(digits.images.split(1000), digits.labels.split(1000), strict=True):
            right += int((net(images.float() / 255).argmax(1) == labels).sum())
    return right / len(digits.labels)


def train(net: nn.Module, digits: Digits, epochs: int, generator: torch.Generator, progress: Progress) -> None:
    """One cycle of AdamW with label smoothing."""
    batches = len(digits.labels) // _BATCH
    optimizer = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, epochs * batches, pct_start=0.2)
    task = progress.add_task("training", total=epochs * batches)
    net.train()
    for _ in range(epochs):
        for index in torch.randperm(len(digits.labels), generator=generator).split(_BATCH)[:batches]:
            x = augment(digits.images[index].float() / 255, generator)
            loss = functional.cross_entropy(
                net(x.contiguous(memory_format=torch.channels_last)), digits.labels[index], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            progress.update(task, advance=1, description=f"training, loss {loss.item():.3f}")


def main(
    output: Annotated[Path, typer.Option(help="the ONNX file to write")] = _OUTPUT,
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    seed: int = 0,
    threads: Annotated[int, typer.Option(min=1, help="of PyTorch")] = 1,
) -> None:
    """Train the demonstration's network, and write it as ONNX."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    training, test = load_mnist()
    net = make_net()
    start = time.monotonic()
    with Progress() as progress:
        train(net, training, epochs, generator, progress)
    seconds = time.monotonic() - start
    share = accuracy(net, test)
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{parameters} parameters, {epochs} epochs in {seconds:.0f} s: {share:.2%} of the MNIST test set right")
    metadata = {
        "test_accuracy": f"{share:.4f}",
        "test_set": "MNIST, 10000 images",
        "training_set": "MNIST, 60000 images, augmented",
        "epochs": str(epochs),
        "seed": str(seed),
        "parameters": str(parameters),
        "input": "f32 in [0, 1], ink bright on black, a digit in a 20x20 box centred by mass",
    }
    onnx.save(export(nn.Sequential(*net, nn.Softmax(1)), (1, 28, 28), 10, "digits", metadata), str(output))


if __name__ == "__main__":
    typer.run(main)
