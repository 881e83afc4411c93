"""The catalog survives being written down and read again; what did not change is not written."""

from __future__ import annotations

import pytest

from fauna.catalog import store
from fauna.errors import StartError
from tests.unit.catalog.ddl_harness import Server


@pytest.fixture
def server() -> Server:
    made = Server()
    made.ddl("create table p(id int primary key, u bigint unsigned default 18446744073709551615, b binary(3) default x'00ff01')")
    made.ddl(
        "create table t(id int auto_increment primary key, d decimal(30,4) default 1.5, e enum('a','b,c') default 'b,c', f json, "
        "g int as (k2 + 1) stored, k2 int, h datetime(3) default now(3) on update now(3), i varchar(20) default (concat('a', 'b')), "
        "j char(3) collate utf8mb4_bin invisible, key k (j(2) desc) comment 'kc', foreign key (id) references p(id) on delete cascade, "
        "check (d > 0)) comment 'tc' row_format = compact partition by key (id)"
    )
    made.ddl("create sequence s start with 5 increment by 2 cycle")
    return made


def test_round_trip(server: Server) -> None:
    assert server.reload() == server.catalog
    server.ddl("create database other charset latin1 comment 'é'")
    server.ddl("rename table t to other.t2")
    assert server.reload() == server.catalog
    server.ddl("drop database other")
    server.ddl("drop sequence s")
    assert server.reload() == server.catalog


def test_only_changes_are_written(server: Server) -> None:
    before = server.catalog
    server.ddl("alter table p comment 'x'")
    script = store.save_statements(before, server.catalog)
    assert len(script) == 2
    assert script[0][1][:3] == ("table", "d", "p")
    assert store.save_statements(before, before) == ()


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(StartError):
        store.load((1, 1), [("database", "d", "", '{"format": 999, "collation": "x", "comment": ""}')])
