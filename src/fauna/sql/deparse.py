"""Syntax trees back to text.

`deparse(expr)` is the text that SHOW CREATE TABLE and SHOW CREATE VIEW print: MariaDB's own normal form (functions in
lower case under their one name, columns in backticks, NOT carried inwards).  `deparse_default(expr)` is that of a DEFAULT
clause, which puts operators in parentheses.  `deparse_query(query)` is text that parses to the same query; a view is
kept as that.

Not exact: a float comes out with an exponent of our choosing (the tree does not keep how it was written).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

from fauna.sql.ast import (
    AggregateCall,
    AssignVariable,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    ConvertUsing,
    DefaultValue,
    DerivedTable,
    Exists,
    Expr,
    Frame,
    FrameBound,
    InList,
    InQuery,
    InsertedValue,
    IsTest,
    Join,
    Like,
    Limit,
    Literal,
    LiteralKind,
    Marker,
    Match,
    Name,
    NamedTable,
    NextValue,
    OrderItem,
    Quantified,
    Query,
    RowExpr,
    Select,
    SelectItem,
    SetOperation,
    SetValue,
    Star,
    Subquery,
    SystemTime,
    SystemVariable,
    TableName,
    TableRef,
    TypeName,
    Unary,
    UnitArg,
    UserVariable,
    ValuesQuery,
    WindowCall,
    WindowSpec,
    With,
)

# Levels, loosest first, as the printer needs them.
_OR, _XOR, _AND, _NOT, _COMPARE, _BETWEEN, _LIKE, _BIT_OR, _BIT_AND, _SHIFT, _SUM, _PRODUCT, _POWER, _UNARY, _ATOM = range(15)

_BINARY: Final = {
    "OR": (_OR, " or "),
    "XOR": (_XOR, " xor "),
    "AND": (_AND, " and "),
    **{op: (_COMPARE, f" {op} ") for op in ("=", "<=>", "<>", "<", "<=", ">", ">=")},
    "REGEXP": (_LIKE, " regexp "),
    "|": (_BIT_OR, " | "),
    "&": (_BIT_AND, " & "),
    "<<": (_SHIFT, " << "),
    ">>": (_SHIFT, " >> "),
    "+": (_SUM, " + "),
    "-": (_SUM, " - "),
    "*": (_PRODUCT, " * "),
    "/": (_PRODUCT, " / "),
    "DIV": (_PRODUCT, " DIV "),
    "%": (_PRODUCT, " MOD "),
    "^": (_POWER, " ^ "),
}
_OPPOSITE: Final = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

_FUNCTIONS: Final = {
    "LENGTH": "octet_length",
    "CHARACTER_LENGTH": "char_length",
    "UPPER": "ucase",
    "LOWER": "lcase",
    "SUBSTRING": "substr",
    "DAY": "dayofmonth",
    "CEIL": "ceiling",
    "NOW": "current_timestamp",
    "POWER": "pow",
    "SHA1": "sha",
    "SCHEMA": "database",
    "SESSION_USER": "user",
    "SYSTEM_USER": "user",
    "NVL": "ifnull",
    "STDDEV": "std",
    "STDDEV_POP": "std",
    "VAR_POP": "variance",
}
_BOOLEAN: Final = (IsTest, Between, InList, InQuery, Like, Exists, Quantified, Match)
_BOOLEAN_OPERATORS: Final = frozenset({"OR", "XOR", "AND", "=", "<=>", "<>", "<", "<=", ">", ">=", "REGEXP", "SOUNDS LIKE"})
_BOOLEAN_CALLS: Final = frozenset({"JSON_VALID", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_EXISTS", "JSON_OVERLAPS", "ISNULL"})


def deparse(expr: Expr) -> str:
    """The expression in MariaDB's normal form."""
    return _print(expr, _OR)


def deparse_default(expr: Expr) -> str:
    """The expression after DEFAULT: literals and calls bare, everything else in parentheses."""
    text = deparse(expr)
    signed = isinstance(expr, Unary) and expr.op in "+-" and isinstance(expr.operand, Literal)
    operator = isinstance(expr, Call) and expr.name in ("DATE_ADD", "DATE_SUB")
    if signed or (isinstance(expr, Literal | Call | Name | NextValue | Cast | ConvertUsing) and not operator):
        return text
    return f"({text})"


def quote_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


_STRING_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


def quote_string(value: str) -> str:
    return "'" + value.translate(_STRING_ESCAPES) + "'"


def _print(expr: Expr, floor: int) -> str:
    """Its text, in parentheses when it binds looser than `floor`."""
    printer = _PRINTERS[type(expr)]
    text, level = printer(expr)
    return text if level >= floor else f"({text})"


def _names(parts: tuple[str, ...]) -> str:
    return ".".join(map(quote_name, parts))


def _list(items: tuple[Expr, ...]) -> str:
    return ",".join(_print(item, _OR) for item in items)


# ── literals and names ──


def _literal(expr: Literal) -> tuple[str, int]:
    kind, value = expr.kind, expr.value
    if kind is LiteralKind.STRING:
        introducer = f"_{expr.charset}" if expr.charset and not expr.charset.startswith("utf8") else ""
        return introducer + quote_string(str(value)), _ATOM
    if kind is LiteralKind.FLOAT:
        return _float(float(str(value))), _ATOM
    if kind in (LiteralKind.HEX, LiteralKind.BIT):
        assert isinstance(value, bytes)
        introducer = f"_{expr.charset} " if expr.charset else ""
        return f"{introducer}0x{value.hex().upper()}" if value else f"{introducer}X''", _ATOM
    if kind is LiteralKind.NULL:
        return "NULL", _ATOM
    if kind in (LiteralKind.DATE, LiteralKind.TIME, LiteralKind.TIMESTAMP):
        return kind.name + quote_string(str(value)), _ATOM
    if kind is LiteralKind.DECIMAL:
        text = str(value)
        return ("0" + text if text[0] == "." else text.removesuffix(".")), _ATOM
    return str(value), _ATOM


def _float(value: float) -> str:
    """With an exponent, so that it is read as a float again."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    exponent += len(text) - 1
    fraction = "." + text[1:] if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{exponent}"


def _name(expr: Name) -> tuple[str, int]:
    return _names(expr.parts), _ATOM


def _star(expr: Star) -> tuple[str, int]:
    return (_names(expr.parts) + ".*" if expr.parts else "*"), _ATOM


def _system_variable(expr: SystemVariable) -> tuple[str, int]:
    scope = f"{expr.scope.lower()}." if expr.scope else ""
    return f"@@{scope}{expr.name}", _ATOM


def _assign(expr: AssignVariable) -> tuple[str, int]:
    return f"@{quote_name(expr.name)}:={_print(expr.value, _OR)}", _OR - 1


# ── operators ──


def _is_boolean(expr: Expr) -> bool:
    if isinstance(expr, Binary):
        return expr.op in _BOOLEAN_OPERATORS
    if isinstance(expr, Unary):
        return expr.op in ("NOT", "!")
    if isinstance(expr, Call):
        return expr.name in _BOOLEAN_CALLS
    return isinstance(expr, _BOOLEAN)


def _condition(expr: Expr, floor: int) -> str:
    """An operand of AND or OR: a bare column is compared with 0."""
    return f"{_print(expr, _COMPARE)} <> 0" if isinstance(expr, Name) else _print(expr, floor)


def _binary(expr: Binary) -> tuple[str, int]:
    if expr.op in ("AND", "OR"):
        level, separator = _BINARY[expr.op]
        return separator.join(_condition(operand, level) for operand in flatten(expr)), level
    if expr.op == "SOUNDS LIKE":
        return f"soundex({_print(expr.left, _OR)}) = soundex({_print(expr.right, _OR)})", _COMPARE
    level, separator = _BINARY[expr.op]
    return f"{_print(expr.left, level)}{separator}{_print(expr.right, level + 1)}", level


def flatten(expr: Binary) -> list[Expr]:
    """The operands of a tree of one associative operator (AND, OR), in order."""
    found: list[Expr] = []
    waiting: list[Expr] = [expr]
    while waiting:
        top = waiting.pop()
        if isinstance(top, Binary) and top.op == expr.op:
            waiting += (top.right, top.left)
        else:
            found.append(top)
    return found


def _unary(expr: Unary) -> tuple[str, int]:
    if expr.op in ("NOT", "!"):
        return _negation(expr.operand)
    if expr.op == "BINARY":
        return f"cast({_print(expr.operand, _OR)} as char charset binary)", _ATOM
    if expr.op == "+":
        return _print(expr.operand, _UNARY), _UNARY
    return expr.op + _print(expr.operand, _UNARY), _UNARY


def _negation(operand: Expr) -> tuple[str, int]:
    """NOT carried inwards, as MariaDB does."""
    if isinstance(operand, Unary) and operand.op in ("NOT", "!") and _is_boolean(operand.operand):
        return _PRINTERS[type(operand.operand)](operand.operand)
    if isinstance(operand, Name):
        return f"{_print(operand, _COMPARE)} = 0", _COMPARE
    if isinstance(operand, Binary):
        if operand.op in _OPPOSITE:
            return _binary(Binary(_OPPOSITE[operand.op], operand.left, operand.right))
        if operand.op in ("AND", "OR"):
            level, separator = _BINARY["OR" if operand.op == "AND" else "AND"]
            return separator.join(_print(Unary("NOT", part), level) for part in flatten(operand)), level
        if operand.op == "XOR":
            return _binary(Binary("XOR", Unary("NOT", operand.left), operand.right))
    if isinstance(operand, IsTest):
        return _is_test(IsTest(operand.operand, operand.what, not operand.negated))
    if isinstance(operand, Call) and operand.name == "ISNULL" and len(operand.args) == 1:
        return _is_test(IsTest(operand.args[0], "NULL", True))
    if isinstance(operand, Between):
        return _between(Between(operand.operand, operand.low, operand.high, not operand.negated))
    if isinstance(operand, InList):
        return _in_list(InList(operand.operand, operand.items, not operand.negated))
    if isinstance(operand, Like):
        return _like(Like(operand.operand, operand.pattern, operand.escape, not operand.negated))
    return "!" + _print(operand, _ATOM), _UNARY


def _is_test(expr: IsTest) -> tuple[str, int]:
    what = "null" if expr.what in ("NULL", "UNKNOWN") else expr.what.lower()
    return f"{_print(expr.operand, _COMPARE)} is {'not ' if expr.negated else ''}{what}", _COMPARE


def _tested(expr: Between | InList | Like) -> str:
    """The left side: a NOT would otherwise join what stands before it (a LIKE b NOT IN (c) is a LIKE (b NOT IN (c)))."""
    return _print(expr.operand, _BIT_OR if expr.negated else _LIKE)


def _between(expr: Between) -> tuple[str, int]:
    word = "not between" if expr.negated else "between"
    return f"{_tested(expr)} {word} {_print(expr.low, _LIKE)} and {_print(expr.high, _LIKE)}", _BETWEEN


def _in_list(expr: InList) -> tuple[str, int]:
    if len(expr.items) == 1:
        return _binary(Binary("<>" if expr.negated else "=", expr.operand, expr.items[0]))
    return f"{_tested(expr)} {'not in' if expr.negated else 'in'} ({_list(expr.items)})", _LIKE


def _in_query(expr: InQuery) -> tuple[str, int]:
    text = f"{_print(expr.operand, _LIKE)} in ({deparse_query(expr.query)})"
    return (f"!({text})", _UNARY) if expr.negated else (text, _LIKE)


def _like(expr: Like) -> tuple[str, int]:
    escape = f" escape {_print(expr.escape, _UNARY)}" if expr.escape is not None else ""
    return f"{_tested(expr)} {' not ' if expr.negated else ''}like {_print(expr.pattern, _BIT_OR)}{escape}", _LIKE


def _quantified(expr: Quantified) -> tuple[str, int]:
    left = _print(expr.left, _LIKE)
    if expr.quantifier == "ANY" and expr.op == "=":
        return f"{left} in ({deparse_query(expr.query)})", _LIKE
    return f"{left} {expr.op} {expr.quantifier.lower()} ({deparse_query(expr.query)})", _COMPARE


def _case(expr: Case) -> tuple[str, int]:
    operand = f" {_print(expr.operand, _OR)}" if expr.operand is not None else ""
    whens = "".join(f" when {_print(when, _OR)} then {_print(then, _OR)}" for when, then in expr.whens)
    default = f" else {_print(expr.default, _OR)}" if expr.default is not None else ""
    return f"case{operand}{whens}{default} end", _ATOM


def _collate(expr: Collate) -> tuple[str, int]:
    return f"{_print(expr.operand, _UNARY)} collate {expr.collation}", _UNARY


# ── calls ──


def _call(expr: Call) -> tuple[str, int]:
    special = _CALLS.get(expr.name)
    if special is not None and expr.schema is None:
        found = special(expr)
        if found is not None:
            return found
    if expr.schema is not None:
        return f"{quote_name(expr.schema)}.{quote_name(expr.name.lower())}({_list(expr.args)})", _ATOM
    return f"{_FUNCTIONS.get(expr.name, expr.name.lower())}({_list(expr.args)})", _ATOM


def _date_arithmetic(expr: Call) -> tuple[str, int]:
    date, amount, unit = expr.args
    assert isinstance(unit, UnitArg)
    sign = "+" if expr.name == "DATE_ADD" else "-"
    return f"{_print(date, _SUM)} {sign} interval {_print(amount, _OR)} {unit.name.lower()}", _SUM


def _timestampadd(expr: Call) -> tuple[str, int] | None:
    if len(expr.args) != 3:
        return None
    return _date_arithmetic(Call("DATE_ADD", (expr.args[2], expr.args[1], expr.args[0])))


def _extract(expr: Call) -> tuple[str, int]:
    unit, value = expr.args
    assert isinstance(unit, UnitArg)
    return f"extract({unit.name.lower()} from {_print(value, _OR)})", _ATOM


def _trim(expr: Call) -> tuple[str, int]:
    side = {"TRIM": "both", "TRIM_LEADING": "leading", "TRIM_TRAILING": "trailing"}[expr.name]
    if len(expr.args) == 1:
        return f"{({'both': 'trim', 'leading': 'ltrim', 'trailing': 'rtrim'})[side]}({_print(expr.args[0], _OR)})", _ATOM
    return f"trim({side} {_print(expr.args[1], _OR)} from {_print(expr.args[0], _OR)})", _ATOM


def _char(expr: Call) -> tuple[str, int]:
    if expr.args and isinstance(expr.args[-1], UnitArg):
        return f"char({_list(expr.args[:-1])} using {expr.args[-1].name})", _ATOM
    return f"char({_list(expr.args)})", _ATOM


def _get_format(expr: Call) -> tuple[str, int]:
    return f"get_format({_print(expr.args[0], _OR)}, {_print(expr.args[1], _OR)})", _ATOM


def _isnull(expr: Call) -> tuple[str, int] | None:
    return _is_test(IsTest(expr.args[0], "NULL")) if len(expr.args) == 1 else None


def _instr(expr: Call) -> tuple[str, int] | None:
    return (f"locate({_list((expr.args[1], expr.args[0]))})", _ATOM) if len(expr.args) == 2 else None


def _as_cast(to: TypeName) -> Callable[[Call], tuple[str, int] | None]:
    def parse(expr: Call) -> tuple[str, int] | None:
        return _cast(Cast(expr.args[0], to)) if len(expr.args) == 1 else None

    return parse


def _weekofyear(expr: Call) -> tuple[str, int]:
    return f"week({_list(expr.args)},3)", _ATOM


_CALLS: Final[dict[str, Callable[[Call], tuple[str, int] | None]]] = {
    "DATE_ADD": _date_arithmetic,
    "DATE_SUB": _date_arithmetic,
    "TIMESTAMPADD": _timestampadd,
    "EXTRACT": _extract,
    "TRIM": _trim,
    "TRIM_LEADING": _trim,
    "TRIM_TRAILING": _trim,
    "CHAR": _char,
    "GET_FORMAT": _get_format,
    "ISNULL": _isnull,
    "INSTR": _instr,
    "DATE": _as_cast(TypeName("DATE")),
    "TIME": _as_cast(TypeName("TIME")),
    "TIMESTAMP": _as_cast(TypeName("DATETIME", 6)),
    "WEEKOFYEAR": _weekofyear,
}


def _cast(expr: Cast) -> tuple[str, int]:
    return f"cast({_print(expr.operand, _OR)} as {_cast_type(expr.to)})", _ATOM


def _cast_type(to: TypeName) -> str:
    length = f"({to.length})" if to.length is not None else ""
    if to.name == "BIGINT":
        return "unsigned" if to.unsigned else "signed"
    if to.name == "CHAR":
        return f"char{length} charset {'binary' if to.binary else to.charset or 'utf8mb4'}"
    if to.name == "BINARY":
        return f"char{length} charset binary"
    if to.name == "DECIMAL":
        return f"decimal({to.length if to.length is not None else 10},{to.scale or 0})"
    if to.scale is not None:
        length = f"({to.length},{to.scale})"
    return to.name.lower() + length


def _convert_using(expr: ConvertUsing) -> tuple[str, int]:
    return f"convert({_print(expr.operand, _OR)} using {expr.charset})", _ATOM


def _aggregate(expr: AggregateCall) -> tuple[str, int]:
    name = _FUNCTIONS.get(expr.name, expr.name.lower())
    if expr.star:
        return f"{name}(0)", _ATOM
    text = f"{'distinct ' if expr.distinct else ''}{_list(expr.args)}"
    if expr.order_by:
        items = ",".join(f"{_print(i.expr, _OR)} {'DESC' if i.descending else 'ASC'}" for i in expr.order_by)
        text += f" order by {items}"
    if expr.name == "GROUP_CONCAT":
        text += f" separator {quote_string(',' if expr.separator is None else expr.separator)}"
    if expr.limit is not None:
        text += _limit(expr.limit)
    return f"{name}({text})", _ATOM


def _window_call(expr: WindowCall) -> tuple[str, int]:
    function = _print(expr.function, _ATOM)
    spec = expr.window
    if spec.name and not spec.partition_by and not spec.order_by and spec.frame is None:
        return f"{function} over {quote_name(spec.name)}", _ATOM
    return f"{function} over {_window(spec)}", _ATOM


def _window(spec: WindowSpec) -> str:
    text = f" {quote_name(spec.name)}" if spec.name else ""
    if spec.partition_by:
        text += f" partition by {_list(spec.partition_by)}"
    if spec.order_by:
        text += f" order by {_order(spec.order_by)}"
    if spec.frame is not None:
        text += _frame(spec.frame)
    return f"({text})"


def _frame(frame: Frame) -> str:
    end = frame.end or FrameBound("CURRENT ROW")
    return f" {frame.unit.lower()} between {_bound(frame.start)} and {_bound(end)} "


def _bound(bound: FrameBound) -> str:
    if bound.offset is not None:
        return f"{_print(bound.offset, _SUM)} {bound.kind.lower()}"
    return " " + bound.kind.lower().replace(" ", "  " if bound.kind.startswith("UNBOUNDED") else " ") + " "


# ── queries ──


def deparse_query(query: Query) -> str:
    """Text that parses to the same query, with every column named as it is now."""
    if isinstance(query, Select):
        return _select(query)
    if isinstance(query, SetOperation):
        word = query.op.lower() + (" all" if query.all else "")
        text = f"{_set_operand(query.left, query.op)} {word} {_set_operand(query.right, None)}"
        return _with(query.with_) + text + _tail(query.order_by, query.limit)
    assert isinstance(query, ValuesQuery)
    rows = ",".join(f"({_list(row)})" for row in query.rows)
    return f"{_with(query.with_)}values {rows}{_tail(query.order_by, query.limit)}"


def _set_operand(query: Query, parent: str | None) -> str:
    """An operand of UNION and its like; only a chain of one operator to the left goes without parentheses."""
    text = deparse_query(query)
    if isinstance(query, Select):
        bare = not (query.order_by or query.limit or query.locking or query.with_)
    elif isinstance(query, SetOperation):
        bare = query.op == parent and not (query.order_by or query.limit or query.with_)
    else:
        bare = False
    return text if bare else f"({text})"


def _select(query: Select) -> str:
    options = ("distinct " if query.distinct else "") + ("sql_calc_found_rows " if query.calc_found_rows else "")
    text = f"{_with(query.with_)}select {options}{','.join(map(_select_item, query.items))}"
    if query.source is not None:
        text += f" from {_table(query.source)}"
    if query.where is not None:
        text += f" where {_print(query.where, _OR)}"
    if query.group_by:
        text += f" group by {_order(query.group_by)}" + (" with rollup" if query.rollup else "")
    if query.having is not None:
        text += f" having {_print(query.having, _OR)}"
    if query.windows:
        text += " window " + ",".join(f"{quote_name(name)} as {_window(spec)}" for name, spec in query.windows)
    text += _tail(query.order_by, query.limit)
    if query.locking is not None:
        text += " for update" if query.locking.mode == "UPDATE" else " lock in share mode"
    return text


def _select_item(item: SelectItem) -> str:
    text = _print(item.expr, _OR)
    return text if isinstance(item.expr, Star) else f"{text} AS {quote_name(item.alias if item.alias is not None else item.text)}"


def _with(with_: With | None) -> str:
    if with_ is None:
        return ""
    ctes = ",".join(f"{quote_name(cte.name)}{_columns(cte.columns)} as ({deparse_query(cte.query)})" for cte in with_.ctes)
    return f"with {'recursive ' if with_.recursive else ''}{ctes} "


def _columns(columns: tuple[str, ...]) -> str:
    return f"({','.join(map(quote_name, columns))})" if columns else ""


def _order(items: tuple[OrderItem, ...]) -> str:
    return ",".join(_print(item.expr, _OR) + (" desc" if item.descending else "") for item in items)


def _tail(order_by: tuple[OrderItem, ...], limit: Limit | None) -> str:
    text = f" order by {_order(order_by)}" if order_by else ""
    return text + (_limit(limit) if limit is not None else "")


def _limit(limit: Limit) -> str:
    if limit.ties:
        offset = f" offset {_print(limit.offset, _OR)} rows" if limit.offset is not None else ""
        return f"{offset} fetch first {_print(limit.count, _OR)} rows with ties"
    offset = f"{_print(limit.offset, _OR)}," if limit.offset is not None else ""
    return f" limit {offset}{_print(limit.count, _OR)}"


def _table_name(table: TableName) -> str:
    return _names((table.schema, table.name) if table.schema is not None else (table.name,))


def _table(source: TableRef) -> str:
    if isinstance(source, NamedTable):
        alias = f" {quote_name(source.alias)}" if source.alias is not None else ""
        return _table_name(source.table) + _system_time(source.system_time) + alias
    if isinstance(source, DerivedTable):
        lateral = "lateral " if source.lateral else ""
        query = f"{lateral}({deparse_query(source.query)}){_system_time(source.system_time)}"
        return f"{query} {quote_name(source.alias or '')}{_columns(source.columns)}"
    assert isinstance(source, Join)
    return _join(source)


def _system_time(clause: SystemTime | None) -> str:
    if clause is None:
        return ""
    if clause.kind == "ALL":
        return " FOR SYSTEM_TIME ALL"
    assert clause.start is not None
    text = f" FOR SYSTEM_TIME {clause.kind} {_point(clause.start)}"
    if clause.end is None:
        return text
    return f"{text} {'AND' if clause.kind == 'BETWEEN' else 'TO'} {_point(clause.end)}"


def _point(expr: Expr) -> str:
    if isinstance(expr, Literal) and expr.kind is LiteralKind.STRING:
        expr = Literal(LiteralKind.TIMESTAMP, expr.value)
    return _print(expr, _BIT_OR)


def _join(join: Join) -> str:
    right = f"({_table(join.right)})" if isinstance(join.right, Join) else _table(join.right)
    kind = {"INNER": "", "LEFT": "left ", "RIGHT": "right "}[join.kind]
    word = "straight_join" if join.straight else f"{'natural ' if join.natural else ''}{kind}join"
    left = _table(join.left)
    if isinstance(join.left, Join) and _is_unconditional(join.left) and not join.natural:
        left = f"({left})"
    condition = f" on {_print(join.on, _OR)}" if join.on is not None else ""
    if join.using:
        condition = f" using {_columns(join.using)}"
    return f"{left} {word} {right}{condition}"


def _is_unconditional(join: Join) -> bool:
    return join.on is None and not join.using and not join.natural


def _next_value(expr: NextValue) -> tuple[str, int]:
    return f"{'lastval' if expr.previous else 'nextval'}({_table_name(expr.sequence)})", _ATOM


def _set_value(expr: SetValue) -> tuple[str, int]:
    used = f",{_print(expr.used, _OR)}" if expr.used is not None else ""
    return f"setval({_table_name(expr.sequence)},{_print(expr.value, _OR)}{used})", _ATOM


def _match(expr: Match) -> tuple[str, int]:
    mode = f" {expr.mode.lower()}" if expr.mode else ""
    return f"(match {','.join(_names(c.parts) for c in expr.columns)} against ({_print(expr.against, _BIT_OR)}{mode}))", _ATOM


def _default_value(expr: DefaultValue) -> tuple[str, int]:
    return ("default" if expr.column is None else f"default({_names(expr.column.parts)})"), _ATOM


_ExprT = TypeVar("_ExprT", bound=Expr)
_Printer = Callable[[Expr], tuple[str, int]]


def _entry(kind: type[_ExprT], printer: Callable[[_ExprT], tuple[str, int]]) -> tuple[type[Expr], _Printer]:
    return kind, printer  # type: ignore[return-value]


_PRINTERS: Final[dict[type[Expr], _Printer]] = dict(
    (
        _entry(Literal, _literal),
        _entry(Marker, lambda expr: ("?", _ATOM)),
        _entry(Name, _name),
        _entry(Star, _star),
        _entry(UnitArg, lambda expr: (expr.name, _ATOM)),
        _entry(Unary, _unary),
        _entry(Binary, _binary),
        _entry(IsTest, _is_test),
        _entry(Between, _between),
        _entry(InList, _in_list),
        _entry(InQuery, _in_query),
        _entry(Like, _like),
        _entry(Case, _case),
        _entry(Call, _call),
        _entry(AggregateCall, _aggregate),
        _entry(WindowCall, _window_call),
        _entry(Cast, _cast),
        _entry(ConvertUsing, _convert_using),
        _entry(Collate, _collate),
        _entry(Exists, lambda expr: (f"exists({deparse_query(expr.query)})", _ATOM)),
        _entry(Subquery, lambda expr: (f"({deparse_query(expr.query)})", _ATOM)),
        _entry(Quantified, _quantified),
        _entry(RowExpr, lambda expr: (f"({_list(expr.items)})", _ATOM)),
        _entry(UserVariable, lambda expr: (f"@{quote_name(expr.name)}", _ATOM)),
        _entry(AssignVariable, _assign),
        _entry(SystemVariable, _system_variable),
        _entry(DefaultValue, _default_value),
        _entry(InsertedValue, lambda expr: (f"value({_names(expr.column.parts)})", _ATOM)),
        _entry(NextValue, _next_value),
        _entry(SetValue, _set_value),
        _entry(Match, _match),
    )
)
