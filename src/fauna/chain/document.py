"""Checkpoints and proofs as JSON documents: read strictly, so that there is one meaning of each, or an error that says why not.

A document is an object with `type` and `version`.  Numbers are numbers, hashes and bytes are hexadecimal digits in lower case.
A field that is unknown, missing, twice there or of another kind is an error: what no signature and no hash covers must not be
believed by anybody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fauna.chain.merkle import HASH_BYTES, PATH_MAX
from fauna.errors import FaunaError

DOCUMENT_MAX: Final = 1 << 30
"""Characters of a document; a proof holds the whole of one change, two digits for a byte."""
NUMBER_MAX: Final = (1 << 63) - 1

Given = Mapping[str, Any] | str | Path


class ProofError(FaunaError):
    """What was to be proved is not.

    message  what does not fit, and what was expected
    hint     what to do, or ""
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class Fields:
    """The fields of a JSON object, each taken once: `done` says when others are left.  `what` begins the errors."""

    def __init__(self, what: str, found: Any) -> None:
        if not isinstance(found, Mapping):
            raise ProofError(f"{what} must be a JSON object, not {_kind(found)}")
        self.what = what
        self._left = dict(found)

    def take(self, name: str) -> Any:
        try:
            return self._left.pop(name)
        except KeyError:
            raise ProofError(f"{self.what} has no field {name!r}") from None

    def number(self, name: str) -> int:
        """From 0 up to 2^63 - 1."""
        found = self.take(name)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= NUMBER_MAX:
            raise ProofError(f"{self.what}: {name!r} must be a whole number from 0 to {NUMBER_MAX}, not {_shown(found)}")
        return found

    def text(self, name: str) -> str:
        found = self.take(name)
        if not isinstance(found, str):
            raise ProofError(f"{self.what}: {name!r} must be a text, not {_kind(found)}")
        return found

    def hexadecimal(self, name: str, size: int | None = None) -> bytes:
        """size: how many bytes it must have."""
        return from_hex(f"{self.what}: {name!r}", self.take(name), size)

    def items(self, name: str, count_max: int) -> Sequence[Any]:
        found = self.take(name)
        if not isinstance(found, list) or len(found) > count_max:
            raise ProofError(f"{self.what}: {name!r} must be a list of at most {count_max} entries")
        return found

    def path(self, name: str) -> tuple[bytes, ...]:
        """A Merkle path: a list of hashes."""
        return tuple([from_hex(f"{self.what}: {name!r}", each, HASH_BYTES) for each in self.items(name, PATH_MAX)])

    def kind(self, kind: str, version: int) -> None:
        """Take `type` and `version`, and refuse a document of another type or of a later version."""
        found = self.text("type")
        if found != kind:
            raise ProofError(f"{self.what} is expected, a document of type {found!r} is given", f"its type must be {kind!r}")
        number = self.number("version")
        if number != version:
            raise ProofError(f"{self.what} is of version {number}, version {version} is known", "use a newer FaunaDB")

    def done(self) -> None:
        if self._left:
            raise ProofError(f"{self.what} has an unknown field {next(iter(self._left))!r}", "nothing would check what it says")


def from_hex(what: str, found: Any, size: int | None = None) -> bytes:
    """The bytes that hexadecimal digits in lower case stand for."""
    expected = f"{size * 2} hexadecimal digits" if size is not None else "hexadecimal digits, two for each byte"
    try:
        data = bytes.fromhex(found)
    except (TypeError, ValueError):
        raise ProofError(f"{what} must be {expected}, not {_shown(found)}") from None
    if (size is not None and len(data) != size) or data.hex() != found:
        raise ProofError(f"{what} must be {expected} in lower case, not {_shown(found)}")
    return data


def read_document(what: str, given: Given, size_max: int = DOCUMENT_MAX) -> Any:
    """The JSON value of a document that is given as its fields, as text that begins with '{', or as the name of a file."""
    if isinstance(given, Mapping):
        return given
    if isinstance(given, str) and given.lstrip()[:1] == "{":
        text = given
    elif isinstance(given, (str, Path)):
        text = _read_file(what, given, size_max)
    else:
        raise ProofError(f"{what} must be a dict, JSON text or the name of a file, not {_kind(given)}")
    if len(text) > size_max:
        raise ProofError(f"{what} has {len(text)} characters, at most {size_max} are read")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise ProofError(f"{what} is not JSON: {problem}") from None


def write_document(fields: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(fields, ensure_ascii=True, separators=(", ", ": "))


def _read_file(what: str, path: str | Path, size_max: int) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(size_max + 1)
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofError(f"{what}: file '{os.fspath(path)}' is not text in UTF-8") from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise ProofError(f"{what}: cannot read file '{str(path)[:200]}': {reason}",
                         "give a dict, JSON text that begins with '{', or the name of a file") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _kind(found: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false"}
    return "null" if found is None else names.get(type(found), type(found).__name__)


def _shown(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."
