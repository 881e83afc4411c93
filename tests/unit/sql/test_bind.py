"""The binder: types of expressions, access rules, literals that decide a plan, collations, exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fauna.catalog.types import Kind
from fauna.errors import SqlError
from fauna.node import Node
from fauna.sql.bind.access import access_rules
from fauna.sql.typed import Const
from tests.unit.sql.bound import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    node = Node.open(tmp_path_factory.mktemp("bind") / "data")
    made = Bench(node)
    yield made
    made.session.close()
    node.close()


# ── types ──


@pytest.mark.parametrize(
    ("expression", "kind", "length", "scale"),
    [
        ("1", Kind.INT, 1, 0),
        ("id + 1", Kind.BIGINT, 12, 0),
        ("small + 1", Kind.INT, 7, 0),
        ("n * 2", Kind.BIGINT, 21, 0),
        ("price + 1", Kind.DECIMAL, 11, 2),
        ("price * price", Kind.DECIMAL, 20, 4),
        ("price / 3", Kind.DECIMAL, 14, 6),
        ("n DIV 3", Kind.BIGINT, None, 0),
        ("1.50", Kind.DECIMAL, 3, 2),
        ("r + price", Kind.DOUBLE, None, None),
        ("'7' + 1", Kind.DOUBLE, None, None),
        ("SUM(price)", Kind.DECIMAL, 32, 2),
        ("AVG(price)", Kind.DECIMAL, 14, 6),
        ("SUM(r)", Kind.DOUBLE, None, None),
        ("COUNT(*)", Kind.BIGINT, 21, 0),
        ("name", Kind.VARCHAR, 20, 0),
        ("CONCAT(name, code COLLATE utf8mb4_bin)", Kind.VARCHAR, 40, 0),
        ("COALESCE(id, price)", Kind.DECIMAL, 12, 2),
        ("IF(id, d, at)", Kind.DATETIME, None, 3),
        ("id = 1", Kind.INT, 1, 0),
        ("n | 1", Kind.BIGINT, 21, 0),
        ("d + INTERVAL 1 DAY", Kind.DATE, None, 0),
    ],
)
def test_types(bench: Bench, expression: str, kind: Kind, length: int | None, scale: int | None) -> None:
    found = bench.type(expression)
    assert found.kind is kind
    assert length is None or found.length == length
    assert scale is None or found.scale == scale


def test_unsigned_is_kept_where_an_operand_is(bench: Bench) -> None:
    assert bench.type("u + 1").unsigned
    assert not bench.type("n + 1").unsigned


def test_a_decimal_is_wide_only_where_a_wide_one_is_in_it(bench: Bench) -> None:
    assert not bench.type("price * big").wide
    assert bench.type("price * huge").wide


# ── what is read ──


@pytest.mark.parametrize(
    ("where", "low", "high"),
    [
        ("id = 7", 7, 7),
        ("7 = id", 7, 7),
        ("id BETWEEN 3 AND 9", 3, 9),
        ("id >= 3 AND id <= 9", 3, 9),
        ("9 >= id", None, 9),
        ("id = 7 AND name = 'x'", 7, 7),
        ("id = 7 OR id = 8", None, None),
        ("id + 0 = 7", None, None),
        ("name = 'x'", None, None),
    ],
)
def test_access_rules(bench: Bench, where: str, low: int | None, high: int | None) -> None:
    [rule] = access_rules(bench.query(f"SELECT name FROM item WHERE {where}"))
    bounds = [bound.value if isinstance(bound, Const) else bound for bound in (rule.low, rule.high)]
    assert bounds == [low, high]


def test_every_mention_of_a_table_is_read(bench: Bench) -> None:
    rules = access_rules(bench.query("SELECT (SELECT MAX(w) FROM part WHERE id = 4) FROM item JOIN part p ON p.item = item.id"))
    assert len(rules) == 3
    assert [rule.low is not None for rule in rules].count(True) == 1


# ── literals that decide ──


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("SELECT name FROM item WHERE id = 5", "SELECT name FROM item WHERE id = 6", True),
        ("SELECT name FROM item WHERE price > 1.50", "SELECT name FROM item WHERE price > 2.75", True),
        ("SELECT name FROM item LIMIT 5", "SELECT name FROM item LIMIT 6", True),
        ("SELECT code FROM item LIMIT 1", "SELECT code FROM item LIMIT 5", False),  # one row at most matters to the plan
        ("SELECT name, id FROM item ORDER BY 1", "SELECT name, id FROM item ORDER BY 2", False),
        ("SELECT ROUND(price, 1) AS p FROM item", "SELECT ROUND(price, 2) AS p FROM item", False),
        ("SELECT id + 1 FROM item", "SELECT id + 2 FROM item", False),  # the text is the column's name
        ("SELECT id + 1 AS k FROM item", "SELECT id + 2 AS k FROM item", True),
        ("SELECT CAST(name AS CHAR(3)) AS k FROM item", "SELECT CAST(name AS CHAR(4)) AS k FROM item", False),
    ],
)
def test_plans_are_shared_unless_a_literal_decides(bench: Bench, first: str, second: str, shared: bool) -> None:
    bench.run(first)
    one, plan = bench.lifted(first)
    other, before = bench.lifted(second)
    assert one.shape == other.shape
    assert plan is not None
    assert (before is plan) == shared
    bench.run(second)
    assert (bench.lifted(second)[1] is plan) == shared
    assert bench.lifted(first)[1] is plan  # it was not pushed out by the second


# ── collations ──


def test_two_columns_that_disagree_are_error_1267(bench: Bench) -> None:
    with pytest.raises(SqlError) as failure:
        bench.query("SELECT * FROM item WHERE name = code")
    assert failure.value.errno == 1267


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("'A' = 'a'", 1),
        ("'A' = 'a' COLLATE utf8mb4_bin", 0),
        ("'A' COLLATE utf8mb4_general_ci = 'a'", 1),
        ("'ß' COLLATE utf8mb4_unicode_ci = 'ss'", 1),
        ("'ß' COLLATE utf8mb4_general_ci = 'ss'", 0),
        ("'a ' = 'a'", 1),
        ("BINARY 'A' = 'a'", 0),
    ],
)
def test_comparisons_follow_the_stronger_collation(bench: Bench, where: str, rows: int) -> None:
    assert len(bench.run(f"SELECT 1 FROM DUAL WHERE {where}")) == rows


# ── exact numbers ──


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1/3*3", "1.0000"),
        ("1/3", "0.3333"),
        ("2/3", "0.6667"),
        ("-2/3", "-0.6667"),
        ("1.00/3", "0.333333"),
        ("10/4", "2.5000"),
        ("1/3/3*9", "1.00000000"),
        ("7 DIV 2", "3"),
        ("-7 % 3", "-1"),
        ("0.1 + 0.2", "0.3"),
        ("5.5 % 2", "1.5"),
        ("ROUND(2.5)", "3"),
        ("ROUND(-2.5)", "-3"),
        ("TRUNCATE(-2.59, 1)", "-2.5"),
        ("123456789012345678 * 1.5", "185185183518518517.0"),
        ("99999999999999999999999999999999999.5 * 2", "199999999999999999999999999999999999.0"),
    ],
)
def test_exact_numbers(bench: Bench, expression: str, value: str) -> None:
    found, _ = bench.decimal(expression, "DUAL")
    assert str(found) == value


@pytest.mark.parametrize("expression", ["9223372036854775807 + 1", "-9223372036854775807 - 2", "9223372036854775807 * 2"])
def test_a_bigint_that_overflows_is_error_1690(bench: Bench, expression: str) -> None:
    with pytest.raises(SqlError) as failure:
        bench.run(f"SELECT {expression}")
    assert failure.value.errno == 1690


def test_a_narrow_decimal_that_overflows_is_computed_wide(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS deep")
    bench.run("CREATE TABLE deep (a DECIMAL(18,6))")
    bench.run("INSERT INTO deep VALUES (999999999999.999999)")
    assert bench.decimal("a * a", "deep")[0] == Decimal("999999999999999998000000.000000000001")
    assert bench.decimal("a + 1", "deep")[0] == Decimal("1000000000000.999999")
    bench.run("UPDATE deep SET a = 2")
    value, sql_type = bench.decimal("a * a", "deep")
    assert (value, sql_type.wide) == (4, True)  # the wide plan is kept: what overflowed once will again
    value, sql_type = bench.decimal("a * a * 1", "deep")
    assert (value, sql_type.wide) == (4, False)


# Leaves have at most two digits after the point, products four, so that a quotient shows no more digits than it is computed with.
AMOUNTS = st.decimals(min_value=-(10**14), max_value=10**14, places=2, allow_nan=False, allow_infinity=False)
SMALL = st.one_of(
    st.integers(0, 9999).map(Decimal), st.decimals(min_value=0, max_value=10**6, places=2, allow_nan=False, allow_infinity=False)
)
COLUMNS = ("narrow", "other", "wide")


@st.composite
def sums(draw: st.DrawFn, values: dict[str, Decimal]) -> tuple[str, Decimal]:
    """Sums of products, as text and as value."""

    def leaf() -> tuple[str, Decimal]:
        name = draw(st.sampled_from([*COLUMNS, ""]))
        literal = draw(SMALL)
        return (name, values[name]) if name else (f"{literal:f}", literal)

    def term() -> tuple[str, Decimal]:
        text, value = leaf()
        if draw(st.booleans()):
            other, factor = leaf()
            return f"{text} * {other}", value * factor
        return text, value

    text, value = term()
    for _ in range(draw(st.integers(0, 3))):
        op = draw(st.sampled_from("+-"))
        other, number = term()
        text, value = f"{text} {op} {other}", value + number if op == "+" else value - number
    return text, value


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_decimal_expressions_are_exact(bench: Bench, data: st.DataObject) -> None:
    with localcontext() as context:
        context.prec = 200
        values = {name: data.draw(AMOUNTS, label=name) for name in COLUMNS}
        above, over = data.draw(sums(values)), data.draw(st.one_of(st.none(), sums(values)))
        bench.run("CREATE TABLE IF NOT EXISTS amount (narrow DECIMAL(17,2), other DECIMAL(17,2), wide DECIMAL(30,2))")
        bench.run("DELETE FROM amount")
        bench.run("INSERT INTO amount VALUES ({narrow:f}, {other:f}, {wide:f})".format(**values))
        text = f"({above[0]}) / ({over[0]})" if over else above[0]
        found, sql_type = bench.decimal(text, "amount")
        if over is None:
            assert found == above[1], text
        elif over[1] == 0:
            assert found is None
        else:
            unit = Decimal(1).scaleb(-sql_type.scale)
            assert found == (above[1] / over[1]).quantize(unit, ROUND_HALF_UP), text


@settings(max_examples=20, deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=40))
def test_sum_and_average_of_decimals_are_exact(bench: Bench, amounts: list[Decimal]) -> None:
    with localcontext() as context:
        context.prec = 200
        bench.run("CREATE TABLE IF NOT EXISTS total (narrow DECIMAL(18,2), wide DECIMAL(40,2))")
        bench.run("DELETE FROM total")
        bench.run("INSERT INTO total VALUES " + ", ".join(f"({a:f}, {a:f})" for a in amounts))
        for column in ("narrow", "wide"):
            assert bench.decimal(f"SUM({column})", "total")[0] == sum(amounts)
            assert bench.decimal(f"SUM({column} * {column})", "total")[0] == sum(a * a for a in amounts)
        average = (sum(amounts, Decimal()) / len(amounts)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert bench.decimal("AVG(narrow)", "total")[0] == average
