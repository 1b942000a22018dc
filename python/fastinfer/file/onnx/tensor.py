"""TensorProto to array: a view of the mapped bytes; a copy of a small tensor whose raw_data is not aligned."""

from __future__ import annotations

import math

import numpy as np

from fastinfer.errors import DTypeError, FastinferError, FileFormatError, TensorSizeError
from fastinfer.file.onnx.external import ExternalFiles
from fastinfer.file.onnx.schema import SparseTensorProto, TensorProto
from fastinfer.file.protobuf import Array
from fastinfer.graph.dtype import DType

# TensorProto.DataType: what the engine has, and the names of what it has not, for messages.
DTYPES: dict[int, DType] = {
    1: DType.F32,
    2: DType.U8,
    3: DType.S8,
    4: DType.U16,
    5: DType.S16,
    6: DType.S32,
    7: DType.S64,
    9: DType.BOOL,
    10: DType.F16,
    11: DType.F64,
    12: DType.U32,
    13: DType.U64,
}
_OTHERS = {8: "string", 14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz"}
_OTHERS |= {19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1"}

_RANK_LIMIT = 32  # NumPy's own, before version 2
_BYTES_LIMIT = 1 << 62
_LARGE = 1 << 14  # bytes; a copy of less costs nothing
_SPARSE_LIMIT = 1 << 26  # elements of a sparse tensor written out; more would let a small file take gigabytes


def dtype_of(data_type: int) -> DType:
    """DTypeError for what the engine has no elements like."""
    if data_type not in DTYPES:
        name = _OTHERS.get(data_type, f"number {data_type}")
        raise DTypeError("no element type is given" if data_type == 0 else f"element type {name} is not supported")
    return DTYPES[data_type]


def read_tensor(tensor: TensorProto, files: ExternalFiles) -> Array:
    """The tensor's elements, read-only. TensorSizeError, DTypeError, ExternalDataError name the tensor."""
    try:
        dtype = dtype_of(tensor.data_type)
        shape = _checked_shape(tensor.dims, dtype)
        if tensor.segment is not None:
            raise FileFormatError("tensors in segments are not supported")
        if tensor.data_location == 1:
            return _from_bytes(files.span(tensor.external_data), dtype, shape)
        if tensor.data_location != 0:
            raise FileFormatError(f"data_location {tensor.data_location}")
        if tensor.raw_data:
            return _from_bytes(tensor.raw_data, dtype, shape)
        return _from_typed(tensor, dtype, shape)
    except FastinferError as error:
        error.located(tensor=tensor.name)
        raise


def read_sparse_tensor(sparse: SparseTensorProto, files: ExternalFiles) -> tuple[str, Array]:
    """The name and the elements of a sparse tensor, written out dense."""
    if sparse.values is None or sparse.indices is None:
        raise FileFormatError("a sparse tensor without values or indices")
    name = sparse.values.name
    try:
        values = read_tensor(sparse.values, files)
        indices = read_tensor(sparse.indices, files)
        shape = _checked_shape(sparse.dims, DType.of(values.dtype))
        if math.prod(shape) > _SPARSE_LIMIT:
            raise TensorSizeError(f"a sparse tensor of shape {shape} is too large to write out")
        flat = np.zeros(math.prod(shape), values.dtype)
        flat[_flat_positions(indices, values, shape)] = values
    except FastinferError as error:
        error.located(tensor=name)
        raise
    return name, flat.reshape(shape)


def _checked_shape(dims: list[int], dtype: DType) -> tuple[int, ...]:
    if len(dims) > _RANK_LIMIT:
        raise TensorSizeError(f"{len(dims)} axes; at most {_RANK_LIMIT} can be read")
    if any(dim < 0 for dim in dims):
        raise TensorSizeError(f"shape {tuple(dims)} has a negative size")
    # A zero does not excuse the others: NumPy would overflow on them.
    if math.prod(dim for dim in dims if dim) * dtype.numpy.itemsize > _BYTES_LIMIT:
        raise TensorSizeError(f"the size of shape {tuple(dims)} overflows")
    return tuple(dims)


def _from_bytes(span: memoryview, dtype: DType, shape: tuple[int, ...]) -> Array:
    count = math.prod(shape)
    if len(span) != count * dtype.numpy.itemsize:
        raise TensorSizeError(
            f"shape {shape} of {dtype.value} takes {count * dtype.numpy.itemsize} bytes, not {len(span)}"
        )
    if count == 0:
        return _frozen(np.zeros(shape, dtype.numpy))
    if dtype is DType.BOOL:
        return _frozen(np.frombuffer(span, np.uint8).reshape(shape).astype(np.bool_))
    array = np.frombuffer(span, dtype.numpy.newbyteorder("<")).astype(dtype.numpy, copy=False).reshape(shape)
    # The core reads weights at any address: a large one stays where it is mapped, and is read when it is packed.
    return array if array.flags.aligned or array.nbytes >= _LARGE else _frozen(array.copy())


def _from_typed(tensor: TensorProto, dtype: DType, shape: tuple[int, ...]) -> Array:
    """From float_data, int32_data (also 8- and 16-bit types, bool, and f16 as its bits) and their like."""
    if dtype is DType.F32:
        chunks = tensor.float_data
    elif dtype is DType.F64:
        chunks = tensor.double_data
    elif dtype is DType.S64:
        chunks = tensor.int64_data
    elif dtype in (DType.U64, DType.U32):
        chunks = tensor.uint64_data
    else:
        chunks = tensor.int32_data
    count = math.prod(shape)
    found = sum(len(chunk) for chunk in chunks)
    if found != count:
        raise TensorSizeError(f"shape {shape} takes {count} elements, not {found}")
    if count == 0:
        return _frozen(np.zeros(shape, dtype.numpy))
    numbers = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    return _frozen(_narrowed(numbers, dtype).reshape(shape))


def _narrowed(numbers: Array, dtype: DType) -> Array:
    if numbers.dtype == dtype.numpy:
        return numbers.copy() if not numbers.flags.aligned else numbers
    if dtype is DType.U64:
        return numbers.view(np.uint64)
    stored = np.dtype(np.uint16) if dtype is DType.F16 else dtype.numpy
    narrow = numbers.astype(stored)
    if dtype is DType.BOOL:
        return narrow
    if not np.array_equal(narrow, numbers):
        raise FileFormatError(f"an element lies outside the range of {dtype.value}")
    return narrow.view(np.float16) if dtype is DType.F16 else narrow


def _flat_positions(indices: Array, values: Array, shape: tuple[int, ...]) -> Array:
    """Row-major positions of a sparse tensor's elements: its indices are (nnz), or (nnz, rank)."""
    if indices.dtype != np.int64 or values.ndim != 1:
        raise FileFormatError("a sparse tensor's values have one axis and its indices are int64")
    nnz = len(values)
    if indices.shape == (nnz,):
        positions, inside = indices, bool(((indices >= 0) & (indices < math.prod(shape))).all())
    elif indices.shape == (nnz, len(shape)):
        sizes = np.array(shape, np.int64)
        inside = bool(((indices >= 0) & (indices < sizes)).all())
        strides = np.array([math.prod(shape[i + 1 :]) for i in range(len(shape))], np.int64)
        positions = (indices * strides).sum(axis=1) if inside else indices
    else:
        raise TensorSizeError(f"a sparse tensor's indices have shape {indices.shape} for {nnz} values")
    if not inside:
        raise TensorSizeError("a sparse tensor's index lies outside its shape")
    return positions


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
