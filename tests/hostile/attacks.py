"""A folder of attack files, made on the spot: each with the error that it must get and a part of the reason."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from fastinfer import errors
from hostile.mutate import varint
from hostile.small_models import classifier


@dataclass
class Attack:
    name: str
    error: type[errors.FastinferError]
    reason: str
    make: Callable[[Path], bytes]  # may put other files beside the model, in the folder


ATTACKS: list[Attack] = []


def attack(
    error: type[errors.FastinferError], reason: str
) -> Callable[[Callable[[Path], bytes]], Callable[[Path], bytes]]:
    def register(make: Callable[[Path], bytes]) -> Callable[[Path], bytes]:
        ATTACKS.append(Attack(make.__name__, error, reason, make))
        return make

    return register


def plain(name: str, error: type[errors.FastinferError], reason: str, make: Callable[[], bytes]) -> None:
    ATTACKS.append(Attack(name, error, reason, lambda folder: make()))


def length(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def single(op: str, inputs: int = 1, weights: dict[str, Any] | None = None, **attributes: Any) -> bytes:
    """A model of one node over x (1, 4, 8, 8) and the weights."""
    weights = weights or {}
    node = helper.make_node(op, ["x"] * inputs + list(weights), ["y"], "attacker", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()


def initializer(**fields: Any) -> bytes:
    """The classifier with one more, hostile tensor."""
    made = classifier()
    made.graph.initializer.append(TensorProto(name="evil", **fields))
    return made.SerializeToString()


def _zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("weights", "0" * 100)
    return data.getvalue()


# Not ONNX at all

NOT_ONNX = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200),
    "html": b"<!DOCTYPE html><html><body>404: not found</body></html>",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "json": b'{"version": 1, "weights": [1, 2, 3]}',
    "zip": _zip(),
    "pickle": pickle.dumps({"state_dict": list(range(100))}),
    "numpy": b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "noise": np.random.default_rng(5).bytes(4096),
    "text": "Weights are in the other file.\n".encode("utf-16"),
}
for _name, _bytes in NOT_ONNX.items():
    plain(f"not_onnx_{_name}", errors.FileFormatError, "not an ONNX model", lambda data=_bytes: data)  # type: ignore[misc]

plain("empty", errors.TruncatedFileError, "the file is empty", lambda: b"")
plain("only_version", errors.FileFormatError, "no graph", lambda: b"\x08\x08")
plain("endless_varint", errors.FileFormatError, "64 bits", lambda: b"\x08\x08" + b"\x80" * 10000)
plain("length_2_64", errors.TruncatedFileError, "ends inside", lambda: b"\x08\x08\x3a" + b"\xff" * 9 + b"\x01")


@attack(errors.TruncatedFileError, "ends inside")
def half_a_file(folder: Path) -> bytes:
    data = classifier().SerializeToString()
    return data[: len(data) // 2]


@attack(errors.UnsupportedOperatorError, "If")
def nested_graphs(folder: Path) -> bytes:
    """Graph in node in graph, 20000 deep: a recursive reader overflows its stack."""
    graph = b""
    for _ in range(20000):
        graph = length(1, length(4, b"If") + length(5, b"\x0a\x01g" + length(6, graph)))
    return b"\x08\x08" + length(7, graph)


@attack(errors.DTypeError, "not a tensor")
def nested_types(folder: Path) -> bytes:
    """A sequence of sequences of sequences."""
    kind = length(1, b"\x08\x01")
    for _ in range(20000):
        kind = length(4, length(1, kind))
    value = length(1, b"x") + length(2, kind)
    graph = length(11, value) + length(12, length(1, b"x") + length(2, length(1, b"\x08\x01")))
    return b"\x08\x08" + length(7, graph) + length(8, b"\x10\x11")


# Tensors

SIZES: dict[str, tuple[dict[str, Any], str]] = {
    "huge_dims": ({"dims": [2**31, 2**31], "data_type": 1, "raw_data": bytes(8)}, "overflows"),
    "product_wraps_to_zero": ({"dims": [2**32, 2**32], "data_type": 1, "raw_data": b""}, "overflows"),
    "product_wraps_to_two": ({"dims": [2**33, 2**30 + 1, 2], "data_type": 1, "raw_data": bytes(8)}, "overflows"),
    "negative_dim": ({"dims": [-1, 4], "data_type": 1, "raw_data": bytes(16)}, "negative"),
    "negative_pair": ({"dims": [-2, -2], "data_type": 1, "raw_data": bytes(16)}, "negative"),
    "larger_than_the_file": (
        {"dims": [10**9], "data_type": 1, "raw_data": bytes(16)},
        "takes 4000000000 bytes, not 16",
    ),
    "no_bytes": ({"dims": [4], "data_type": 1}, "takes 4 elements, not 0"),
    "odd_bytes": ({"dims": [4], "data_type": 1, "raw_data": bytes(15)}, "takes 16 bytes, not 15"),
    "thousand_axes": ({"dims": [1] * 1000, "data_type": 1, "raw_data": bytes(4)}, "1000 axes"),
}
for _name, (_fields, _reason) in SIZES.items():
    plain(_name, errors.TensorSizeError, _reason, lambda fields=_fields: initializer(**fields))  # type: ignore[misc]
for _kind in (-1, 0, 8, 14, 16, 17, 22, 1000, 2**31 - 1):
    plain(
        f"dtype_{_kind}",
        errors.DTypeError,
        "element type",
        lambda kind=_kind: initializer(dims=[1], data_type=kind, raw_data=bytes(4)),  # type: ignore[misc]
    )


@attack(errors.TensorSizeError, "too large to write out")
def sparse_bomb(folder: Path) -> bytes:
    made = classifier()
    values = helper.make_tensor("evil", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2**20, 2**20]))
    return made.SerializeToString()


@attack(errors.TensorSizeError, "outside its shape")
def sparse_index_outside(folder: Path) -> bytes:
    made = classifier()
    values = helper.make_tensor("evil", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [2**62])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [8]))
    return made.SerializeToString()


# External data


def external(location: str, **more: str) -> bytes:
    made = classifier()
    tensor = made.graph.initializer.add(name="evil", dims=[4], data_type=TensorProto.UINT8, data_location=1)
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return made.SerializeToString()


plain("external_passwd", errors.ExternalDataError, "absolute", lambda: external("/etc/passwd"))
plain("external_up", errors.ExternalDataError, "leaves", lambda: external("../../../../../../etc/passwd"))
plain("external_missing", errors.ExternalDataError, "No such file", lambda: external("nothing.bin"))
plain("external_folder", errors.ExternalDataError, "not a plain file", lambda: external("."))
plain("external_long_name", errors.ExternalDataError, "", lambda: external("a" * 100000))
plain(
    "external_not_utf8", errors.ExternalDataError, "No such file", lambda: external("a").replace(b"\x01a", b"\x01\xff")
)


@attack(errors.ExternalDataError, "link out")
def external_link(folder: Path) -> bytes:
    (folder / "weights.bin").symlink_to("/etc/passwd")
    return external("weights.bin")


@attack(errors.ExternalDataError, "link out")
def external_folder_link(folder: Path) -> bytes:
    (folder / "data").symlink_to("/etc")
    return external("data/passwd")


@attack(errors.ExternalDataError, "")
def external_link_to_itself(folder: Path) -> bytes:
    (folder / "weights.bin").symlink_to("weights.bin")
    return external("weights.bin")


@attack(errors.TensorSizeError, "takes 4 bytes")
def external_is_the_model(folder: Path) -> bytes:
    return external("model.onnx")


# The graph


@attack(errors.CyclicGraphError, "circle")
def circle(folder: Path) -> bytes:
    made = classifier()
    made.graph.node[0].input[0] = "r1"
    return made.SerializeToString()


@attack(errors.CyclicGraphError, "circle")
def own_input(folder: Path) -> bytes:
    made = classifier()
    made.graph.node[2].input[0] = made.graph.node[2].output[0]
    return made.SerializeToString()


@attack(errors.GraphError, "twice")
def defined_twice(folder: Path) -> bytes:
    made = classifier()
    made.graph.node.append(made.graph.node[3])
    return made.SerializeToString()


@attack(errors.GraphError, "twice")
def weight_and_output(folder: Path) -> bytes:
    made = classifier()
    made.graph.node[2].output[0] = "w3"
    return made.SerializeToString()


@attack(errors.GraphError, "not defined")
def undefined_input(folder: Path) -> bytes:
    made = classifier()
    made.graph.node[0].input[1] = "nowhere"
    return made.SerializeToString()


@attack(errors.GraphError, "inputs")
def ten_thousand_inputs(folder: Path) -> bytes:
    made = classifier()
    made.graph.node[2].input.extend(["x"] * 10000)
    return made.SerializeToString()


@attack(errors.GraphError, "deep")
def function_calls_itself(folder: Path) -> bytes:
    made = classifier()
    node = helper.make_node("Again", ["a"], ["b"], domain="f")
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    made.functions.append(helper.make_function("f", "Again", ["a"], ["b"], [node], imports))
    made.graph.node.append(helper.make_node("Again", ["x"], ["z"], domain="f"))
    made.opset_import.append(helper.make_opsetid("f", 1))
    return made.SerializeToString()


@attack(errors.UnsupportedOperatorError, "Loop")
def endless_loop(folder: Path) -> bytes:
    made = classifier()
    body = helper.make_graph([], "body", [], [])
    made.graph.node.append(helper.make_node("Loop", ["", ""], ["z"], body=body))
    return made.SerializeToString()


# Attributes

W33 = {"w": np.zeros((4, 4, 3, 3), np.float32)}
ATTRIBUTES: dict[str, tuple[str, dict[str, Any], str]] = {
    "kernel_0": ("MaxPool", {"kernel_shape": [0, 0]}, "kernel_shape"),
    "kernel_negative": ("AveragePool", {"kernel_shape": [-3, 3]}, "kernel_shape"),
    "kernel_2_62": ("MaxPool", {"kernel_shape": [2**62, 2**62]}, "kernel_shape"),
    "stride_0": ("Conv", {"weights": W33, "strides": [0, 0]}, "strides"),
    "stride_negative": ("Conv", {"weights": W33, "strides": [-1, 1]}, "strides"),
    "dilation_0": ("Conv", {"weights": W33, "dilations": [0, 1]}, "dilations"),
    "dilation_negative": ("Conv", {"weights": W33, "dilations": [1, -5]}, "dilations"),
    "group_0": ("Conv", {"weights": W33, "group": 0}, "group"),
    "group_negative": ("Conv", {"weights": W33, "group": -(2**63)}, "group"),
    "pads_negative": ("Conv", {"weights": W33, "pads": [-9, 0, 0, 0]}, "pads"),
    "pads_2_62": ("Conv", {"weights": W33, "pads": [2**62] * 4}, "pads"),
    "auto_pad_unknown": ("Conv", {"weights": W33, "auto_pad": "%n%n%n"}, "auto_pad"),
    "lrn_0": ("LRN", {"size": 0}, "size"),
    "p_negative": ("LpPool", {"kernel_shape": [2, 2], "p": -1}, "must be at least 1"),
    "blocks_of_0": ("SpaceToDepth", {"blocksize": 0}, "blocksize"),
    "nan_slope": ("LeakyRelu", {"alpha": float("nan")}, "alpha"),
    "axis_is_text": ("Flatten", {"axis": "x"}, "axis"),
    "cast_to_text": ("Cast", {"to": "float"}, "to"),
}
for _name, (_op, _attributes, _reason) in ATTRIBUTES.items():
    plain(
        f"attribute_{_name}",
        errors.AttributeValueError,
        _reason,
        lambda op=_op, attributes=_attributes: single(op, **attributes),  # type: ignore[misc]
    )
