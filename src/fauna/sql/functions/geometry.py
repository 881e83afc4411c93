"""Geometry values: as MySQL stores them (four bytes of SRID, then well-known binary), and to and from text.

Not for: measuring, relations between shapes, spatial indexes.  Coordinates are pairs of doubles.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from fauna.catalog.types import Kind, SqlType
from fauna.sql.context import current
from fauna.sql.functions.registry import Arg, Function, register
from fauna.sql.functions.results import BLOB_WIDTH, fixed, text_of

COORDINATES_MAX: Final = 1_000_000
_TYPES: Final = {
    "POINT": 1, "LINESTRING": 2, "POLYGON": 3, "MULTIPOINT": 4, "MULTILINESTRING": 5, "MULTIPOLYGON": 6, "GEOMETRYCOLLECTION": 7,
}  # fmt: skip
_NAMES: Final = {number: name for name, number in _TYPES.items()}
_TOKEN: Final = re.compile(r"\s*(?:([A-Za-z]+)|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([(),]))")
_GEOMETRY: Final = SqlType(Kind.LONGBLOB, BLOB_WIDTH)
_DEPTH_MAX: Final = 32


class _Malformed(Exception):
    """No geometry: functions answer NULL."""


# ── text to binary ──


class _Text:
    def __init__(self, text: str) -> None:
        self._tokens = self._read(text)
        self.next = next(self._tokens)

    @staticmethod
    def _read(text: str) -> Iterator[str]:
        position, text = 0, text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise _Malformed
            position = found.end()
            yield found[found.lastindex or 0].upper()
        yield ""
        raise _Malformed

    def take(self) -> str:
        token, self.next = self.next, next(self._tokens)
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise _Malformed

    def coordinate(self) -> bytes:
        try:
            return struct.pack("<dd", float(self.take()), float(self.take()))
        except ValueError:
            raise _Malformed from None

    def listed(self, read: Any, least: int = 1) -> bytes:
        """( item, item, … ) as a count and the items."""
        self.expect("(")
        items = [read()]
        while self.next == ",":
            self.take()
            items.append(read())
        self.expect(")")
        if len(items) < least:
            raise _Malformed
        return struct.pack("<I", len(items)) + b"".join(items)

    def geometry(self, depth: int = 0) -> bytes:
        kind = _TYPES.get(self.take())
        if kind is None or depth > _DEPTH_MAX:
            raise _Malformed
        return self.body(kind, depth)

    def body(self, kind: int, depth: int) -> bytes:
        head = struct.pack("<BI", 1, kind)
        if kind == 1:
            self.expect("(")
            point = self.coordinate()
            self.expect(")")
            return head + point
        if kind == 2:
            return head + self.listed(self.coordinate, 2)
        if kind == 3:
            return head + self.listed(self._ring)
        if kind == 4:
            return head + self.listed(self._bare_point)
        if kind == 7:
            if self.next == "EMPTY":
                self.take()
                return head + struct.pack("<I", 0)
            return head + self.listed(lambda: self.geometry(depth + 1))
        return head + self.listed(lambda: self.body(kind - 3, depth + 1))

    def _ring(self) -> bytes:
        ring = self.listed(self.coordinate, 4)
        if ring[4:20] != ring[-16:]:
            raise _Malformed  # a ring ends where it begins
        return ring

    def _bare_point(self) -> bytes:
        wrapped = self.next == "("
        if wrapped:
            self.take()
        point = struct.pack("<BI", 1, 1) + self.coordinate()
        if wrapped:
            self.expect(")")
        return point


def _from_text(text: str, srid: int = 0) -> bytes | None:
    try:
        reader = _Text(text)
        found = reader.geometry()
    except (_Malformed, StopIteration, RuntimeError):
        return None
    return struct.pack("<I", srid & 0xFFFFFFFF) + found if reader.next == "" else None


# ── binary to text ──


class _Binary:
    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position, self._order = data, position, "<"

    def _unpack(self, form: str) -> Any:
        try:
            values = struct.unpack_from(self._order + form, self.data, self.position)
        except struct.error:
            raise _Malformed from None
        self.position += struct.calcsize(self._order + form)
        return values

    def head(self) -> int:
        if self.position >= len(self.data) or self.data[self.position] > 1:
            raise _Malformed
        self._order = "<" if self.data[self.position] else ">"
        self.position += 1
        (kind,) = self._unpack("I")
        return int(kind)

    def coordinate(self) -> str:
        x, y = self._unpack("dd")
        return f"{_number(x)} {_number(y)}"

    def listed(self, read: Any) -> str:
        (count,) = self._unpack("I")
        if count > COORDINATES_MAX:
            raise _Malformed
        return "(" + ",".join([read() for _ in range(count)]) + ")"

    def text(self, depth: int = 0) -> str:
        kind = self.head()
        if kind not in _NAMES or depth > _DEPTH_MAX:
            raise _Malformed
        return _NAMES[kind] + self._body(kind, depth)

    def _body(self, kind: int, depth: int) -> str:
        if kind == 1:
            return f"({self.coordinate()})"
        if kind == 2:
            return self.listed(self.coordinate)
        if kind == 3:
            return self.listed(lambda: self.listed(self.coordinate))
        if kind == 7:
            return self.listed(lambda: self.text(depth + 1)).replace("()", " EMPTY")
        return self.listed(lambda: self._member(kind - 3, depth))

    def _member(self, kind: int, depth: int) -> str:
        if self.head() != kind:
            raise _Malformed
        return self.coordinate() if kind == 1 else self._body(kind, depth + 1)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _as_text(data: bytes) -> str | None:
    try:
        reader = _Binary(data, 4)
        text = reader.text()
    except _Malformed:
        return None
    return text if reader.position == len(data) else None


def is_geometry(data: bytes, word: str) -> bool:
    """Whether a column declared as `word` ('geometry', 'point' …) may hold these bytes."""
    text = _as_text(data)
    return text is not None and (word == "geometry" or re.match(rf"{word}[ (]", text, re.I) is not None)


def _from_binary(data: bytes, srid: int = 0) -> bytes | None:
    made = struct.pack("<I", srid & 0xFFFFFFFF) + data
    return made if _as_text(made) is not None else None


def _geometry_type(data: bytes) -> str | None:
    text = _as_text(data)
    return None if text is None else re.split(r"[ (]", text, maxsplit=1)[0]


def _srid(data: bytes) -> int | None:
    return int.from_bytes(data[:4], "little") if _as_text(data) is not None else None


def _point_at(data: bytes, offset: int) -> float | None:
    if _geometry_type(data) != "POINT":
        current().warn("WRONG_PARAMETERS_TO_NATIVE_FCT", "st_x" if offset == 9 else "st_y")
        return None
    value: float = struct.unpack_from("<d" if data[4] else ">d", data, offset)[0]
    return value


_DOUBLE: Final = fixed(SqlType(Kind.DOUBLE, 23, 31))
_BLOB: Final = (Arg.BYTES,)
register(
    Function("ST_GEOMFROMTEXT", (Arg.STRING, Arg.INTEGER), 1, 2, fixed(_GEOMETRY), _from_text),
    "GEOMFROMTEXT", "ST_GEOMETRYFROMTEXT", "GEOMETRYFROMTEXT",
)  # fmt: skip
register(
    Function("ST_GEOMFROMWKB", (Arg.BYTES, Arg.INTEGER), 1, 2, fixed(_GEOMETRY), _from_binary),
    "GEOMFROMWKB", "ST_GEOMETRYFROMWKB", "GEOMETRYFROMWKB",
)  # fmt: skip
register(Function("ST_ASTEXT", _BLOB, 1, 1, text_of(BLOB_WIDTH), _as_text), "ASTEXT", "ST_ASWKT", "ASWKT")
register(
    Function("ST_ASWKB", _BLOB, 1, 1, fixed(_GEOMETRY), lambda data: data[4:] if _as_text(data) is not None else None),
    "ASWKB", "ST_ASBINARY", "ASBINARY",
)  # fmt: skip
register(Function("ST_GEOMETRYTYPE", _BLOB, 1, 1, text_of(20), _geometry_type), "GEOMETRYTYPE")
register(Function("ST_SRID", _BLOB, 1, 1, fixed(SqlType(Kind.INT, 10)), _srid), "SRID")
register(Function("ST_X", _BLOB, 1, 1, _DOUBLE, lambda data: _point_at(data, 9)))
register(Function("ST_Y", _BLOB, 1, 1, _DOUBLE, lambda data: _point_at(data, 17)))
register(
    Function("POINT", (Arg.REAL,), 2, 2, fixed(_GEOMETRY), lambda x, y: struct.pack("<IBIdd", 0, 1, 1, x, y)),
)
