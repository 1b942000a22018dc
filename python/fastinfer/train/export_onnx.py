"""Small PyTorch networks as ONNX models, written layer by layer with the onnx package.

Batch normalisation stays a node of its own (the engine folds it at load), and the batch dimension is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

_OPSET = 17
_IR_VERSION = 8


class Residual(nn.Module):
    """y = x + body(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.body(x)
        return y


class _Writer:
    """Collects nodes and weights; each layer takes the name of its input and returns that of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, tensor: torch.Tensor) -> str:
        self.weights.append(numpy_helper.from_array(tensor.detach().cpu().numpy(), name))
        return name

    def node(self, op: str, key: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{op.lower()}_{key}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def layer(self, layer: nn.Module, name: str, x: str) -> str:
        for kind, write in _LAYERS:
            if isinstance(layer, kind):
                return write(self, layer, name, x)
        raise TypeError(f"no ONNX form of {type(layer).__name__}")

    def layers(self, layers: Iterable[tuple[str, nn.Module]], prefix: str, x: str) -> str:
        for key, layer in layers:
            x = self.layer(layer, f"{prefix}{key}", x)
        return x


def _conv(writer: _Writer, layer: nn.Conv2d, name: str, x: str) -> str:
    assert isinstance(layer.padding, tuple)
    inputs = [x, writer.weight(f"{name}.weight", layer.weight)]
    if layer.bias is not None:
        inputs.append(writer.weight(f"{name}.bias", layer.bias))
    return writer.node(
        "Conv",
        name,
        inputs,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        pads=[*layer.padding, *layer.padding],
        group=layer.groups,
    )


def _batch_norm(writer: _Writer, layer: nn.BatchNorm2d, name: str, x: str) -> str:
    assert layer.running_mean is not None
    assert layer.running_var is not None
    parts = {"scale": layer.weight, "bias": layer.bias, "mean": layer.running_mean, "var": layer.running_var}
    inputs = [x, *(writer.weight(f"{name}.{key}", tensor) for key, tensor in parts.items())]
    return writer.node("BatchNormalization", name, inputs, epsilon=layer.eps)


def _linear(writer: _Writer, layer: nn.Linear, name: str, x: str) -> str:
    inputs = [x, writer.weight(f"{name}.weight", layer.weight), writer.weight(f"{name}.bias", layer.bias)]
    return writer.node("Gemm", name, inputs, transB=1)


def _residual(writer: _Writer, layer: Residual, name: str, x: str) -> str:
    y = writer.layers(layer.body.named_children(), f"{name}.", x)
    return writer.node("Add", name, [x, y])


def _simple(op: str, **attributes: Any) -> Callable[[_Writer, nn.Module, str, str], str]:
    return lambda writer, layer, name, x: writer.node(op, name, [x], **attributes)


_LAYERS: list[tuple[type[nn.Module], Callable[[_Writer, Any, str, str], str]]] = [
    (nn.Conv2d, _conv),
    (nn.BatchNorm2d, _batch_norm),
    (nn.Linear, _linear),
    (Residual, _residual),
    (nn.Sequential, lambda writer, layer, name, x: writer.layers(layer.named_children(), f"{name}.", x)),
    (nn.ReLU, _simple("Relu")),
    (nn.AdaptiveAvgPool2d, _simple("GlobalAveragePool")),
    (nn.Flatten, _simple("Flatten", axis=1)),
    (nn.Softmax, _simple("Softmax", axis=1)),
]


def export(
    net: nn.Sequential, shape: tuple[int, ...], classes: int, name: str, metadata: dict[str, str]
) -> onnx.ModelProto:
    """The model of `net`, which takes "image" (batch, *shape) and gives "probabilities" (batch, classes), all f32.

    Adaptive pooling must be to 1x1. Raises TypeError for a layer that has no form here.
    """
    writer = _Writer()
    last = writer.layers(net.named_children(), "", "image")
    writer.nodes[-1].output[0] = "probabilities"
    assert last == writer.nodes[-1].name
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", classes])],
        writer.weights,
    )
    model = helper.make_model(
        graph, producer_name="fastinfer", opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model
