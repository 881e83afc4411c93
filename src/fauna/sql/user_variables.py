"""User variables: what type a value has once it is in @name.

As in MariaDB a variable remembers a class of value rather than the type of what was assigned: integers become BIGINT,
text and temporal values LONGTEXT, bytes LONGBLOB.
"""

from __future__ import annotations

from typing import Final

from fauna.catalog.types import BYTES, DEFAULT_COLLATION, FLOATS, INTEGERS, TEMPORAL, TEXTS, Kind, SqlType, Stored
from fauna.sql.convert import Mode, conversion
from fauna.sql.functions.results import width

INT_DIGITS: Final = 10  # shorter integers surely fit an INT
UNDEFINED: Final = SqlType(Kind.LONGBLOB, (1 << 32) - 1)


def type_in_variable(sql_type: SqlType) -> SqlType:
    """The type of @name after a value of `sql_type` was assigned."""
    kind = sql_type.kind
    if kind in INTEGERS or kind in (Kind.YEAR, Kind.BIT):
        return SqlType(Kind.BIGINT, 20, unsigned=sql_type.unsigned or kind in (Kind.YEAR, Kind.BIT))
    if kind in FLOATS:
        return SqlType(Kind.DOUBLE, 23, 31)
    if kind is Kind.DECIMAL:
        return sql_type
    if kind in BYTES or kind is Kind.NULL:
        return UNDEFINED
    return SqlType(Kind.LONGTEXT, (1 << 32) - 1, collation=sql_type.collation or DEFAULT_COLLATION)


def assignment_type(sql_type: SqlType) -> SqlType:
    """The type of `@name := value` itself: that of the variable, but text is as long as the value."""
    target = type_in_variable(sql_type)
    if target == UNDEFINED or sql_type.kind in TEXTS:
        return sql_type
    if target.kind is Kind.BIGINT and width(sql_type) < INT_DIGITS:
        return SqlType(Kind.INT, width(sql_type), unsigned=target.unsigned)
    return SqlType(Kind.VARCHAR, width(sql_type), collation=target.collation) if target.kind is Kind.LONGTEXT else target


def kept(sql_type: SqlType, value: Stored) -> tuple[SqlType, Stored]:
    """Type and value of a variable that `value` is assigned to."""
    target = type_in_variable(sql_type)
    if value is None:
        return target, None
    if sql_type.kind in TEMPORAL or sql_type.kind in (Kind.ENUM, Kind.SET, Kind.BIT, Kind.YEAR):
        function = conversion(sql_type, target, Mode.IMPLICIT)
        return target, function(value) if function is not None else value
    return target, value
