"""A protobuf wire reader: messages declared as data, read from a mapped file without copying tensor bytes.

The wire format (protobuf.dev/programming-guides/encoding): a message is a run of fields, each a varint key
(number << 3 | wire type) and a payload: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. Groups (3, 4) are
long deprecated and refused. Rules kept here: unknown fields are skipped; a singular field given twice takes the last
value, a singular message merges; repeated numbers may be packed or not. Everything is bounds-checked: a message never
reads past its own end. Nothing recurses deeper than the declared messages nest.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from fastinfer.errors import FileFormatError, TruncatedFileError

FIELD_LIMIT = 1 << 22  # fields in one file: a file of empty messages must not become gigabytes of objects

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_WORDS = 8  # packed varints up to this many bytes are read one by one

Array = npt.NDArray[Any]


class Kind(enum.IntEnum):
    """How a field's payload becomes a Python value. The plural ones are repeated: the value is a list."""

    INT = 0  # int64, int32 or enum: a signed int
    INTS = 1
    FLOAT = 2
    FLOATS = 3
    STRING = 4  # UTF-8, or the file is refused
    STRINGS = 5
    TEXT = 6  # for people only: what is not UTF-8 is replaced
    BYTES = 7  # a memoryview of the file
    BYTES_LIST = 8
    MESSAGE = 9
    MESSAGES = 10
    VARINT_DATA = 11  # lists of arrays, one for each packed run: int64, float32, float64
    FLOAT_DATA = 12
    DOUBLE_DATA = 13


_WIRE_TYPES: dict[Kind, tuple[int, ...]] = {
    Kind.INT: (0,),
    Kind.INTS: (0, 2),
    Kind.FLOAT: (5,),
    Kind.FLOATS: (5, 2),
    Kind.VARINT_DATA: (0, 2),
    Kind.FLOAT_DATA: (5, 2),
    Kind.DOUBLE_DATA: (1, 2),
}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    message: type[Message] | None = None


class Message:
    """The base of declared messages: dataclasses with an attribute for each field, and FIELDS by field number."""

    __slots__ = ()
    FIELDS: ClassVar[dict[int, Field]] = {}
    _BY_KEY: ClassVar[dict[int, Field]]

    @classmethod
    def by_key(cls) -> dict[int, Field]:
        """The fields by wire key; made at the first use."""
        found = cls.__dict__.get("_BY_KEY")
        if found is None:
            found = {
                number << 3 | wire: field
                for number, field in cls.FIELDS.items()
                for wire in _WIRE_TYPES.get(field.kind, (2,))
            }
            cls._BY_KEY = found
        return found


M = TypeVar("M", bound=Message)


class Reader:
    """Reads messages from one buffer. Spans it hands out are views of that buffer."""

    def __init__(self, buffer: memoryview) -> None:
        self.buffer = buffer
        self._fields_left = FIELD_LIMIT
        self._nesting = 0  # messages around the one that is being read

    def read(self, message: M, start: int, end: int) -> M:
        """Fill the message from buffer[start:end]; FileFormatError if the bytes are not such a message."""
        data = self.buffer
        by_key = message.by_key()
        at = start
        while at < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise FileFormatError(f"the file has more than {FIELD_LIMIT} protobuf fields")
            key = data[at]
            at += 1
            if key > 127:
                key, at = self.varint(at - 1, end)
            field = by_key.get(key)
            wire = key & 7
            if wire == 2:
                size, at = self.varint(at, end)
                stop = at + size
                if stop > end:
                    raise self._too_short(f"field {key >> 3} of {type(message).__name__}", end)
                if field is not None:
                    self._read_span(message, field, at, stop)
                at = stop
            elif wire == 0:
                number, at = self.varint(at, end)
                if field is not None:
                    _put_number(message, field, number - (1 << 64) if number >> 63 else number)
            elif wire in (1, 5):
                stop = at + (8 if wire == 1 else 4)
                if stop > end:
                    raise self._too_short(f"field {key >> 3} of {type(message).__name__}", end)
                if field is not None:
                    _put_number(message, field, (_DOUBLE if wire == 1 else _FLOAT).unpack_from(data, at)[0])
                at = stop
            else:
                raise FileFormatError(f"wire type {wire} in a {type(message).__name__} at byte {at}")
            if field is None:
                _check_unknown(message, key, at)
        return message

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The unsigned 64-bit number at byte `at`, and where it ends."""
        data = self.buffer
        value = shift = 0
        while at < end:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if value >> 64 or (byte > 127 and shift == 63):
                raise FileFormatError(f"a number longer than 64 bits, before byte {at}")
            if byte < 128:
                return value, at
            shift += 7
        raise self._too_short("a number", end)

    def _too_short(self, what: str, end: int) -> FileFormatError:
        """A message inside another has all its bytes, so if its parts need more, the file was never right."""
        if self._nesting:
            return FileFormatError(f"{what} goes past the end of its message, at byte {end}")
        return TruncatedFileError(f"the file ends inside {what}, at byte {end}")

    def _read_inner(self, message: M, at: int, stop: int) -> M:
        self._nesting += 1
        self.read(message, at, stop)
        self._nesting -= 1
        return message

    def _read_span(self, message: Message, field: Field, at: int, stop: int) -> None:
        kind, name = field.kind, field.name
        if kind is Kind.MESSAGES:
            assert field.message is not None
            getattr(message, name).append(self._read_inner(field.message(), at, stop))
        elif kind is Kind.STRINGS:
            getattr(message, name).append(self._string(message, field, at, stop))
        elif kind is Kind.STRING:
            setattr(message, name, self._string(message, field, at, stop))
        elif kind is Kind.BYTES:
            setattr(message, name, self.buffer[at:stop])
        elif kind is Kind.MESSAGE:
            assert field.message is not None
            setattr(message, name, self._read_inner(getattr(message, name) or field.message(), at, stop))
        elif kind is Kind.INTS:
            getattr(message, name).extend(self._packed_ints(at, stop))
        elif kind is Kind.VARINT_DATA:
            getattr(message, name).append(packed_varints(self.buffer[at:stop]))
        elif kind is Kind.TEXT:
            setattr(message, name, bytes(self.buffer[at:stop]).decode("utf-8", "replace"))
        elif kind is Kind.BYTES_LIST:
            getattr(message, name).append(self.buffer[at:stop])
        else:
            dtype = np.dtype("<f8" if kind is Kind.DOUBLE_DATA else "<f4")
            if (stop - at) % dtype.itemsize:
                raise FileFormatError(f"field {name} of {type(message).__name__} holds a part of a number")
            numbers = np.frombuffer(self.buffer[at:stop], dtype)
            if kind is Kind.FLOATS:
                getattr(message, name).extend(numbers.tolist())
            else:
                getattr(message, name).append(numbers)

    def _string(self, message: Message, field: Field, at: int, stop: int) -> str:
        try:
            return str(self.buffer[at:stop], "utf-8")
        except UnicodeDecodeError:
            raise FileFormatError(f"field {field.name} of {type(message).__name__} is not UTF-8") from None

    def _packed_ints(self, at: int, stop: int) -> list[int]:
        if stop - at > _WORDS:
            return packed_varints(self.buffer[at:stop]).tolist()  # type: ignore[no-any-return]
        found = []
        while at < stop:
            number, at = self.varint(at, stop)
            found.append(number - (1 << 64) if number >> 63 else number)
        return found


def packed_varints(span: memoryview) -> npt.NDArray[np.int64]:
    """The numbers of a packed run of varints, all at once."""
    if not span:
        return np.zeros(0, np.int64)
    data = np.frombuffer(span, np.uint8)
    ends = np.flatnonzero(data < 128)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        raise FileFormatError("a packed list ends inside a number")
    if len(ends) == len(data):
        return data.astype(np.int64)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > 10 or (longest == 10 and int(data[ends[lengths == 10]].max()) > 1):
        raise FileFormatError("a packed list holds a number longer than 64 bits")
    values = np.zeros(len(ends), np.uint64)
    for i in range(longest):
        there = lengths > i
        values[there] |= (data[starts[there] + i] & 127).astype(np.uint64) << np.uint64(7 * i)
    return values.view(np.int64)


def _put_number(message: Message, field: Field, number: float) -> None:
    """Store an int or float that stood alone: a singular field, or an unpacked element of a repeated one."""
    kind = field.kind
    if kind in (Kind.INT, Kind.FLOAT):
        setattr(message, field.name, number)
    elif kind in (Kind.INTS, Kind.FLOATS):
        getattr(message, field.name).append(number)
    else:
        dtype = {Kind.VARINT_DATA: np.int64, Kind.FLOAT_DATA: np.float32, Kind.DOUBLE_DATA: np.float64}[kind]
        getattr(message, field.name).append(np.array([number], dtype))


def _check_unknown(message: Message, key: int, at: int) -> None:
    """A field that is not declared is skipped, unless it is a declared one in a wire type that it cannot have."""
    number = key >> 3
    if number == 0 or number >> 29:
        raise FileFormatError(f"field number {number} in a {type(message).__name__} before byte {at}")
    if number in message.FIELDS:
        name = message.FIELDS[number].name
        raise FileFormatError(f"field {name} of {type(message).__name__} has wire type {key & 7}, before byte {at}")
