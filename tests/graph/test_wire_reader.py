"""The wire reader reads what the onnx package reads: real files, generated messages, and the wire format's corners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from assets import DATA, NETS, require
from fastinfer.errors import FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file.onnx.external import ExternalFiles
from fastinfer.file.onnx.reader import parse_model
from fastinfer.file.onnx.schema import AttributeProto, ModelProto
from fastinfer.file.onnx.schema import TensorProto as Tensor
from fastinfer.file.onnx.tensor import read_tensor
from fastinfer.file.protobuf import Kind, Message, Reader, packed_varints

BACKEND_DATA = Path(onnx.backend.test.__file__).parent / "data"
REAL_FILES = ["efficientnet_lite0/efficientnet_lite0.onnx", "bnn_cnv/cnvW1A1_cifar10.onnx"]


def assert_same(ours: Message, theirs: Any, where: str = "") -> None:
    """Every declared field of the message, and of the messages in it, holds what the onnx package says."""
    for field in ours.FIELDS.values():
        mine, other, path = getattr(ours, field.name), getattr(theirs, field.name), f"{where}.{field.name}"
        if field.kind is Kind.MESSAGE:
            assert (mine is not None) == theirs.HasField(field.name), path
            if mine is not None:
                assert_same(mine, other, path)
        elif field.kind is Kind.MESSAGES:
            assert len(mine) == len(other), path
            for i, (a, b) in enumerate(zip(mine, other, strict=True)):
                assert_same(a, b, f"{path}[{i}]")
        elif field.kind in (Kind.VARINT_DATA, Kind.FLOAT_DATA, Kind.DOUBLE_DATA):
            joined = np.concatenate([*mine, np.zeros(0, mine[0].dtype if mine else np.int64)])
            wanted = np.array(other, np.uint64 if field.name == "uint64_data" else joined.dtype)
            np.testing.assert_array_equal(joined.view(wanted.dtype), wanted, path)
        elif field.kind is Kind.BYTES:
            # Undecoded messages (subgraphs, other types) are only seen to be there.
            if mine is not None and isinstance(other, bytes):
                assert bytes(mine) == other, path
            else:
                assert (mine is not None) == theirs.HasField(field.name), path
        elif field.kind is Kind.BYTES_LIST:
            assert [bytes(b) for b in mine] == list(other), path
        elif field.kind in (Kind.INTS, Kind.STRINGS, Kind.FLOATS):
            assert mine == list(other), path
        else:
            assert mine == (other if theirs.HasField(field.name) or mine is not None else None), path


def read(data: bytes) -> ModelProto:
    return Reader(memoryview(data)).read(ModelProto(), 0, len(data))


@pytest.mark.parametrize(
    "file", sorted(BACKEND_DATA.rglob("*.onnx")), ids=lambda f: f.parent.name if f.stem == "model" else f.stem
)
def test_backend_files(file: Path) -> None:
    data = file.read_bytes()
    assert_same(read(data), onnx.ModelProto.FromString(data))


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files(name: str) -> None:
    data = require(DATA / name).read_bytes()
    assert_same(read(data), onnx.ModelProto.FromString(data))


def test_architectures() -> None:
    for file in sorted(require(NETS).glob("*.onnx")):
        data = file.read_bytes()
        assert_same(read(data), onnx.ModelProto.FromString(data), file.name)


INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(dims=st.lists(INT64), ints=st.lists(INT64), floats=st.lists(FLOAT32), f=FLOAT32, text=st.text(), raw=st.binary())
def test_generated_messages(
    dims: list[int], ints: list[int], floats: list[float], f: float, text: str, raw: bytes
) -> None:
    theirs = onnx.AttributeProto(name=text, f=f, i=ints[0] if ints else 0, s=raw, ints=ints, floats=floats)
    theirs.t.CopyFrom(TensorProto(dims=dims, int64_data=ints, float_data=floats, double_data=floats, raw_data=raw))
    theirs.t.uint64_data.extend(i + 2**63 for i in ints)
    theirs.strings.extend([raw, text.encode()])
    data = theirs.SerializeToString()
    assert_same(Reader(memoryview(data)).read(AttributeProto(), 0, len(data)), theirs)


@settings(max_examples=100, deadline=None)
@given(st.lists(INT64))
def test_packed_varints(values: list[int]) -> None:
    theirs = TensorProto(int64_data=values)
    data = theirs.SerializeToString()
    payload = Reader(memoryview(data)).read(Tensor(), 0, len(data)).int64_data
    assert [int(v) for run in payload for v in run] == values


def test_lists_may_be_packed_or_not() -> None:
    packed, apart = b"\x42\x03\x01\x02\x03", b"\x40\x01\x40\x02\x40\x03"  # AttributeProto.ints, field 8
    for data in (packed, apart, apart[:2] + b"\x42\x02\x02\x03"):
        assert Reader(memoryview(data)).read(AttributeProto(), 0, len(data)).ints == [1, 2, 3]


def test_singular_messages_merge() -> None:
    first, second = (
        helper.make_graph([], "a", [], []),
        helper.make_graph([helper.make_node("Relu", "x", "y")], "b", [], []),
    )
    data = b"".join(onnx.ModelProto(graph=g).SerializeToString() for g in (first, second))
    assert_same(read(data), onnx.ModelProto.FromString(data))


def test_unknown_fields_are_skipped() -> None:
    unknown = b"\xf8\x3f\x05" + b"\xfa\x3f\x02ab" + b"\xf9\x3f" + bytes(8) + b"\xfd\x3f" + bytes(4)  # field 1023
    assert read(unknown + b"\x08\x07").ir_version == 7


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"\x08", TruncatedFileError, "inside a number"),
        (b"\x08\xff", TruncatedFileError, "inside a number"),
        (b"\x08" + b"\xff" * 9 + b"\x02", FileFormatError, "longer than 64 bits"),
        (b"\x08" + b"\xff" * 12, FileFormatError, "longer than 64 bits"),
        (b"\x12\x05ab", TruncatedFileError, "ends inside"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", TruncatedFileError, "ends inside"),
        (b"\x3a\x02\x12\x05", FileFormatError, "past the end of its message"),
        (b"\x3a\x02\x80\x80\x08\x07", FileFormatError, "number goes past the end of its message"),
        (b"\x0b", FileFormatError, "wire type 3"),
        (b"\x0f", FileFormatError, "wire type 7"),
        (b"\x00\x01", FileFormatError, "field number 0"),
        (b"\x0a\x01a", FileFormatError, "ir_version of ModelProto has wire type 2"),
        (b"\x0d\x00\x00", TruncatedFileError, "ends inside"),
        (b"\x42\x03\x0a\x01\xff", FileFormatError, "not UTF-8"),
        (b"\x3a\x07\x2a\x05\x22\x03abc", FileFormatError, "part of a number"),
        (b"\x3a\x05\x2a\x03\x2a\x01\x80", FileFormatError, "ends inside a number"),
    ],
)
def test_malformed_bytes(data: bytes, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        read(data)
    assert type(caught.value) is error


def test_packed_numbers_of_more_than_64_bits() -> None:
    for last in (b"\x02", b"\x80\x00"):
        with pytest.raises(FileFormatError, match="longer than 64 bits"):
            packed_varints(memoryview(b"\xff" * 9 + last))


def test_too_many_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastinfer.file.protobuf.FIELD_LIMIT", 100)
    with pytest.raises(FileFormatError, match="more than 100 protobuf fields"):
        read(b"\x08\x07" * 101)


def test_not_a_model() -> None:
    for data in (b"hello, world", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\x12\x04test"):
        with pytest.raises(FileFormatError, match="not an ONNX model") as caught:
            parse_model(memoryview(data))
        assert type(caught.value) is FileFormatError


ARRAYS = [
    np.arange(-3, 3, dtype=t).reshape(2, 3)
    for t in (np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64)
] + [np.arange(250, 256, dtype=t).reshape(3, 2) for t in (np.uint8, np.uint16, np.uint32, np.uint64)]
ARRAYS += [np.array([[True, False]]), np.array(True), np.array(2.5, np.float32), np.zeros((0, 3), np.int64)]
ARRAYS += [np.array([2**64 - 1], np.uint64), np.array([-(2**63)], np.int64), np.array([], np.bool_)]


def stored(array: np.ndarray, raw: bool) -> Tensor:
    """The array as our TensorProto, its elements in raw_data or in the typed field of its element type."""
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    values = array.tobytes() if raw else array.ravel().tolist()
    data = helper.make_tensor("t", kind, array.shape, values, raw=raw).SerializeToString()
    return Reader(memoryview(data)).read(Tensor(), 0, len(data))


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{list(a.shape)}")
def test_tensors(array: np.ndarray, raw: bool) -> None:
    got = read_tensor(stored(array, raw), ExternalFiles(None))
    assert got.dtype == array.dtype
    assert got.flags.aligned
    assert not got.flags.writeable
    np.testing.assert_array_equal(got, array, strict=True)


@pytest.mark.parametrize("count", [1000, 10_000])
def test_aligned_and_large_raw_data_are_not_copied(count: int) -> None:
    array = np.arange(count, dtype=np.float32)
    data = numpy_helper.from_array(array, "t").SerializeToString()
    for shift in range(4):  # raw_data stands at every alignment; a small tensor is copied at three of them
        buffer = np.frombuffer(bytes(shift) + data, np.uint8)
        view = memoryview(buffer)
        tensor = Reader(view).read(Tensor(), shift, len(view))
        assert tensor.raw_data is not None
        got = read_tensor(tensor, ExternalFiles(None))
        np.testing.assert_array_equal(got, array)
        aligned = np.frombuffer(tensor.raw_data, np.uint8).ctypes.data % 4 == 0
        assert np.shares_memory(got, buffer) == (aligned or count == 10_000)
        assert not got.flags.writeable


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dims": [3], "data_type": 1, "raw_data": bytes(8)}, "takes 12 bytes, not 8"),
        ({"dims": [2], "data_type": 1, "float_data": [1, 2, 3]}, "takes 2 elements, not 3"),
        ({"dims": [-1], "data_type": 1, "raw_data": bytes(4)}, "negative"),
        ({"dims": [2**40, 2**40], "data_type": 1, "raw_data": bytes(4)}, "overflows"),
        ({"dims": [0, 2**62, 2**62], "data_type": 1}, "overflows"),
        ({"dims": [1] * 40, "data_type": 1, "raw_data": bytes(4)}, "40 axes"),
    ],
)
def test_tensor_sizes(fields: dict[str, Any], reason: str) -> None:
    data = TensorProto(name="t", **fields).SerializeToString()
    with pytest.raises(TensorSizeError, match=reason) as caught:
        read_tensor(Reader(memoryview(data)).read(Tensor(), 0, len(data)), ExternalFiles(None))
    assert caught.value.tensor == "t"


@pytest.mark.parametrize(
    ("kind", "value"), [(TensorProto.INT8, 128), (TensorProto.FLOAT16, 65536), (TensorProto.UINT8, -1)]
)
def test_typed_elements_out_of_range(kind: int, value: int) -> None:
    data = TensorProto(name="t", dims=[1], data_type=kind, int32_data=[value]).SerializeToString()
    with pytest.raises(FileFormatError, match="outside the range"):
        read_tensor(Reader(memoryview(data)).read(Tensor(), 0, len(data)), ExternalFiles(None))
