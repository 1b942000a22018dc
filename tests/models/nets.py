"""The published architectures of shared/nets, given seeded weights; photographs, prepared as the networks want them."""

from __future__ import annotations

import csv
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from assets import DATA, NETS, require
from effort import EMULATED

Floats = npt.NDArray[np.float32]

NAMES = [
    "alexnet", "efficientnet_lite0", "ghostnet", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "resnet18",
    "resnet50", "resnext50", "shufflenet_v1_g3", "shufflenet_v2_x1_0", "squeezenet1_0", "squeezenet1_1", "vgg16",
    "xception",
]  # fmt: skip


@functools.cache
def _materializer() -> ModuleType:
    path = require(NETS / "materialize.py")
    spec = importlib.util.spec_from_file_location("materialize", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def materialize(name: str, folder: Path) -> Path:
    """The network as an ordinary ONNX file in the folder."""
    require(NETS / f"{name}.onnx")
    path: Any = _materializer().materialize(name, folder)
    return Path(path)


def photographs(count: int = 200) -> tuple[list[Path], list[int]]:
    """The first files of the 200, and their class indices."""
    if count > 4 and EMULATED:
        pytest.skip("that many photographs take too long on an emulated processor")
    folder = require(DATA / "imagenet_200")
    with open(folder / "labels.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:count]
    return [folder / row["file"] for row in rows], [int(row["class_index"]) for row in rows]


def _crop(image: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def for_efficientnet(path: Path) -> Floats:
    """(3, 224, 224) RGB: bicubic resize of the short side to 256, centre crop, (x - 127) / 128."""
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    return ((_crop(image, 224).astype(np.float32) - 127) / 128).transpose(2, 0, 1)


def for_squeezenet(path: Path) -> Floats:
    """(3, 227, 227) BGR: bilinear resize to 256 x 256 ignoring the aspect, centre crop, less the mean colour."""
    image = Image.open(path).convert("RGB").resize((256, 256), Image.Resampling.BILINEAR)
    bgr = _crop(image, 227)[..., ::-1].astype(np.float32)
    return (bgr - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1)


def right(scores: Floats, labels: list[int], best: int) -> int:
    """How many labels are among the `best` highest scores."""
    ranked = np.argsort(-scores, axis=1)[:, :best]
    return sum(label in row for label, row in zip(labels, ranked, strict=True))


def load_all(paths: list[Path], prepare: Callable[[Path], Floats]) -> Floats:
    return np.stack([prepare(path) for path in paths])
