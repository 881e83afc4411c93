"""Makes the library known to an SQLite connection: `f_<name>` for functions, `a_<name>` for aggregates.

The wrappers stand between SQLite's values and the plain values that functions take: NULL in, NULL out; a BIGINT
UNSIGNED may arrive as 8 bytes and leaves so; a DECIMAL arrives as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import apsw

from fauna.catalog.types import INT64_MAX, scaled_of
from fauna.catalog.values import format_scaled
from fauna.sql.functions.registry import AGGREGATES, FUNCTIONS, Aggregate, Arg, Function

Call = Callable[..., Any]


def _extras(function: Function) -> int:
    """How many arguments are appended to the statement's own."""
    return len(function.session) + function.pass_scale + function.collate_args + function.pass_types


def _stored(value: Any) -> Any:
    """A result as SQLite holds it."""
    return value.to_bytes(8, "big") if type(value) is int and value > INT64_MAX else value


def _decode(value: Any, form: Arg, letter: str) -> Any:
    if type(value) is bytes:
        if form in (Arg.INTEGER, Arg.DECIMAL) or (letter in "ib" and letter):
            return int.from_bytes(value, "big")
    elif form is Arg.DECIMAL and type(value) is str:
        return Decimal(value)
    return value


def wrapped(function: Function) -> Call:
    """`function.call` over SQLite's values; also right for folding constants."""
    call = function.call
    assert call is not None, function.name
    if Arg.BYTES in function.args:
        call = _given_bytes(call, function.args, _extras(function))
    if not any(form in (Arg.INTEGER, Arg.DECIMAL, Arg.ANY, Arg.TEMPORAL) for form in function.args):
        return _null_aware(call) if function.null_aware else _plain(call)
    return _decoding(call, function)


def _given_bytes(call: Call, forms: Sequence[Arg], extras: int) -> Call:
    """`call`, for arguments that may arrive as text: MAKE_SET or CONCAT_WS of bytes says bytes even when it gives ''."""
    last = len(forms) - 1

    def run(*values: Any) -> Any:
        if str not in map(type, values):
            return call(*values)
        own = len(values) - extras
        wanted = [i < own and forms[min(i, last)] is Arg.BYTES for i in range(len(values))]
        return call(
            *[
                value.encode("utf-8", "surrogateescape") if as_bytes and type(value) is str else value
                for value, as_bytes in zip(values, wanted, strict=True)
            ]
        )

    return run


def _plain(call: Call) -> Call:
    def run(*values: Any) -> Any:
        if None in values:
            return None
        try:
            return _stored(call(*values))
        except (TypeError, AttributeError):
            return _stored(call(*_as_text(values)))

    return run


def _as_text(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values with byte strings as text.  An expression's bytes may arrive where its type promised characters (a
    function of a BLOB that says VARCHAR); without any the caller's exception goes on."""
    if bytes not in map(type, values):
        raise  # noqa: PLE0704 (called while the exception is being handled)
    return tuple(value.decode("latin-1") if type(value) is bytes else value for value in values)


def _null_aware(call: Call) -> Call:
    def run(*values: Any) -> Any:
        try:
            return _stored(call(*values))
        except (TypeError, AttributeError):
            return _stored(call(*_as_text(values)))

    return run


def _decoding(call: Call, function: Function) -> Call:
    extras, forms, null_aware, letters_passed = _extras(function), function.args, function.null_aware, function.pass_types
    has_decimal = Arg.DECIMAL in forms

    def run(*values: Any) -> Any:
        if not null_aware and None in values:
            return None
        if has_decimal or bytes in map(type, values):
            count = len(values) - extras
            letters = values[-1] if letters_passed else ""
            values = tuple(
                _decode(value, forms[min(index, len(forms) - 1)] if index < count else Arg.STRING, letters[index : index + 1])
                for index, value in enumerate(values)
            )
        try:
            return _stored(call(*values))
        except (TypeError, AttributeError):
            return _stored(call(*_as_text(values)))

    return run


class _Window:
    """An aggregate's object as apsw wants it, with SQLite's values decoded."""

    __slots__ = ("_forms", "_inner")

    def __init__(self, aggregate: Aggregate) -> None:
        self._inner = aggregate.factory()
        self._forms = aggregate.args if Arg.INTEGER in aggregate.args else ()

    def _decoded(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._forms:
            return values
        return tuple(
            int.from_bytes(value, "big")
            if type(value) is bytes and index < len(self._forms) and self._forms[index] is Arg.INTEGER
            else value
            for index, value in enumerate(values)
        )

    def step(self, *values: Any) -> None:
        self._inner.step(*self._decoded(values))

    def inverse(self, *values: Any) -> None:
        self._inner.inverse(*self._decoded(values))

    def value(self) -> Any:
        return _stored(self._inner.value())

    def final(self) -> Any:
        return _stored(self._inner.final())


def _window_factory(aggregate: Aggregate) -> Callable[[], _Window]:
    return lambda: _Window(aggregate)


@cache
def _scalars() -> tuple[tuple[str, Call, bool], ...]:
    from fauna.sql.functions import load

    load()
    return tuple(
        (f"f_{name.lower()}", wrapped(function), function.deterministic)
        for name, function in FUNCTIONS.items()
        if function.call is not None
    )


@cache
def _windows() -> tuple[tuple[str, Callable[[], _Window]], ...]:
    return tuple((f"a_{name.lower()}", _window_factory(aggregate)) for name, aggregate in AGGREGATES.items())


def _decimal_argument(*values: Any) -> Any:
    """A stored DECIMAL, and its scale, as the text in which functions are handed it."""
    value, scale = values
    return value if value is None else format_scaled(scaled_of(value), scale)


def _unsigned_argument(*values: Any) -> Any:
    """A stored BIGINT UNSIGNED stays what it is: the wrappers decode it."""
    return values[0]


def register_all(connection: apsw.Connection) -> None:
    """Register the whole library with a connection: a few milliseconds."""
    for name, call, deterministic in _scalars():
        connection.create_scalar_function(name, call, deterministic=deterministic)
    for name, factory in _windows():
        connection.create_window_function(name, factory)
    connection.create_scalar_function("d_arg", _decimal_argument, 2, deterministic=True)
    connection.create_scalar_function("u_arg", _unsigned_argument, 1, deterministic=True)
