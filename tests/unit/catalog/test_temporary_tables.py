"""Temporary tables belong to one session and hide base tables of the same name."""

from __future__ import annotations

from tests.unit.catalog.ddl_harness import Server, error_of


def test_a_temporary_table_hides_the_base_table() -> None:
    server = Server()
    server.ddl("create table t(a int)")
    plan = server.ddl("create temporary table t(b int)")
    assert not plan.commits
    assert [column.name for column in server.table("t").columns] == ["b"]
    assert [column.name for column in server.catalog.relation("d", "t").columns] == ["a"]  # type: ignore[union-attr]
    server.ddl("alter table t add c int")
    assert [column.name for column in server.table("t").columns] == ["b", "c"]
    server.ddl("truncate t")
    server.ddl("drop table t")
    assert [column.name for column in server.table("t").columns] == ["a"]
    assert error_of(server, "drop temporary table t")[0] == 1051
    assert server.reload() == server.catalog


def test_it_is_not_stored() -> None:
    server = Server()
    before = server.catalog
    server.ddl("create temporary table x(a int primary key)")
    assert dict(server.reload().databases) == dict(before.databases)
    assert server.catalog is before
    assert error_of(server, "create temporary table x(a int)")[0] == 1050
    server.ddl("create temporary table if not exists x(a int)")
