"""Writing `.fi` files: the same graph always makes the same bytes."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastinfer import _core
from fastinfer.errors import ArgumentError
from fastinfer.file.fi.forms import ALIGNMENT, DTYPES, FORMS, HEADER_LIMIT, VERSION
from fastinfer.file.fi.graph_json import graph_to_json
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph
from fastinfer.graph.weight import Array, BlockSparseWeight, DenseWeight, Weight, unpack


@dataclass(slots=True)
class _Tensor:
    name: str
    dtype: str
    shape: list[int]
    data: bytes
    width: int  # bytes of an element; a blob counts as wider than any
    record: list[Any]


def fi_bytes(graph: Graph) -> bytes:
    """The graph as a `.fi` file. ArgumentError for a graph whose nodes carry what passes fuse."""
    fused = [node.label() for node in graph.nodes if node.activation is not None]
    if fused:
        raise ArgumentError("only graphs as files have them can be saved", node=fused[0])
    tensors = [_tensor(name, weight) for name, weight in graph.weights.items()]
    tensors.sort(key=lambda t: (-t.width, t.name))  # so every one is aligned
    metadata = {"version": VERSION, **graph_to_json(graph), "weights": [t.record for t in tensors]}
    header: dict[str, Any] = {"__metadata__": {"fastinfer": _dump(metadata)}}
    at = 0
    for tensor in tensors:
        offsets = [at, at := at + len(tensor.data)]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
    encoded = _dump(header).encode()
    encoded += b" " * (-len(encoded) % ALIGNMENT)
    if len(encoded) > HEADER_LIMIT:
        raise ArgumentError(f"the graph takes {len(encoded)} bytes of header; at most {HEADER_LIMIT} can be read")
    return b"".join([len(encoded).to_bytes(8, "little"), encoded, *(tensor.data for tensor in tensors)])


def stored_bytes(name: str, weight: Weight) -> int:
    """What a weight takes of a file's data."""
    return len(_tensor(name, weight).data)


def write_fi(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the file at once: whoever reads meanwhile finds the old one or the new one, whole. OSError as open()."""
    import tempfile  # here: whoever only reads need not load it

    data, target = fi_bytes(graph), os.path.abspath(os.fspath(path))
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".fi-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _tensor(name: str, weight: Weight) -> _Tensor:
    if name == "__metadata__":
        raise ArgumentError("no tensor of a .fi file can have this name", tensor=name)
    if isinstance(weight, DenseWeight):
        data = np.ascontiguousarray(weight.array).tobytes()
        shape, width = list(weight.shape), weight.array.itemsize
        return _Tensor(name, DTYPES[weight.dtype.value], shape, data, width, [zlib.crc32(data)])
    data, record = _blob(weight)
    return _Tensor(name, "U8", [len(data)], data, 16, [zlib.crc32(data), *record])


def _blob(weight: Weight) -> tuple[bytes, list[Any]]:
    """The parts' bytes, and the record: form, shape, numbers, parts."""
    form, parts = FORMS[weight.form], []
    chunks: list[bytes] = []
    for part in form.parts:
        array = np.ascontiguousarray(getattr(weight, part))
        coded = _coded(weight, part)
        data = array.tobytes() if coded is None else coded
        parts.append([DType.of(array.dtype).value, list(array.shape), len(data), int(coded is not None)])
        chunks += [data, bytes(-len(data) % ALIGNMENT)]
    numbers = [int(getattr(weight, name)) for name in form.numbers]
    if isinstance(weight, BlockSparseWeight):
        numbers = list(weight.block)
    return b"".join(chunks), [weight.form, list(weight.shape), numbers, parts]


def _coded(weight: Weight, part: str) -> bytes | None:
    """The part Huffman-coded, if its weight asks for that and it gains."""
    coded = FORMS[weight.form].coded or {}
    if part not in coded or not getattr(weight, "huffman", False):
        return None
    packed: Array = getattr(weight, part)
    bits = getattr(weight, coded[part])
    block = _core.huffman_encode(unpack(packed, weight.stored, bits), 2**bits).tobytes()
    return block if len(block) < packed.nbytes else None
