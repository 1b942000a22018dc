"""The training of the demonstration's network, in miniature; needs PyTorch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from rich.progress import Progress

torch = pytest.importorskip("torch", reason="PyTorch (the train extra) is not installed")

from fastinfer.train import demo  # noqa: E402
from fastinfer.train.export_onnx import export  # noqa: E402


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def test_the_exported_model_computes_what_the_network_does(tmp_path: Path) -> None:
    net = demo.make_net()
    x = torch.rand(16, 1, 28, 28)
    net(x)  # running means and variances of their own
    net.eval()
    model = export(torch.nn.Sequential(*net, torch.nn.Softmax(1)), (1, 28, 28), 10, "digits", {"key": "value"})
    assert [(p.key, p.value) for p in model.metadata_props] == [("key", "value")]
    assert sum(node.op_type == "BatchNormalization" for node in model.graph.node) == 12
    path = tmp_path / "digits.onnx"
    onnx.save(model, str(path))
    (actual,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(
        None, {"image": x.numpy()}
    )
    with torch.no_grad():
        expected = torch.softmax(net(x), 1).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_a_layer_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError, match="GELU"):
        export(torch.nn.Sequential(torch.nn.GELU()), (1, 4, 4), 1, "no", {})


def test_augmented_digits_stay_pictures() -> None:
    x = torch.zeros(64, 1, 28, 28)
    x[:, :, 6:22, 12:16] = 1
    y = demo.augment(x, torch.Generator().manual_seed(1))
    assert y.shape == x.shape
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1 + 1e-6
    mass = y.sum((1, 2, 3)) / x.sum((1, 2, 3))
    assert float(mass.min()) > 0.3
    assert float(mass.max()) < 3
    assert len({round(float(m), 3) for m in mass}) > 32  # no two hands alike


def test_training_learns() -> None:
    """Two easy classes in a few steps: the loss falls well below chance."""
    labels = torch.arange(1024) % 2
    images = torch.zeros(1024, 1, 28, 28, dtype=torch.uint8)
    images[labels == 0, :, 4:24, 12:16] = 255
    images[labels == 1, :, 12:16, 4:24] = 255
    digits = demo.Digits(images, labels)
    net = demo.make_net()
    with Progress(disable=True) as progress:
        demo.train(net, digits, 2, torch.Generator().manual_seed(0), progress)
    net.train()
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(net(images[:64].float() / 255), labels[:64])
    assert float(loss) < math.log(2)
