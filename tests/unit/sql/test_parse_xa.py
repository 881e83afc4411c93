"""XA statements and their names."""

from __future__ import annotations

import pytest

from fauna.errors import SqlError
from fauna.sql import ast
from fauna.sql.parse import parse
from fauna.txn.xid import Xid

A = Xid(b"a")


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("xa start 'a'", ast.XaStart(A)),
        ("XA BEGIN 'a'", ast.XaStart(A)),
        ("XA START 'a' JOIN", ast.XaStart(A, "JOIN")),
        ("XA START 'a' RESUME", ast.XaStart(A, "RESUME")),
        ("XA END 'a'", ast.XaEnd(A)),
        ("XA END 'a' SUSPEND", ast.XaEnd(A, suspend=True)),
        ("XA END 'a' SUSPEND FOR MIGRATE", ast.XaEnd(A, suspend=True)),
        ("XA PREPARE 'a'", ast.XaPrepare(A)),
        ("XA COMMIT 'a'", ast.XaCommit(A)),
        ("XA COMMIT 'a' ONE PHASE", ast.XaCommit(A, one_phase=True)),
        ("XA ROLLBACK 'a'", ast.XaRollback(A)),
        ("XA RECOVER", ast.XaRecover()),
        ("XA RECOVER FORMAT='SQL'", ast.XaRecover("SQL")),
        ("XA RECOVER FORMAT = raw", ast.XaRecover("raw")),
        ("XA RECOVER CONVERT XID", ast.XaRecover("HEX")),
    ],
)
def test_statements(text: str, statement: ast.Statement) -> None:
    assert parse(text) == statement


@pytest.mark.parametrize(
    ("text", "xid"),
    [
        ("'a', 'b'", Xid(b"a", b"b")),
        ("'a', 'b', 7", Xid(b"a", b"b", 7)),
        ("X'00fF', 0x62, 0x10", Xid(b"\x00\xff", b"b", 16)),
        ("b'1100001', '', 0", Xid(b"a", b"", 0)),
        ("'a', 'b', 1.9", Xid(b"a", b"b", 1)),
        ("'a', 'b', 2147483647", Xid(b"a", b"b", 2147483647)),
        ("'é'", Xid("é".encode())),
        ("'" + "g" * 64 + "', '" + "b" * 64 + "'", Xid(b"g" * 64, b"b" * 64)),
    ],
)
def test_names(text: str, xid: Xid) -> None:
    assert parse(f"XA PREPARE {text}") == ast.XaPrepare(xid)


@pytest.mark.parametrize(
    "text",
    [
        "XA", "XA START", "XA START a", "XA START 1", "XA START @a", "XA START N'a'", "XA START ?", "XA START 'a' 'b'", "XA START ('a')",
        "XA START 'a', 'b', -1", "XA START 'a', 'b', '1'", "XA START 'a', 'b', x'10'", "XA START 'a', 'b', 0b11", "XA START 'a', 'b', 1, 2",
        "XA START 'a', 'b', 2147483648", "XA START 'a', 'b', 0x80000000", "XA START 'a' SUSPEND", "XA START 'a' JOIN RESUME",
        "XA END 'a' JOIN", "XA END 'a' FOR MIGRATE", "XA COMMIT 'a' ONE", "XA COMMIT 'a' TWO PHASE", "XA PREPARE 'a' ONE PHASE",
        "XA RECOVER 'a'", "XA RECOVER FORMAT 'SQL'", "XA START '" + "g" * 65 + "'", "XA START 'g', '" + "b" * 65 + "'",
    ],
)  # fmt: skip
def test_what_mariadb_does_not_read(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse(text)
    assert caught.value.errno == 1064
