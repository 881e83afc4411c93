"""EXPLAIN speaks of the statement's own tables and keys, never of the engine's."""

from __future__ import annotations

import pytest

from fauna.errors import SqlError
from fauna.session.session import Session

from .conftest import rows


@pytest.fixture
def shop(session: Session) -> Session:
    session.run("CREATE TABLE c (id INT PRIMARY KEY, name VARCHAR(50), n INT, UNIQUE KEY u (n), KEY name_idx (name))")
    session.run("CREATE TABLE o (id INT PRIMARY KEY, c_id INT, t INT, KEY fk (c_id))")
    return session


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM c WHERE id = 1", [(1, "SIMPLE", "c", "const", "PRIMARY", "")]),
        ("SELECT * FROM c WHERE id > 1", [(1, "SIMPLE", "c", "range", "PRIMARY", "")]),
        ("SELECT * FROM c AS x WHERE x.name = 'x'", [(1, "SIMPLE", "x", "ref", "name_idx", "")]),
        ("SELECT * FROM c WHERE n = 2", [(1, "SIMPLE", "c", "const", "u", "")]),
        ("SELECT name FROM c WHERE name > 'a'", [(1, "SIMPLE", "c", "range", "name_idx", "Using index")]),
        ("SELECT * FROM c ORDER BY CONCAT(name, n)", [(1, "SIMPLE", "c", "ALL", None, "Using filesort")]),
        (
            "SELECT * FROM c JOIN o ON o.c_id = c.id WHERE c.name = 'x'",
            [(1, "SIMPLE", "c", "ref", "name_idx", ""), (1, "SIMPLE", "o", "ref", "fk", "")],
        ),
        (
            "SELECT * FROM c WHERE id IN (SELECT c_id FROM o)",
            [(1, "PRIMARY", "c", "const", "PRIMARY", ""), (2, "SUBQUERY", "o", "index", "fk", "Using index")],
        ),
        (
            "SELECT * FROM (SELECT c_id, SUM(t) s FROM o GROUP BY c_id) d JOIN c ON c.id = d.c_id",
            [
                (1, "PRIMARY", "<derived2>", "ALL", None, ""),
                (1, "PRIMARY", "c", "eq_ref", "PRIMARY", ""),
                (2, "DERIVED", "o", "index", "fk", ""),
            ],
        ),
        ("UPDATE c SET name = 'z' WHERE id = 1", [(1, "SIMPLE", "c", "const", "PRIMARY", "")]),
        ("DELETE FROM o WHERE c_id = 1", [(1, "SIMPLE", "o", "ref", "fk", "")]),
        ("SELECT 1", [(1, "SIMPLE", None, None, None, "No tables used")]),
    ],
)
def test_rows(shop: Session, statement: str, expected: list[tuple[object, ...]]) -> None:
    found = rows(shop, f"EXPLAIN {statement}")
    assert [(number, kind, table, access, key, extra) for number, kind, table, access, _, key, *_, extra in found] == expected


def test_a_key_that_is_searched_was_possible(shop: Session) -> None:
    assert rows(shop, "EXPLAIN SELECT * FROM c WHERE n = 2")[0][4] == "u"
    assert rows(shop, "EXPLAIN SELECT name FROM c ORDER BY name")[0][4] is None


def test_a_plan_in_json_is_not_supported(shop: Session) -> None:
    with pytest.raises(SqlError) as caught:
        shop.run("EXPLAIN FORMAT=JSON SELECT 1")
    assert caught.value.errno == 1235
