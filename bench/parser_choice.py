"""Our parser against sqlglot's MySQL dialect: what each accepts, gets wrong, and how long it takes.

Run by hand (`python -m bench.parser_choice`); it says so and stops when sqlglot is not installed, which nothing in
FaunaDB needs.  The figures it printed are in docs/decisions/0001-own-parser.md.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fauna.sql.parse import parse, parse_expression

try:
    import sqlglot
except ImportError:
    sqlglot = None  # type: ignore[assignment]

_STATEMENTS = Path(__file__).parent.parent / "tests" / "unit" / "sql" / "statements"

# Pairs that MariaDB groups alike; a parser that has its precedence gives both the same tree.
GROUPINGS = (
    ("a | b & c", "a | (b & c)"),
    ("a & b | c", "(a & b) | c"),
    ("a << 1 + 2", "a << (1 + 2)"),
    ("a & b << 1", "a & (b << 1)"),
    ("a ^ b * c", "(a ^ b) * c"),
    ("a * b ^ c", "a * (b ^ c)"),
    ("a | b ^ c", "a | (b ^ c)"),
    ("a | b = c", "(a | b) = c"),
    ("a ^ b & c", "(a ^ b) & c"),
    ("-a ^ b", "(-a) ^ b"),
    ("!a = b", "(!a) = b"),
    ("NOT a = b", "NOT (a = b)"),
    ("a OR b XOR c", "a OR (b XOR c)"),
    ("a XOR b AND c", "a XOR (b AND c)"),
    ("a = b LIKE c", "a = (b LIKE c)"),
    ("a = b BETWEEN c AND d", "a = (b BETWEEN c AND d)"),
    ("a = b IS NULL", "(a = b) IS NULL"),
    ("a LIKE b NOT IN (c, d)", "a LIKE (b NOT IN (c, d))"),
    ("a DIV b * c", "(a DIV b) * c"),
    ("a MOD b * c", "(a MOD b) * c"),
    ("a < b = c", "(a < b) = c"),
    ("BINARY a = b", "(BINARY a) = b"),
    ("a || b AND c", "a || (b AND c)"),
    ("a + INTERVAL 1 DAY + b", "(a + INTERVAL 1 DAY) + b"),
)

# What a round trip through the tree must not change.
KEPT = (
    "DATE_FORMAT(a, '%Y-%m-%d %H:%i:%s')", "DATE_FORMAT(a, '%e %b %y')", "STR_TO_DATE(a, '%d.%m.%Y')", "LENGTH(a)",
    "CHAR_LENGTH(a)",
    "IFNULL(a, b)", "NOW(3)", "CURDATE()", "SYSDATE()", "LCASE(a)", "UCASE(a)", "SUBSTR(a, 1)", "MID(a, 1, 2)", "POW(a, 2)",
    "LOG(a)",
    "DAYOFMONTH(a)", "WEEK(a)", "RAND()", "TRUNCATE(a, 2)", "CHAR(65)", "LOCATE('a', b)", "INSTR(b, 'a')", "UNIX_TIMESTAMP(a)",
    "FROM_UNIXTIME(a)", "TIMESTAMPDIFF(DAY, a, b)", "DATEDIFF(a, b)", "DATE_ADD(a, INTERVAL 1 DAY)", "MOD(a, b)", "ISNULL(a)",
    "JSON_EXTRACT(a, '$.x')", "MD5(a)", "STD(a)", "VARIANCE(a)", "SHA1(a)", "CEIL(a)", "USER()", "SCHEMA()", "CAST(a AS SIGNED)",
)  # fmt: skip


def main() -> int:
    if sqlglot is None:
        print("sqlglot is not installed: nothing to compare with")
        return 0
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    valid = (_STATEMENTS / "valid.sql").read_text().splitlines()
    broken = (_STATEMENTS / "broken.sql").read_text().splitlines()
    _print_valid(valid)
    _print_broken(broken)
    _print_groupings()
    _print_kept()
    _print_times(valid)
    return 0


def _print_valid(valid: list[str]) -> None:
    rejected = [text for text in valid if not _accepts(_parse_sqlglot, text)]
    opaque = [text for text in valid if text not in rejected and isinstance(_parse_sqlglot(text), sqlglot.exp.Command)]
    ours = [text for text in valid if not _accepts(parse, text)]
    print(f"{len(valid)} valid statements: sqlglot rejects {len(rejected)}, keeps {len(opaque)} opaque; ours rejects {len(ours)}")
    for text in rejected:
        print("   rejected:", text[:110])
    for text in opaque:
        print("   opaque:  ", text[:110])


def _print_broken(broken: list[str]) -> None:
    accepted = [text for text in broken if _accepts(_parse_sqlglot, text)]
    ours = [text for text in broken if _accepts(parse, text)]
    print(f"{len(broken)} statements with an error: sqlglot accepts {len(accepted)}, ours {len(ours)}")
    for text in accepted:
        print("   accepted:", text[:110])


def _print_groupings() -> None:
    wrong = [text for text, grouped in GROUPINGS if _ungrouped(text) != _ungrouped(grouped)]
    ours = [text for text, grouped in GROUPINGS if parse_expression(text) != parse_expression(grouped)]
    print(f"{len(GROUPINGS)} groupings: sqlglot has {len(wrong)} wrong, ours {len(ours)}")
    for text in wrong:
        print("   wrong:", text)


def _ungrouped(text: str) -> str:
    """The tree without its Paren nodes, which the grouped text has and the other has not."""
    try:
        tree = sqlglot.parse_one(f"SELECT {text}", read="mysql").selects[0]
    except Exception as problem:  # noqa: BLE001 - IndexError and others, too, on damaged text
        return f"error {problem}"
    return repr(tree.transform(lambda node: node.this if isinstance(node, sqlglot.exp.Paren) else node))


def _print_kept() -> None:
    changed = []
    for text in KEPT:
        try:
            printed = sqlglot.parse_one(f"SELECT {text}", read="mysql").sql("mysql").removeprefix("SELECT ")
        except Exception:  # noqa: BLE001
            printed = "(rejected)"
        if printed != text:
            changed.append((text, printed))
    print(f"{len(KEPT)} calls through sqlglot and back: {len(changed)} come out as something else")
    for text, printed in changed:
        print(f"   {text}  ->  {printed}")


def _print_times(valid: list[str]) -> None:
    both = [
        text for text in valid if _accepts(_parse_sqlglot, text) and not isinstance(_parse_sqlglot(text), sqlglot.exp.Command)
    ]
    print(f"Parsing {len(both)} statements that both parse, best of 5: ", end="")
    print(f"sqlglot {_best_us(_parse_sqlglot, both):.0f} µs, ours {_best_us(parse, both):.0f} µs a statement")


def _best_us(parser: Callable[[str], object], texts: list[str]) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for text in texts:
            parser(text)
        best = min(best, (time.perf_counter() - started) / len(texts))
    return best * 1e6


def _parse_sqlglot(text: str) -> object:
    return sqlglot.parse_one(text, read="mysql")


def _accepts(parser: Callable[[str], object], text: str) -> bool:
    try:
        parser(text)
    except Exception:  # noqa: BLE001
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
