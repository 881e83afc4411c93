"""User variables: what type a value has once it is in @name.

As in MariaDB a variable remembers a class of value rather than the type of what was assigned: integers become BIGINT,
text and temporal values LONGTEXT, bytes LONGBLOB.
"""

from __future__ import annotations

from typing import Final

from fauna.catalog.types import BYTES, DEFAULT_COLLATION, FLOATS, INTEGERS, TEMPORAL, Kind, SqlType, Stored
from fauna.sql.convert import Mode, conversion

UNDEFINED: Final = SqlType(Kind.LONGBLOB, (1 << 32) - 1)


def type_in_variable(sql_type: SqlType) -> SqlType:
    """The type of @name after a value of `sql_type` was assigned."""
    kind = sql_type.kind
    if kind in INTEGERS or kind in (Kind.YEAR, Kind.BIT):
        return SqlType(Kind.BIGINT, 20, unsigned=sql_type.unsigned or kind in (Kind.YEAR, Kind.BIT))
    if kind in FLOATS:
        return SqlType(Kind.DOUBLE, 23)
    if kind is Kind.DECIMAL:
        return sql_type
    if kind in BYTES or kind is Kind.NULL:
        return UNDEFINED
    return SqlType(Kind.LONGTEXT, (1 << 32) - 1, collation=sql_type.collation or DEFAULT_COLLATION)


def kept(sql_type: SqlType, value: Stored) -> tuple[SqlType, Stored]:
    """Type and value of a variable that `value` is assigned to."""
    target = type_in_variable(sql_type)
    if value is None:
        return target, None
    if sql_type.kind in TEMPORAL or sql_type.kind in (Kind.ENUM, Kind.SET, Kind.BIT, Kind.YEAR):
        function = conversion(sql_type, target, Mode.IMPLICIT)
        return target, function(value) if function is not None else value
    return target, value
