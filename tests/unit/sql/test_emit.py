"""The emitter: SQL to SQLite's text.  Tables and columns are shown by their names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fauna.node import Node
from tests.unit.sql.bound import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    node = Node.open(tmp_path_factory.mktemp("emit") / "data")
    made = Bench(node)
    yield made
    made.session.close()
    node.close()


CASES = [
    (
        "SELECT name FROM item WHERE id = 7",
        "SELECT a1.name AS k1 FROM item AS a1 WHERE (a1.id = 7)",
    ),
    (
        "SELECT id + 1, n + 1, u + 1 FROM item",
        "SELECT (a1.id + 1) AS k1, (ck(a1.n + 1, '`shop`.`item`.`n` + 1')) AS k2, (u_add(a1.u, 1, '`shop`.`item`.`u` + 1')) AS k3 FROM item AS a1",
    ),
    (
        "SELECT price + 1, price * 2, price * big, price * huge, price / 3 FROM item",
        "SELECT (a1.price + 100) AS k1, (a1.price * 2) AS k2, ckd(a1.price * a1.big) AS k3, (dec_mul(dec_rescale(a1.price, 2, 2), a1.huge, '`shop`.`item`.`price` * `shop`.`item`.`huge`')) AS k4, dn_round(dn_div(a1.price, 3, 7), 3) AS k5 FROM item AS a1",
    ),
    (
        "SELECT id FROM item WHERE name = 'x' AND code = 'y' COLLATE utf8mb4_bin",
        "SELECT a1.id AS k1 FROM item AS a1 WHERE ((a1.name = 'x') AND (a1.code = 'y' COLLATE utf8mb4_bin COLLATE utf8mb4_bin))",
    ),
    (
        "SELECT id FROM item WHERE kind = 'b' AND d >= '2024-01-01' AND price < 2.5",
        "SELECT a1.id AS k1 FROM item AS a1 WHERE ((a1.kind = 2) AND (a1.d >= '2024-01-01') AND (a1.price < 250))",
    ),
    (
        "SELECT id FROM item ORDER BY name, code, n DESC",
        "SELECT a1.id AS k1 FROM item AS a1 ORDER BY sk('utf8mb4_general_ci', a1.name), a1.code, a1.n DESC",
    ),
    (
        "SELECT DISTINCT name FROM item",
        "SELECT a1.name AS k1 FROM item AS a1 GROUP BY sk('utf8mb4_general_ci', a1.name)",
    ),
    (
        "SELECT DISTINCT n FROM item",
        "SELECT DISTINCT a1.n AS k1 FROM item AS a1",
    ),
    (
        "SELECT name, COUNT(*), SUM(price) FROM item GROUP BY name HAVING COUNT(*) > 1",
        "SELECT a1.name AS k1, count(*) AS k2, sum(a1.price) AS k3 FROM item AS a1 GROUP BY sk('utf8mb4_general_ci', a1.name) HAVING (count(*) > 1)",
    ),
    (
        "SELECT name, MAX(n) FROM item GROUP BY name",
        "SELECT first_(a1.name) AS k1, max(a1.n) AS k2 FROM item AS a1 GROUP BY sk('utf8mb4_general_ci', a1.name)",
    ),
    (
        "SELECT name, SUM(n) FROM item GROUP BY name WITH ROLLUP",
        "SELECT k1, k2 FROM (SELECT * FROM (SELECT a1.name AS k1, sum(a1.n) AS k2, 0 AS r0, a1.name AS v0 FROM item AS a1 GROUP BY sk('utf8mb4_general_ci', a1.name)) UNION ALL SELECT * FROM (SELECT NULL AS k1, sum(a1.n) AS k2, 1 AS r0, NULL AS v0 FROM item AS a1 GROUP BY NULL)) ORDER BY r0, v0 COLLATE utf8mb4_general_ci",
    ),
    (
        "SELECT n FROM item UNION SELECT id FROM part",
        "SELECT a1.n AS k1 FROM item AS a1 UNION SELECT a2.id AS k1 FROM part AS a2",
    ),
    (
        "SELECT name FROM item UNION SELECT code COLLATE utf8mb4_bin FROM item",
        "SELECT * FROM (SELECT k1 FROM (SELECT a1.name AS k1 FROM item AS a1 UNION ALL SELECT a2.code COLLATE utf8mb4_bin AS k1 FROM item AS a2) GROUP BY sk('utf8mb4_bin', k1))",
    ),
    (
        "SELECT n FROM item UNION ALL SELECT id FROM part ORDER BY 1 LIMIT 3",
        "SELECT a1.n AS k1 FROM item AS a1 UNION ALL SELECT a2.id AS k1 FROM part AS a2 ORDER BY 1 LIMIT 3",
    ),
    (
        "SELECT n FROM item INTERSECT ALL SELECT id FROM part",
        "SELECT * FROM (SELECT k1 FROM (SELECT k1 AS k1, row_number() OVER (PARTITION BY k1) AS rn FROM (SELECT a1.n AS k1 FROM item AS a1) INTERSECT SELECT k1 AS k1, row_number() OVER (PARTITION BY k1) AS rn FROM (SELECT a2.id AS k1 FROM part AS a2)))",
    ),
    (
        "(SELECT n FROM item ORDER BY n LIMIT 1) UNION ALL SELECT 2",
        "SELECT * FROM (SELECT a1.n AS k1 FROM item AS a1 ORDER BY 1 LIMIT 1) UNION ALL SELECT 2 AS k1",
    ),
    (
        "SELECT i.name FROM item i LEFT JOIN part p ON p.item = i.id WHERE p.w IS NULL",
        "SELECT a1.name AS k1 FROM item AS a1 LEFT JOIN part AS a2 ON (a2.item = a1.id) WHERE (a2.w IS NULL)",
    ),
    (
        "SELECT name FROM item WHERE EXISTS (SELECT 1 FROM part WHERE item = item.id)",
        "SELECT a1.name AS k1 FROM item AS a1 WHERE EXISTS (SELECT 1 AS k1 FROM part AS a2 WHERE (a2.item = a1.id))",
    ),
    (
        "SELECT (SELECT w FROM part WHERE item = i.id) FROM item i",
        "SELECT (SELECT onerow(count(*), k1) FROM (SELECT a2.w AS k1 FROM part AS a2 WHERE (a2.item = a1.id) LIMIT 2)) AS k1 FROM item AS a1",
    ),
    (
        "SELECT ROW_NUMBER() OVER (PARTITION BY name ORDER BY n) FROM item",
        "SELECT row_number() OVER (PARTITION BY a1.name ORDER BY a1.n) AS k1 FROM item AS a1",
    ),
    (
        "WITH RECURSIVE k AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM k WHERE x < 5) SELECT x FROM k",
        "WITH RECURSIVE wa1(k1) AS (SELECT 1 AS k1 UNION ALL SELECT in_range((a2.k1 + 1), -2147483648, 2147483647, 'x') AS k1 FROM wa1 AS a2 WHERE (a2.k1 < 5)) SELECT a3.k1 AS k1 FROM wa1 AS a3",
    ),
    (
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT 1 AS k1, 'a' AS k2 UNION ALL SELECT 2, 'b'",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_text(bench: Bench, text: str, expected: str) -> None:
    assert bench.sql(text) == expected
