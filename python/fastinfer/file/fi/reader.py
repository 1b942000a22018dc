"""Reading `.fi` files: weights are views of the mapped bytes, Huffman-coded ones streams in them. Everything is checked
here, so that whatever was read can be decoded; reading takes at most about ten times the file's bytes."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import numpy as np

from fastinfer import _core
from fastinfer.errors import FastinferError, FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file.fi.forms import (
    ALIGNMENT,
    DTYPES,
    EXPANSION_LIMIT,
    FORMS,
    FREE_ELEMENTS,
    HEADER_LIMIT,
    VERSION,
    Form,
)
from fastinfer.file.fi.graph_json import edge_from_json, expect_list, is_size, node_from_json, text
from fastinfer.file.fi.streams import Stream, streamed
from fastinfer.file.model import ModelFile
from fastinfer.file.source import Source
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph
from fastinfer.graph.verify import verify
from fastinfer.graph.weight import Array, DenseWeight, Weight

_DTYPES = {theirs: DType(ours) for ours, theirs in DTYPES.items()}
_RANK_LIMIT = 32


def is_fi(buffer: memoryview) -> bool:
    """Whether the bytes begin as a safetensors container does: a length, then an object."""
    return len(buffer) > 9 and bytes(buffer[8:10]) in (b'{"', b"{}", b"{ ")


def read_fi(source: Source) -> ModelFile:
    """The model. Every error is a FastinferError that names the file, and the tensor where one is at fault."""
    try:
        graph = _read(source.buffer)
        graph.file = source.path
        return ModelFile(verify(graph), "fi", source, producer="fastinfer")
    except FastinferError as error:
        error.located(file=source.path)
        raise


def _read(buffer: memoryview) -> Graph:
    header, data = _split(buffer)
    metadata = _metadata(header.pop("__metadata__", None))
    spans = _spans(header, data)
    records = expect_list(metadata.get("weights"), len(spans), "the list of weights, one for each tensor,")
    weights: dict[str, Weight] = {}
    for (name, (tensor, span)), record in zip(spans.items(), records, strict=True):
        try:
            weights[name] = _weight(tensor, record, span)
        except FastinferError as error:
            error.located(tensor=name)
            raise
    inputs, outputs, nodes = (expect_list(metadata.get(key), None, key) for key in ("inputs", "outputs", "nodes"))
    return Graph(
        [edge_from_json(info) for info in inputs],
        [edge_from_json(info) for info in outputs],
        [node_from_json(node) for node in nodes],
        weights,
        text(metadata.get("name", "")),
    )


def _split(buffer: memoryview) -> tuple[dict[str, Any], memoryview]:
    """The header, parsed, and the data behind it."""
    if len(buffer) < 8:
        raise TruncatedFileError("the file ends inside its header's length")
    size = int.from_bytes(buffer[:8], "little")
    if size > HEADER_LIMIT:
        raise FileFormatError(f"a header of {size} bytes; at most {HEADER_LIMIT} are read")
    if size % ALIGNMENT:
        raise FileFormatError(f"a header of {size} bytes leaves the tensors unaligned")
    if size > len(buffer) - 8:
        raise TruncatedFileError(f"the header takes {size} bytes, the file has {len(buffer) - 8} behind its length")
    return _object(bytes(buffer[8 : 8 + size]), "the header"), buffer[8 + size :]


def _object(data: bytes | str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (RecursionError, ValueError) as error:
        raise FileFormatError(f"{what} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise FileFormatError(f"{what} is no JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _metadata(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or list(entry) != ["fastinfer"]:
        raise FileFormatError("a safetensors file without a model: its metadata has not the one key fastinfer")
    metadata = _object(text(entry["fastinfer"]), "the metadata")
    version = metadata.get("version")
    if not isinstance(version, int) or version < 1:
        raise FileFormatError("the file gives no format version")
    if version > VERSION:
        raise FileFormatError(f"format version {version}; this fastinfer reads up to {VERSION}: update it")
    return metadata


def _spans(header: dict[str, Any], data: memoryview) -> dict[str, tuple[dict[str, Any], memoryview]]:
    """The bytes of each tensor: in range, apart from one another, without holes."""
    spans: dict[str, tuple[dict[str, Any], memoryview]] = {}
    places: list[tuple[int, int, str]] = []
    for name, tensor in header.items():
        offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_size, offsets)):
            raise FileFormatError("the tensor has no data_offsets", tensor=name)
        begin, end = offsets
        if not begin <= end <= len(data):
            reason = f"the tensor lies at bytes {begin} to {end} of {len(data)}"
            raise (TruncatedFileError if end > len(data) else FileFormatError)(reason, tensor=name)
        places.append((begin, end, name))
        spans[name] = tensor, data[begin:end]
    at = 0
    for begin, end, name in sorted(places):
        if begin != at:
            reason = f"the tensor {'overlaps the one' if begin < at else 'leaves a hole to the one'} before it"
            raise FileFormatError(reason, tensor=name)
        at = end
    if at != len(data):
        raise FileFormatError(f"{len(data) - at} bytes follow the last tensor")
    return spans


def _weight(tensor: dict[str, Any], record: Any, span: memoryview) -> Weight:
    dtype = _DTYPES.get(str(tensor.get("dtype")))
    if dtype is None:
        raise FileFormatError(f"unknown dtype {str(tensor.get('dtype'))[:40]!r}")
    shape = _shape(tensor.get("shape"))
    if not isinstance(record, list) or not record or not is_size(record[0]):
        raise FileFormatError("the tensor has no checksum")
    if zlib.crc32(span) != record[0]:
        raise FileFormatError("checksum mismatch: the file is damaged")
    width = dtype.numpy.itemsize if len(record) == 1 else ALIGNMENT
    if tensor["data_offsets"][0] % width:
        raise FileFormatError(f"the tensor lies at byte {tensor['data_offsets'][0]}, unaligned to {width} bytes")
    array = _array(span, dtype, shape)
    return DenseWeight(array) if len(record) == 1 else _formed(record, span, dtype)


def _array(span: memoryview, dtype: DType, shape: tuple[int, ...]) -> Array:
    expected = math.prod(shape) * dtype.numpy.itemsize
    if expected != len(span):
        raise TensorSizeError(f"shape {shape} of {dtype.value} takes {expected} bytes, not {len(span)}")
    if dtype is DType.BOOL:
        return np.frombuffer(span, np.uint8).astype(np.bool_).reshape(shape)
    array: Array = np.frombuffer(span, dtype.numpy).reshape(shape)
    return array if array.flags.aligned else array.copy()  # the caller's bytes need not be aligned


def _shape(value: Any) -> tuple[int, ...]:
    sizes = expect_list(value, None, "a shape")
    if len(sizes) > _RANK_LIMIT or not all(map(is_size, sizes)) or math.prod(n for n in sizes if n) >= 1 << 60:
        raise TensorSizeError(f"shape {str(sizes)[:80]} cannot be")
    return tuple(sizes)


def _formed(record: list[Any], span: memoryview, dtype: DType) -> Weight:
    _, kind, sizes, numbers, parts = expect_list(record, 5, "the tensor's record")
    form = FORMS.get(kind) if isinstance(kind, str) else None
    if form is None or dtype is not DType.U8:
        raise FileFormatError(f"unknown weight form {str(kind)[:40]!r}")
    shape = _shape(sizes)
    elements = math.prod(shape)
    if elements > FREE_ELEMENTS + EXPANSION_LIMIT * len(span) or elements >= 1 << 40:
        raise TensorSizeError(f"{elements} elements from {len(span)} bytes: a decompression bomb")
    names = ("block_rows", "block_columns") if kind == "block_sparse" else form.numbers
    numbers = expect_list(numbers, len(names), "the list of the weight's numbers")
    if not all(is_size(number) and number < 1 << 40 for number in numbers):
        raise FileFormatError("the weight's numbers are out of range")
    fields: dict[str, Any] = dict(zip(names, numbers, strict=True))
    arrays, streams = _parts(form, parts, span, fields, elements)
    if kind == "block_sparse":
        fields = {"block": tuple(numbers)}
    if form.coded:
        fields["huffman"] = bool(streams)
    if kind != "bf16":
        fields["shape"] = shape
    elif arrays["bits"].shape != shape:
        raise FileFormatError("the bits are not of the weight's shape")
    weight: Weight = form.make(**arrays, **fields)
    fault = weight.fault()
    if fault:
        raise FileFormatError(fault)
    return streamed(weight, streams)


def _parts(
    form: Form, parts: Any, span: memoryview, numbers: dict[str, int], elements: int
) -> tuple[dict[str, Array], dict[str, Stream]]:
    """The parts by name, and the streams of those that are Huffman-coded."""
    at = 0
    streams: dict[str, Stream] = {}
    arrays: dict[str, Array] = {}
    for (name, dtypes), part in zip(
        form.parts.items(), expect_list(parts, len(form.parts), "the list of parts"), strict=True
    ):
        dtype, shape, size, coded = expect_list(part, 4, "a part")
        if dtype not in dtypes or not is_size(size) or coded not in (0, 1):
            raise FileFormatError(f"part {name} of the weight is malformed")
        end = at + size
        if end > len(span):
            raise TruncatedFileError(f"part {name} ends at byte {end} of {len(span)}")
        if coded:
            streams[name] = _stream(form.coded or {}, name, span[at:end], numbers, elements)
            arrays[name] = _decoded(name, streams[name])
        else:
            arrays[name] = _array(span[at:end], DType(dtype), _shape(shape))
        if _shape(shape) != arrays[name].shape:
            raise FileFormatError(f"part {name} does not have the shape that the file says")
        if len(arrays[name].shape) != 1 and name not in form.many_axes:
            raise FileFormatError(f"part {name} has {len(arrays[name].shape)} axes")
        at = end + -end % ALIGNMENT
    if at != len(span):
        raise FileFormatError(f"the parts take {at} bytes of {len(span)}")
    return arrays, streams


def _stream(coded: dict[str, str], name: str, span: memoryview, numbers: dict[str, int], elements: int) -> Stream:
    bits = numbers.get(coded.get(name, ""))
    if bits is None or not 1 <= bits <= 8:
        raise FileFormatError(f"part {name} cannot be Huffman-coded")
    return Stream(span, numbers.get("count", elements), bits)


def _decoded(name: str, stream: Stream) -> Array:
    try:
        return stream.packed()
    except _core.CoreError as error:
        raise FileFormatError(f"part {name}: {error.reason}") from None
