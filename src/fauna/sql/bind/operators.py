"""Arithmetic, comparison, logic and bit operators: result types as MariaDB's, computed exactly.

Integers and narrow DECIMALs are SQLite integers, so + - * % and comparison are SQLite's own, watched by `ck` (BIGINT) and
`ckd` (DECIMAL) where a result might leave 64 bits: `ck` raises error 1690, `ckd` has the statement computed again in
28-byte decimals.  Source of the result types: MariaDB Knowledge Base, "Arithmetic Operators".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fauna.catalog.types import (
    BIGINT_TYPE,
    BOOL_TYPE,
    BYTES,
    CHARS,
    FLOATS,
    INT64_MAX,
    INTEGERS,
    STRINGS,
    TEMPORAL,
    UBIGINT_TYPE,
    Kind,
    SqlType,
    Stored,
    datetime_type,
    decimal_type,
    from_unsigned,
    from_wide,
    time_type,
    to_wide,
)
from fauna.errors import error
from fauna.sql.bind.coerce import (
    Constant,
    converted,
    exact_number,
    hex_number,
    is_hex,
    mapped,
    numeric_operand,
    quoted,
    rescaled,
    retyped,
    to_boolean,
    to_bytes,
    to_date,
    to_datetime,
    to_integer,
    to_real,
    to_text,
    to_time,
    wide_of,
)
from fauna.sql.bind.context import BindContext
from fauna.sql.bind.declared import in_declared_form
from fauna.sql.bind.merge import aggregate_collation, operand_length, operand_precision, precision_of
from fauna.sql.bind.years import with_years
from fauna.sql.collation import sort_key
from fauna.sql.convert import Mode, conversion
from fauna.sql.typed import ColumnRef, Const, Convert, Op, Slot, Typed, runtime_scale

SMALL_INTS = frozenset({Kind.TINYINT, Kind.SMALLINT, Kind.MEDIUMINT, Kind.INT, Kind.YEAR})
EXACT_KINDS = INTEGERS | {Kind.DECIMAL, Kind.YEAR, Kind.BIT}


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────────────────────


def arithmetic(b: BindContext, op: str, left: Typed, right: Typed) -> Typed:
    """+ - * / DIV %"""
    left, right = numeric_operand(left), numeric_operand(right)
    nullable = left.nullable or right.nullable or op in ("/", "DIV", "%")
    if op == "/":
        return _divide(b, left, right)
    if op == "DIV":
        return _divide_whole(left, right)
    if left.type.kind in FLOATS or right.type.kind in FLOATS:
        return _real_arithmetic(op, left, right, nullable)
    if left.type.kind is Kind.DECIMAL or right.type.kind is Kind.DECIMAL:
        return _decimal_arithmetic(b, op, left, right, nullable)
    if op == "-" and "NO_UNSIGNED_SUBTRACTION" in b.scope.sql_mode and (left.type.unsigned or right.type.unsigned):
        return Op(BIGINT_TYPE, nullable, op, (left, right), "s_sub({0}, {1})")
    return _integer_arithmetic(op, left, right, nullable)


def _real_arithmetic(op: str, left: Typed, right: Typed, nullable: bool) -> Typed:
    left, right = to_real(left), to_real(right)
    scale = 31
    if op in "+-" and left.type.scale < 31 and right.type.scale < 31:
        scale = max(left.type.scale, right.type.scale)
    result = SqlType(Kind.DOUBLE, 23, scale)
    if op == "%":
        return Op(result, True, op, (left, right), "rmod({0}, {1})")
    return Op(result, nullable, op, (left, right), f"ckr({{0}} {op} {{1}})")


_UNSIGNED = {"+": "u_add", "-": "u_sub", "*": "u_mul", "%": "u_mod"}


def _integer_arithmetic(op: str, left: Typed, right: Typed, nullable: bool) -> Typed:
    unsigned = left.type.unsigned or right.type.unsigned or Kind.BIT in (left.type.kind, right.type.kind)
    if op == "%":
        unsigned = left.type.unsigned
        result = integer_of(operand_length(left), unsigned) if left.type.kind in INTEGERS else BIGINT_TYPE
        if left.type.is_big_unsigned or right.type.is_big_unsigned:
            return Op(UBIGINT_TYPE if unsigned else BIGINT_TYPE, True, op, (left, right), "u_mod({0}, {1})")
        return Op(result, True, op, (left, right), "imod({0}, {1})")
    lp, rp = operand_precision(left), operand_precision(right)
    precision = lp + rp if op == "*" else max(lp, rp) + 1
    small = left.type.kind in SMALL_INTS and right.type.kind in SMALL_INTS
    if unsigned:
        result = integer_of(min(precision, 21), True)
        template = f"({{0}} {op} {{1}})" if small and op != "-" else f"{_UNSIGNED[op]}({{0}}, {{1}})"
        return Op(result, nullable, op, (left, right), template)
    template = f"({{0}} {op} {{1}})" if small else f"ck({{0}} {op} {{1}})"
    return Op(integer_of(min(precision + 1, 21), False), nullable, op, (left, right), template)


def integer_of(length: int, unsigned: bool) -> SqlType:
    """INT when that many characters surely fit one, else BIGINT, as MariaDB types integer results."""
    return SqlType(Kind.INT if length < 10 else Kind.BIGINT, length, unsigned=unsigned)


def _decimal_arithmetic(b: BindContext, op: str, left: Typed, right: Typed, nullable: bool) -> Typed:
    ls, rs = _scale(left), _scale(right)
    lp, rp = precision_of(left.type), precision_of(right.type)
    run_l, run_r = runtime_scale(left), runtime_scale(right)
    if op == "*":
        scale, run = min(ls + rs, 38), run_l + run_r
        precision = lp + rp
    else:
        scale, run = max(ls, rs), max(run_l, run_r)
        precision = max(lp - ls, rp - rs) + scale + (1 if op in "+-" else 0)
    wide = (
        left.type.wide
        or right.type.wide
        or left.type.is_big_unsigned
        or right.type.is_big_unsigned
        or (b.wide and precision > 18)
        or run > 38
    )
    result = decimal_type(precision, scale, unsigned=left.type.unsigned and right.type.unsigned, wide=wide)
    if op != "*":
        left, right = _at_scale(left, run, wide), _at_scale(right, run, wide)
    elif wide:
        left, right = wide_of(left), wide_of(right)
    extra = run - scale
    if op == "*" and run > 38:
        left, right = wide_of(left), wide_of(right)
        return Op(result, nullable, op, (left, right), f"dec_rescale(dec_mul({{0}}, {{1}}), {run}, {scale})")
    if wide:
        name = {"+": "dec_add", "-": "dec_sub", "*": "dec_mul", "%": "dec_mod"}[op]
        return Op(result, nullable, op, (left, right), f"{name}({{0}}, {{1}})", extra)
    if op == "%":
        return Op(result, True, op, (left, right), "imod({0}, {1})", extra)
    template = f"({{0}} {op} {{1}})" if precision + extra <= 18 else f"ckd({{0}} {op} {{1}})"
    return Op(result, nullable, op, (left, right), template, extra)


def _scale(node: Typed) -> int:
    return node.type.scale if node.type.kind is Kind.DECIMAL else 0


def _at_scale(node: Typed, scale: int, wide: bool) -> Typed:
    """The integer carrying `node` at `scale` digits; its type keeps the precision for further checks."""
    precision = min(precision_of(node.type) - _scale(node) + scale, 65)
    return rescaled(node, scale, decimal_type(precision, min(scale, 38), wide=wide))


def _divide(b: BindContext, left: Typed, right: Typed) -> Typed:
    if left.type.kind in FLOATS or right.type.kind in FLOATS:
        left, right = to_real(left), to_real(right)
        return Op(SqlType(Kind.DOUBLE, 23, 31), True, "/", (left, right), "rdiv({0}, {1})")
    increment = b.scope.div_precision_increment
    scale = min(_scale(left) + increment, 38)
    precision = min(precision_of(left.type) + _scale(right) + increment, 65)
    left, right = (wide_of(n) if n.type.is_big_unsigned else n for n in (left, right))
    result, extra, template = division(b, left, right, scale, precision)
    return Op(result, True, "/", (left, right), template, extra)


def division(b: BindContext, left: Typed, right: Typed, scale: int, precision: int) -> tuple[SqlType, int, str]:
    """Result type, extra digits and SQLite text of an exact quotient with `scale` shown digits."""
    run = -(-scale // 9) * 9
    big = left.type.is_big_unsigned or right.type.is_big_unsigned
    wide = left.type.wide or right.type.wide or b.wide or big or run > 18
    unsigned = left.type.unsigned and right.type.unsigned
    result = decimal_type(precision, scale, unsigned=unsigned, wide=wide)
    at_l, at_r = runtime_scale(left), runtime_scale(right)
    if wide:
        return result, run - scale, f"dec_div({{0}}, {at_l}, {{1}}, {at_r}, {run})"
    return result, run - scale, f"dn_div({{0}}, {{1}}, {run - at_l + at_r})"


def _divide_whole(left: Typed, right: Typed) -> Typed:
    unsigned = left.type.unsigned or right.type.unsigned
    whole = precision_of(left.type) - _scale(left) if left.type.kind not in FLOATS else 9
    result = integer_of(whole, unsigned)
    if left.type.kind in FLOATS or right.type.kind in FLOATS:
        return Op(result, True, "DIV", (to_real(left), to_real(right)), "rintdiv({0}, {1})")
    if left.type.is_big_unsigned or right.type.is_big_unsigned:
        return Op(result, True, "DIV", (left, right), "u_div({0}, {1})")
    if left.type.kind is Kind.DECIMAL or right.type.kind is Kind.DECIMAL:
        run = max(runtime_scale(left), runtime_scale(right))
        wide = left.type.wide or right.type.wide
        left, right = _at_scale(left, run, wide), _at_scale(right, run, wide)
        return Op(result, True, "DIV", (left, right), "dec_intdiv({0}, {1})" if wide else "idiv({0}, {1})")
    return Op(result, True, "DIV", (left, right), "idiv({0}, {1})")


def negated(b: BindContext, node: Typed) -> Typed:
    """Unary minus."""
    node = numeric_operand(node)
    kind = node.type.kind
    if kind in FLOATS:
        return mapped(node, SqlType(Kind.DOUBLE, 23, node.type.scale), lambda v: None if v is None else -v, "NEG", "(-{0})")  # type: ignore[operator]
    if kind is Kind.DECIMAL:
        if node.type.wide:
            return Op(
                node.type.with_(unsigned=False),
                node.nullable,
                "NEG",
                (node,),
                f"dec_sub(x'{to_wide(0).hex()}', {{0}})",
                runtime_scale(node) - node.type.scale,
            )
        extra = runtime_scale(node) - node.type.scale
        return mapped(node, node.type.with_(unsigned=False), lambda v: None if v is None else -v, "NEG", "(-{0})", extra=extra)  # type: ignore[operator]
    if isinstance(node, (Slot, Const)) and (isinstance(node, Const) or node.literal):
        if node.type.is_big_unsigned:
            # 9223372036854775808 is BIGINT UNSIGNED, yet -9223372036854775808 is a BIGINT.
            return mapped(node, BIGINT_TYPE, _negate_unsigned, "NEG", "u_neg({0})")
        return mapped(node, node.type.with_(unsigned=False), _negate_integer, "NEG", "ck(-{0})")
    if node.type.is_big_unsigned:
        return Op(BIGINT_TYPE, node.nullable, "NEG", (node,), "u_neg({0})")
    if kind in SMALL_INTS:
        return Op(integer_of(operand_length(node) + 1, False), node.nullable, "NEG", (node,), "(-{0})")
    return Op(BIGINT_TYPE, node.nullable, "NEG", (node,), "ck(-{0})")


def _negate_integer(value: Stored) -> Stored:
    """Of -9223372036854775808 there is no BIGINT."""
    if value is None:
        return None
    assert isinstance(value, int)
    number = -value
    if number > INT64_MAX:
        raise error("DATA_OUT_OF_RANGE", "BIGINT", f"-({value!r})")
    return number


def _negate_unsigned(value: Stored) -> Stored:
    if value is None:
        return None
    number = -from_unsigned(value)  # type: ignore[arg-type]
    if number < -(1 << 63):
        raise error("DATA_OUT_OF_RANGE", "BIGINT", f"-{-number}")
    return number


_BITS = {"|": "u_or", "&": "u_and", "^": "u_xor", "<<": "u_shl", ">>": "u_shr"}


def bitwise(op: str, left: Typed, right: Typed) -> Typed:
    left, right = to_integer(left), to_integer(right)
    return Op(UBIGINT_TYPE.with_(length=21), left.nullable or right.nullable, op, (left, right), f"{_BITS[op]}({{0}}, {{1}})")


def complement(node: Typed) -> Typed:
    node = to_integer(node)
    return Op(UBIGINT_TYPE.with_(length=21), node.nullable, "~", (node,), "u_not({0})")


# ── comparison ───────────────────────────────────────────────────────────────────────────────────────────────────


def comparable(b: BindContext, operands: list[Typed], operation: str) -> tuple[list[Typed], str]:
    """`operands` in one form in which SQLite's own comparison gives MySQL's answer, and the collation ('' for none)."""
    operands = with_years(in_declared_form(operands))
    kinds = [n.type.kind for n in operands if n.type.kind is not Kind.NULL]
    if not kinds:
        return operands, ""
    if any(k in TEMPORAL for k in kinds):
        temporal = _temporal_operands(operands, kinds)
        if temporal is not None:
            return temporal, ""
    if all(k in STRINGS for k in kinds):
        return _string_operands(b, operands, operation)
    return _number_operands([hex_number(n) if is_hex(n) else n for n in operands]), ""


def _string_operands(b: BindContext, operands: list[Typed], operation: str) -> tuple[list[Typed], str]:
    members = _member_operands(operands)
    if members is not None:
        return members, ""
    if any(n.type.kind in BYTES for n in operands):
        return [n if n.type.kind is Kind.NULL else to_bytes(n) for n in operands], ""
    collation = aggregate_collation(operands, operation, b.scope.collation)
    return [n if n.type.kind is Kind.NULL else to_text(n, collation) for n in operands], collation


def _member_operands(operands: list[Typed]) -> list[Typed] | None:
    """An ENUM column against constants compares positions, so that its index serves."""
    columns = [n for n in operands if isinstance(n, ColumnRef) and n.type.kind is Kind.ENUM]
    if len(columns) != 1 or len(operands) < 2:
        return None
    target = columns[0].type
    out: list[Typed] = []
    for node in operands:
        if node is columns[0]:
            out.append(retyped(node, BIGINT_TYPE))
        elif isinstance(node, (Slot, Const)) and node.type.kind in CHARS:
            out.append(mapped(node, BIGINT_TYPE, _member_position(target), "ENUM", "{0}"))
        else:
            return None
    return out


def _member_position(sql_type: SqlType) -> Convert:
    key = sort_key(sql_type.collation or "utf8mb4_general_ci")
    positions = {key(m): i for i, m in reversed(list(enumerate(sql_type.members, 1)))}

    def position(value: Stored) -> Stored:
        if value is None:
            return None
        return 0 if value == "" else positions.get(key(str(value)), -1)

    return position


def _temporal_operands(operands: list[Typed], kinds: Sequence[Kind]) -> list[Typed] | None:
    temporal = [k for k in kinds if k in TEMPORAL]
    others = [n for n in operands if n.type.kind not in TEMPORAL and n.type.kind is not Kind.NULL]
    numbers = [n for n in others if n.type.kind not in STRINGS]
    if numbers and not all(isinstance(n, Constant) for n in numbers):
        return None
    if all(k is Kind.TIME for k in temporal):
        if numbers:
            return None
        return [n if n.type.kind is Kind.NULL else _compared_time(n) for n in operands]
    if all(k is Kind.DATE for k in temporal) and not others:
        return [n if n.type.kind is Kind.NULL else to_date(n) for n in operands]
    if all(k is Kind.DATE for k in temporal) and all(isinstance(n, Constant) for n in others):
        return _date_against_constants(operands)
    scale = max((n.type.scale for n in operands if n.type.kind in TEMPORAL), default=0)
    if others and not all(isinstance(n, Constant) for n in others):
        scale = 6
    out = []
    for node in operands:
        if node.type.kind is Kind.NULL:
            out.append(node)
        elif node.type.kind in TEMPORAL:
            out.append(to_datetime(node, scale))
        else:
            out.append(_datetime_constant(node, scale))
    return out


def _compared_time(node: Typed) -> Typed:
    return converted(node, time_type(6), Mode.COMPARED) if node.type.kind in STRINGS else to_time(node)


def _datetime_constant(node: Typed, scale: int) -> Typed:
    """A constant against a DATETIME column: with its own fraction when that has more digits, which sorts right as text."""
    if not isinstance(node, Constant):
        return converted(node, datetime_type(scale), Mode.COMPARED) if node.type.kind in STRINGS else to_datetime(node, scale)
    convert = conversion(node.type, SqlType(Kind.DATETIME, 0, 6), Mode.COMPARED)
    assert convert is not None
    whole = 19 + (scale + 1 if scale else 0)

    def trimmed(value: Stored) -> Stored:
        text = None if value is None else convert(value)
        if text is None:
            return None
        assert isinstance(text, str)
        return text[:whole] if not text[whole:].strip("0.") else text

    return mapped(node, SqlType(Kind.DATETIME, 0, scale), trimmed, "DATETIME", "{0}")


def _date_against_constants(operands: list[Typed]) -> list[Typed]:
    """DATE column against constants: the column stays bare (its index serves), a constant at midnight loses its time."""
    out = []
    for node in operands:
        if node.type.kind in TEMPORAL or node.type.kind is Kind.NULL:
            out.append(to_date(node) if node.type.kind is not Kind.NULL else node)
            continue
        convert = conversion(node.type, SqlType(Kind.DATETIME, 0, 6), Mode.COMPARED)
        assert convert is not None
        out.append(mapped(node, SqlType(Kind.DATE), _date_or_datetime(convert), "DATE", "{0}"))
    return out


def _date_or_datetime(convert: Convert) -> Convert:
    def shorten(value: Stored) -> Stored:
        text = None if value is None else convert(value)
        if text is None:
            return None
        assert isinstance(text, str)
        return text[:10] if text[10:] == " 00:00:00.000000" else text

    return shorten


def _number_operands(operands: list[Typed]) -> list[Typed]:
    """Numbers, and strings that meet numbers."""
    columns = [n for n in operands if n.type.kind is not Kind.NULL and not isinstance(n, Constant)]
    if (
        len(columns) == 1
        and columns[0].type.kind in EXACT_KINDS
        and all(isinstance(n, Constant) or n is columns[0] or n.type.kind is Kind.NULL for n in operands)
    ):
        against = _constants_against(columns[0], operands)
        if against is not None:
            return against
    if any(n.type.kind in EXACT_KINDS for n in operands) and not any(n.type.kind in FLOATS for n in operands):
        operands = [converted(n, decimal_type(65, 30, wide=True)) if n.type.kind in CHARS else n for n in operands]
    numbers = [n if n.type.kind is Kind.NULL else exact_number(n) for n in operands]
    if any(n.type.kind in FLOATS for n in numbers):
        return [n if n.type.kind is Kind.NULL else to_real(n) for n in numbers]
    if not any(n.type.kind is Kind.DECIMAL for n in numbers):
        return numbers
    scale = max(runtime_scale(n) for n in numbers if n.type.kind is not Kind.NULL)
    wide = any(n.type.wide or n.type.is_big_unsigned for n in numbers) or any(
        precision_of(n.type) - _scale(n) + scale > 18
        for n in numbers
        if n.type.kind is not Kind.NULL and runtime_scale(n) < scale
    )
    return [n if n.type.kind is Kind.NULL else _at_scale(n, scale, wide) for n in numbers]


def _constants_against(column: Typed, operands: list[Typed]) -> list[Typed] | None:
    """Constants brought to the column's own scale, as ints where they fit and floats where not, so that the bare
    column is compared and its index serves.  None where that would not be exact."""
    if column.type.wide or column.type.is_big_unsigned:
        return None
    scale = runtime_scale(column)
    out: list[Typed] = []
    for node in operands:
        if node is column or node.type.kind is Kind.NULL:
            out.append(node)
        elif node.type.kind in INTEGERS or node.type.kind in (Kind.YEAR, Kind.BIT):
            if node.type.is_big_unsigned and scale:
                return None
            out.append(mapped(node, column.type, _scaled_integer(10**scale), "SCALE", "{0}") if scale else node)
        elif node.type.kind is Kind.DECIMAL:
            if node.type.wide or node.type.scale > scale and column.type.kind is Kind.DECIMAL or precision_of(node.type) > 15:
                return None
            out.append(mapped(node, column.type, _scaled_decimal(scale - node.type.scale), "SCALE", "{0}"))
        elif node.type.kind in FLOATS or node.type.kind in CHARS:
            if scale and node.type.kind in FLOATS:
                return None
            number = _number_of(node)
            out.append(mapped(node, column.type, _scaled_real(number, scale), "SCALE", "{0}"))
        else:
            return None
    return out


def _scaled_integer(factor: int) -> Convert:
    def convert(value: Stored) -> Stored:
        if value is None:
            return None
        assert isinstance(value, int)
        scaled = value * factor
        return scaled if -(1 << 63) <= scaled < 1 << 63 else float(scaled)

    return convert


def _scaled_decimal(digits: int) -> Convert:
    def convert(value: Stored) -> Stored:
        if value is None:
            return None
        assert isinstance(value, int)
        if digits >= 0:
            return value * int(10**digits)
        unit = int(10**-digits)
        whole, rest = divmod(value, unit)
        return whole if rest == 0 else value / unit

    return convert


def _number_of(node: Typed) -> Convert:
    if node.type.kind in FLOATS:
        return lambda value: value
    exact = decimal_type(65, 30, wide=True)
    convert = conversion(node.type, exact, Mode.IMPLICIT)
    assert convert is not None

    def number(value: Stored) -> Stored:
        scaled = from_wide(convert(value))  # type: ignore[arg-type]
        whole, rest = divmod(scaled, 10**30)
        return whole if not rest and -(1 << 63) <= whole < 1 << 63 else float(Decimal(scaled).scaleb(-30))

    return number


def _scaled_real(number: Convert, scale: int) -> Convert:
    def convert(value: Stored) -> Stored:
        real = None if value is None else number(value)
        if real is None:
            return None
        assert isinstance(real, (int, float))
        if isinstance(real, int):
            whole = real * 10**scale
            return whole if -(1 << 63) <= whole < 1 << 63 else float(whole)
        scaled = Decimal(repr(real)).scaleb(scale) if scale else Decimal(real)
        if abs(scaled) < 1e18 and scaled == int(scaled):
            return int(scaled)
        return float(scaled)

    return convert


def _json_scalars(left: Typed, right: Typed) -> tuple[Typed, Typed]:
    """JSON_EXTRACT compared with a string compares the scalar, not its quotes; two of them compare as they are."""
    out = []
    for node, other in ((left, right), (right, left)):
        extracted = isinstance(node, Op) and node.name == "JSON_EXTRACT"
        if extracted and other.type.kind in CHARS and not (isinstance(other, Op) and other.name == "JSON_EXTRACT"):
            node = Op(node.type, node.nullable, "JSON_UNQUOTE", (node,), "f_json_unquote({0})")
        out.append(node)
    return out[0], out[1]


_COMPARE = {"=": "=", "<=>": "IS", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def collated(node: Typed, collation: str, index: int = 0) -> str:
    """Template text for operand `index` under `collation`, bare when the column already has it."""
    if (
        not collation
        or isinstance(node, ColumnRef)
        and node.table is not None
        and node.type.collation == collation
        and node.type.kind in CHARS
    ):
        return f"{{{index}}}"
    return f"{{{index}}} COLLATE {collation}"


def compare(b: BindContext, op: str, left: Typed, right: Typed) -> Typed:
    """= <=> <> < <= > >= over scalars."""
    left, right = _json_scalars(left, right)
    (left, right), collation = comparable(b, [left, right], op)
    nullable = op != "<=>" and (left.nullable or right.nullable)
    if collation:
        bare_left = collated(left, collation) == "{0}"
        suffix = "" if bare_left else f" COLLATE {collation}"
        template = f"({{0}} {_COMPARE[op]} {{1}}{suffix})"
    else:
        template = f"({{0}} {_COMPARE[op]} {{1}})"
    return Op(BOOL_TYPE, nullable, op, (left, right), template)


def between(b: BindContext, operand: Typed, low: Typed, high: Typed, negate: bool) -> Typed:
    (operand, low, high), collation = comparable(b, [operand, low, high], "BETWEEN")
    word = "NOT BETWEEN" if negate else "BETWEEN"
    template = f"({collated(operand, collation)} {word} {{1}} AND {{2}})"
    return Op(BOOL_TYPE, operand.nullable or low.nullable or high.nullable, word, (operand, low, high), template)


def in_list(b: BindContext, operand: Typed, items: list[Typed], negate: bool) -> Typed:
    word = "NOT IN" if negate else "IN"
    forms = {_family(n) for n in items if n.type.kind is not Kind.NULL}
    if len(forms) > 1 and not _one_class(operand, items):
        # MySQL compares pair by pair when the list mixes types.
        tests = [compare(b, "=", operand, item) for item in items]
        result = any_of(tests)
        return not_(result) if negate else result
    (operand, *items), collation = comparable(b, [operand, *items], "IN")
    places = ", ".join(f"{{{i}}}" for i in range(1, len(items) + 1))
    template = f"({collated(operand, collation)} {word} ({places}))"
    return Op(BOOL_TYPE, operand.nullable or any(i.nullable for i in items), word, (operand, *items), template)


def _family(node: Typed) -> str:
    kind = node.type.kind
    if kind in STRINGS:
        return "string"
    if kind in TEMPORAL:
        return "temporal"
    return "real" if kind in FLOATS else "number"


def _one_class(operand: Typed, items: list[Typed]) -> bool:
    return (
        _family(operand) in ("temporal", "number")
        and all(isinstance(i, Constant) for i in items)
        and operand.type.kind is not Kind.BIT
    )


def any_of(tests: list[Typed]) -> Typed:
    template = "(" + " OR ".join(f"{{{i}}}" for i in range(len(tests))) + ")"
    return Op(BOOL_TYPE, any(t.nullable for t in tests), "OR", tuple(tests), template)


def all_of(tests: list[Typed]) -> Typed:
    if len(tests) == 1:
        return tests[0]
    template = "(" + " AND ".join(f"{{{i}}}" for i in range(len(tests))) + ")"
    return Op(BOOL_TYPE, any(t.nullable for t in tests), "AND", tuple(tests), template)


# ── logic ────────────────────────────────────────────────────────────────────────────────────────────────────────


def logic(op: str, left: Typed, right: Typed) -> Typed:
    left, right = to_boolean(left), to_boolean(right)
    nullable = left.nullable or right.nullable
    if op == "XOR":
        return Op(BOOL_TYPE, nullable, op, (left, right), "(({0} <> 0) <> ({1} <> 0))")
    return Op(BOOL_TYPE, nullable, op, (left, right), f"({{0}} {op} {{1}})")


def not_(node: Typed) -> Typed:
    node = to_boolean(node)
    return Op(BOOL_TYPE, node.nullable, "NOT", (node,), "(NOT {0})")


def is_test(node: Typed, what: str, negate: bool) -> Typed:
    if what in ("NULL", "UNKNOWN"):
        operand = node if what == "NULL" else to_boolean(node)
        return Op(BOOL_TYPE, False, "IS NULL", (operand,), "({0} IS NOT NULL)" if negate else "({0} IS NULL)")
    operand = to_boolean(node)
    return Op(BOOL_TYPE, False, f"IS {what}", (operand,), f"({{0}} IS {'NOT ' if negate else ''}{what})")


def like(b: BindContext, operand: Typed, pattern: Typed, escape: Typed | None, negate: bool) -> Typed:
    """LIKE under the operands' collation; byte strings compare byte by byte."""
    if operand.type.kind in BYTES or pattern.type.kind in BYTES:
        collation, args = "binary", [to_bytes(operand), to_bytes(pattern)]
    else:
        collation = aggregate_collation([operand, pattern], "like", b.scope.collation)
        args = [to_text(operand, collation), to_text(pattern, collation)]
    extra = ""
    if escape is not None:
        args.append(to_text(escape, collation))
        extra = ", {2}"
    elif "NO_BACKSLASH_ESCAPES" in b.scope.sql_mode:
        extra = ", ''"
    test = f"lk({quoted(collation)}, {{0}}, {{1}}{extra})"
    nullable = operand.nullable or pattern.nullable
    return Op(BOOL_TYPE, nullable, "NOT LIKE" if negate else "LIKE", tuple(args), f"(NOT {test})" if negate else test)
