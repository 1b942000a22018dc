"""A `.fi` model with a weight of every form, and ways to change its header and data with the checksums kept right."""

from __future__ import annotations

import json
import zlib
from typing import Any

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from graph.weight_forms import FORMS


def every_form() -> Graph:
    """A convolution for each weight."""
    nodes, outputs = [], []
    weights = {f"{name} weight": weight for name, weight in FORMS.items()}
    for name in FORMS:
        nodes.append(Node("Conv", ["x", f"{name} weight"], [f"{name} y"], {"kernel_shape": [1, 1]}, name))
        outputs.append(ValueInfo(f"{name} y", DType.F32, ("N", 8, 1, 1)))
    return Graph([ValueInfo("x", DType.F32, ("N", 12, 1, 1))], outputs, nodes, weights, "every form")


def split(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, metadata, data."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    return header, json.loads(header["__metadata__"]["fastinfer"]), data[8 + size :]


def join(header: dict[str, Any], metadata: Any, data: bytes, checksums: bool = True) -> bytes:
    """A file again, the checksums made right where tensors lie in the data."""
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    if checksums:
        for tensor, record in zip(tensors, metadata["weights"], strict=False):
            begin, end = tensor["data_offsets"]
            record[0] = zlib.crc32(data[begin:end])
    header["__metadata__"] = {"fastinfer": json.dumps(metadata)}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + data
