"""Random networks against onnxruntime: what neighbours do to one another in passes and lowering."""

from __future__ import annotations

import numpy as np
import pytest

import fastinfer
from models.random_nets import RandomNet

onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = 1e-4  # of the largest element of an output


@pytest.mark.parametrize("seed", range(120))
def test_random_network(seed: int) -> None:
    proto, x = RandomNet(seed).model()
    content = proto.SerializeToString()
    expected = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    model = fastinfer.load(content, threads=1)
    found = model(x)
    results = list(found.values()) if isinstance(found, dict) else [found]
    for info, result, wanted in zip(model.outputs, results, expected, strict=True):
        assert result.shape == wanted.shape
        assert np.abs(result - wanted).max() <= TOLERANCE * max(1, np.abs(wanted).max()), info.name
