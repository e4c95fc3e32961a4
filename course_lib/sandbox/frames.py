"""Messages between the judge and a student's process: length-prefixed, JSON and raw arrays.

A frame is 4 bytes "BPC1", the lengths of header and body (4 and 8 bytes, big-endian), a JSON header
and the arrays' bytes one after another. Whatever comes from a student is checked against `Limits`
before memory is set aside for it; nothing in a frame is ever executed or looked up by name.
"""

import json
import math
import struct
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from course_lib.grading.contract import Contract
from course_lib.grading.outcomes import Odd, Outcome, Problem, Record
from course_lib.grading.probes import Call, Graph, Script, Seed, Stock, Walk

MAGIC = b"BPC1"
_PREFIX = struct.Struct(">4sIQ")
PREFIX_BYTES = _PREFIX.size
DTYPES = ("|b1", "|i1", "|u1", *(f"<{k}{n}" for k in "iu" for n in (2, 4, 8)), "<f2", "<f4", "<f8")
MOST_AXES = 8
_PLAIN = frozenset((type(None), bool, int, float, str))
PROBES = (Call, Graph, Script, Seed, Stock, Walk, Contract)
OUTCOMES = (Odd, Outcome, Problem, Record)


class BadFrame(Exception):
    """The bytes are no frame, or one that is larger or deeper than allowed."""


@dataclass(frozen=True)
class Limits:
    """What is taken: bytes of header and body, levels of nesting."""

    header: int = 4_000_000
    body: int = 80_000_000
    depth: int = 24


TRUSTED = Limits(header=64_000_000, body=1_000_000_000)


# values ----------------------------------------------------------------------------------------


@cache
def _names_of(kind):
    # `alive` of an outcome holds objects of the attempt, which stay where they are.
    return tuple(f.name for f in fields(kind) if f.name != "alive")


def _packed(value, arrays, classes, depth=0):
    """A value as JSON knows it; arrays are put aside and numbered."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth > TRUSTED.depth:
        raise BadFrame("nested too deeply")

    def all_of(values):
        return [v if type(v) in _PLAIN else _packed(v, arrays, classes, depth + 1) for v in values]

    if kind is np.ndarray or isinstance(value, (np.ndarray, np.generic)):
        return _packed_array(value, arrays)
    if kind is list:
        return all_of(value)
    if kind is tuple:
        return {"t": all_of(value)}
    if kind is dict:
        return {"d": [all_of(pair) for pair in value.items()]}
    if kind is slice:
        return {"s": all_of((value.start, value.stop, value.step))}
    if value is Ellipsis:
        return {"e": 0}
    if kind in classes:
        return {"o": [kind.__name__, all_of([getattr(value, n) for n in _names_of(kind)])]}
    raise BadFrame(f"a value of type {kind.__name__}")


def _packed_array(value, arrays):
    array = np.ascontiguousarray(value)  # of at least one axis
    if array.dtype.str not in DTYPES:
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype("<f8")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in DTYPES:
            raise BadFrame(f"an array of dtype {array.dtype}")
    arrays.append(array)
    return {"a": [array.dtype.str, list(value.shape), isinstance(value, np.generic)]}


class _Unpacker:
    def __init__(self, body, classes, depth):
        self.body, self.place, self.depth = memoryview(body), 0, depth
        self.classes = {c.__name__: c for c in classes}
        self.kinds = {
            "t": self._tuple,
            "d": self._dict,
            "s": self._slice,
            "e": lambda content, depth: ...,
            "a": self._array,
            "o": self._object,
        }

    def value(self, packed, depth=0):
        if type(packed) in _PLAIN:
            return packed
        if depth > self.depth:
            raise BadFrame("nested too deeply")
        if type(packed) is list:
            return self._members(packed, depth + 1)
        if type(packed) is not dict or len(packed) != 1:
            raise BadFrame("an unknown kind of value")
        ((tag, content),) = packed.items()
        make = self.kinds.get(tag)
        if make is None:
            raise BadFrame("an unknown kind of value")
        return make(content, depth + 1)

    def _members(self, content, depth, count=None):
        if type(content) is not list or count not in (None, len(content)):
            raise BadFrame("a list of another length was wanted")
        return [v if type(v) in _PLAIN else self.value(v, depth) for v in content]

    def _tuple(self, content, depth):
        return tuple(self._members(content, depth))

    def _dict(self, content, depth):
        pairs = [self._members(p, depth, 2) for p in content] if type(content) is list else [[]]
        if not all(p and type(p[0]) in (str, int, type(None)) for p in pairs):
            raise BadFrame("a key that is no text")
        return dict(pairs)

    def _slice(self, content, depth):
        return slice(*self._members(content, depth, 3))

    def _array(self, content, depth):
        if type(content) is not list or len(content) != 3:
            raise BadFrame("an array without type and shape")
        dtype, shape, single = content
        if dtype not in DTYPES or type(shape) is not list or len(shape) > MOST_AXES:
            raise BadFrame("an array of unknown type")
        if not all(type(n) is int and 0 <= n < 2**40 for n in shape):
            raise BadFrame("an array of impossible shape")
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if size > len(self.body) - self.place:
            raise BadFrame("an array without its numbers")
        taken = self.body[self.place : self.place + size]
        self.place += size
        try:
            array = np.frombuffer(taken, dtype).reshape(shape).copy()
        except ValueError:  # more entries along one axis than there can be, and none along another
            raise BadFrame("an array of impossible shape") from None
        return array[()] if single is True and not shape else array

    def _object(self, content, depth):
        if type(content) is not list or len(content) != 2 or type(content[0]) is not str:
            raise BadFrame("an object without a name")
        kind = self.classes.get(content[0])
        if kind is None:
            raise BadFrame("an object of unknown type")
        return kind(*self._members(content[1], depth, len(_names_of(kind))))


def encode(message, classes=PROBES + OUTCOMES):
    """The frame of a message: None, numbers, texts, lists, tuples, dicts, slices, arrays, probes.

    Raises BadFrame for anything else.
    """
    arrays = []
    header = json.dumps(_packed(message, arrays, classes), separators=(",", ":")).encode()
    body = b"".join(a.tobytes() for a in arrays)
    return _PREFIX.pack(MAGIC, len(header), len(body)) + header + body


def lengths(prefix, limits):
    """(bytes of the header, bytes of the body) that the first `PREFIX_BYTES` announce."""
    magic, header, body = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise BadFrame("this is no frame")
    if header > limits.header or body > limits.body:
        raise BadFrame(f"a frame of {header + body} bytes is too large")
    return header, body


def decode(header, body, classes=PROBES + OUTCOMES, limits=TRUSTED):
    """The message in a frame's header and body. Raises BadFrame."""
    try:
        packed = json.loads(header)
    except (ValueError, RecursionError):
        raise BadFrame("a header that is no JSON") from None
    unpacker = _Unpacker(body, classes, limits.depth)
    message = unpacker.value(packed)
    if unpacker.place != len(body):
        raise BadFrame("numbers that belong to no array")
    return message


def reading_from(stream):
    """read(count) of a binary stream, which raises EOFError where there is less."""

    def read(count):
        content = stream.read(count)
        if len(content) < count:
            raise EOFError
        return content

    return read


def read_frame(read, classes=PROBES + OUTCOMES, limits=TRUSTED):
    """The next message. read(n): exactly n bytes, from wherever they come."""
    header, body = lengths(read(PREFIX_BYTES), limits)
    return decode(read(header), read(body), classes, limits)
