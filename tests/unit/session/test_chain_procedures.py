"""CALL fauna.proof, checkpoint, checkpoint_key and consistency, and the table of checkpoints, on chains in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fauna
from fauna.chain.checkpoint import key_id, parse
from fauna.chain.checkpoints import FILE
from fauna.errors import SqlError, StartError
from fauna.node import Node
from fauna.session.session import Session
from fauna.settings import Settings
from tests.unit.chain.chains import ListChain, insert
from tests.unit.session.test_shards import ask, connect


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node.open(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def chains(node: Node) -> list[ListChain]:
    made = [ListChain(shard, node.checkpoints.database) for shard in range(2)]
    made[0].fill(9)
    made[1].seal(insert("t1", 5, (5, "five")), insert("t1", 6, (6, "six")))
    node.chain_sources = lambda: made
    return made


@pytest.fixture
def session(node: Node) -> Session:
    return connect(node)


def document(session: Session, call: str) -> str:
    ((found,),) = ask(session, f"CALL fauna.{call}")
    assert isinstance(found, str)
    return found


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def test_a_real_chain_is_proved(node: Node, session: Session, tmp_path: Path) -> None:
    ask(session, "CREATE DATABASE d")
    ask(session, "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(9))")
    early = document(session, "checkpoint()")
    for number in range(600):
        ask(session, f"INSERT INTO d.t VALUES ({number}, 'v{number}')")
    late = json.loads(document(session, "checkpoint()"))
    height = node.shard.height
    found = fauna.verify_proof(json.loads(document(session, f"proof({height}, 0, 0)")), late)
    assert found.change is not None and found.change.after == (599, "v599")
    assert found.header.user == "root@localhost"
    steps = json.loads(document(session, f"consistency({quoted(early)})"))
    assert fauna.verify_consistency(steps, json.loads(early)).head_of(0).height == height


def test_without_chains_it_is_not_supported(tmp_path: Path) -> None:
    node = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", chain=False))
    try:
        refused_without_chains(connect(node))
    finally:
        node.close()


def refused_without_chains(session: Session) -> None:
    for call in ("proof(1)", "checkpoint()", "consistency('{}')"):
        with pytest.raises(SqlError, match="this database has no chain") as caught:
            ask(session, f"CALL fauna.{call}")
        assert caught.value.errno == 1235


def test_a_checkpoint_and_a_proof_from_it(session: Session, chains: list[ListChain]) -> None:
    ((key, public_key, pem),) = ask(session, "CALL fauna.checkpoint_key()")
    assert key == key_id(bytes.fromhex(public_key))
    checkpoint = document(session, "checkpoint()")
    chains[0].fill(3)  # the proof goes with the checkpoint, however far the chain is by now
    for trusted in (public_key, pem):
        verified = fauna.verify_proof(document(session, "proof(1, 1, 1)"), checkpoint, trusted)
        assert verified.change is not None
        assert verified.change.after == (6, "six")
    verified = fauna.verify_proof(document(session, "proof(4)"), checkpoint, public_key)
    assert (verified.header.shard, verified.header.height, verified.change) == (0, 4, None)
    verified = fauna.verify_proof(document(session, "proof('4', NULL, 0)"), checkpoint, public_key)
    assert verified.change is not None and verified.change.key == 4


def test_a_block_that_no_checkpoint_has_gets_one(session: Session, chains: list[ListChain]) -> None:
    first = document(session, "checkpoint()")
    chains[0].fill(1)
    proof = document(session, "proof(10)")
    ((made,),) = ask(session, "SELECT checkpoint FROM fauna.checkpoints ORDER BY made_at DESC LIMIT 1")
    assert fauna.verify_proof(proof, made).header.height == 10
    assert made != first
    assert json.loads(document(session, "proof(9)"))["tree_size"] == 10
    earlier = document(session, f"proof(9, 0, NULL, {quoted(first)})")
    assert fauna.verify_proof(earlier, first).header.height == 9


def test_consistency_from_a_kept_checkpoint(session: Session, chains: list[ListChain]) -> None:
    kept = document(session, "checkpoint()")
    chains[0].fill(400)
    later = fauna.verify_consistency(document(session, f"consistency({quoted(kept)})"), kept)
    assert [each.height for each in later.shards] == [409, 1]


def test_rewritten_history_is_named(session: Session, chains: list[ListChain], node: Node) -> None:
    kept = document(session, "checkpoint()")
    rewritten = ListChain(0, node.checkpoints.database)
    rewritten.seal(insert("t1", 1, (1, "not what it was")))
    rewritten.fill(20)
    chains[0] = rewritten
    for call in (f"proof(3, 0, NULL, {quoted(kept)})", f"consistency({quoted(kept)})"):
        with pytest.raises(SqlError, match="the first 9 blocks of shard 0 are not those of the earlier checkpoint"):
            ask(session, f"CALL fauna.{call}")
    assert json.loads(document(session, "proof(3)"))["tree_size"] == 21  # for a new one: what was kept does not fit
    chains[0] = ListChain(0, node.checkpoints.database).fill(2)
    with pytest.raises(SqlError, match="the checkpoint has 9 blocks of shard 0, the chain has 2"):
        ask(session, f"CALL fauna.proof(1, 0, NULL, {quoted(kept)})")


def test_what_cannot_be_asked(session: Session, chains: list[ListChain], tmp_path: Path) -> None:
    kept = document(session, "checkpoint()")
    file = tmp_path / "kept.json"
    file.write_text(kept)
    foreign = ListChain(0).fill(3)
    other = Node.open(tmp_path / "other")
    other.chain_sources = lambda: [foreign]
    elsewhere = other.checkpoints.make().to_text()
    other.close()
    for call, errno, message in [
        ("proof()", 1318, "expected 1 to 4, got 0"),
        ("proof(1, 0, 0, '', 5)", 1318, "expected 1 to 4, got 5"),
        ("checkpoint(1)", 1318, "expected 0, got 1"),
        ("consistency()", 1318, "expected 1, got 0"),
        ("consistency(NULL)", 1105, "wants a text"),
        ("proof('x')", 1105, "wants a number"),
        ("proof(NULL)", 1105, "wants a number"),
        ("proof(0)", 1105, "shard 0 has no block 0, it has 9"),
        ("proof(10)", 1105, "shard 0 has no block 10, it has 9"),
        ("proof(1, 2)", 1105, "There is no shard 2"),
        ("proof(1, 1, 2)", 1105, "has no change 2, it has 2"),
        (f"proof(1, 0, 0, {quoted(str(file))})", 1105, "must be given as its JSON text"),
        (f"consistency({quoted(str(file))})", 1105, "must be given as its JSON text"),
        ("consistency('{}')", 1105, "a checkpoint has no field 'type'"),
        (f"consistency({quoted(kept.replace('1, ', '2, '))})", 1105, "version 2"),
        (f"consistency({quoted(elsewhere)})", 1105, "the checkpoint is of database"),
        (f"proof(1, 0, 0, {quoted(elsewhere)})", 1105, "the checkpoint is of database"),
    ]:
        with pytest.raises(SqlError, match=message) as caught:
            ask(session, f"CALL fauna.{call}")
        assert caught.value.errno == errno, call


def test_the_table_of_checkpoints(session: Session, chains: list[ListChain], node: Node) -> None:
    assert ask(session, "SELECT * FROM fauna.checkpoints") == []
    made = parse(document(session, "checkpoint()"))
    chains[1].fill(1)
    document(session, "checkpoint()")
    first, second = ask(session, "SELECT made_at, shards, blocks, key_id, exported, problem, checkpoint FROM fauna.checkpoints")
    assert first[1:6] == (2, 10, made.key_id, None, None)
    assert second[2] == 11
    assert parse(first[6]) == made
    assert (
        ask(session, f"SELECT UNIX_TIMESTAMP('{first[0]}') * 1000000 = {made.made_us}") == [(1,)] or not node.system_zone_is_utc
    )
    assert ask(session, "SELECT COUNT(*) FROM fauna.checkpoints WHERE made_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY") == [(2,)]
    with pytest.raises(SqlError):
        ask(session, "DELETE FROM fauna.checkpoints")
    tables = [row[0] for row in ask(session, "SHOW TABLES FROM fauna")]
    assert "checkpoints" in tables


def test_a_damaged_file_of_checkpoints_is_said(session: Session, chains: list[ListChain], tmp_path: Path) -> None:
    (tmp_path / "data" / FILE).mkdir()
    for statement in ("SELECT * FROM fauna.checkpoints", "CALL fauna.checkpoint()"):
        with pytest.raises(SqlError, match="checkpoints.jsonl' cannot be read"):
            ask(session, statement)


def test_a_node_that_is_read_only_makes_none(session: Session, chains: list[ListChain], node: Node) -> None:
    document(session, "checkpoint()")
    node.read_only = True
    document(session, "proof(9)")
    chains[0].fill(1)
    for call in ("checkpoint()", "proof(10)"):
        with pytest.raises(SqlError, match="read-only"):
            ask(session, f"CALL fauna.{call}")


def test_the_schedule_goes_where_the_settings_say(tmp_path: Path) -> None:
    target = tmp_path / "witness"
    target.mkdir()
    data = tmp_path / "data"
    node = Node.open(data, Settings(data=data, checkpoint_target=str(target), checkpoint_interval=0))
    chain = ListChain(0, node.checkpoints.database).fill(3)
    node.chain_sources = lambda: [chain]
    node.start_witness()
    witness = node.witness
    assert witness is not None
    assert witness.wait_exported(30)
    (path,) = target.iterdir()
    session = connect(node)
    assert ask(session, "SELECT exported, problem, checkpoint FROM fauna.checkpoints LIMIT 1") == [
        (1, None, path.read_text().strip())
    ]
    node.close()


def test_a_target_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data": tmp_path / "data", "checkpoint_target": "https://host/", "checkpoint_ca": "missing.pem"}
    with pytest.raises(StartError, match="checkpoint_target: the certificate authority 'missing.pem' cannot be read"):
        Node.open(tmp_path / "data", Settings(**settings))
    Node.open(tmp_path / "data").close()
