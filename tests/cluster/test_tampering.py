"""Whoever changes a stored byte or row behind the server's back is found, and what it was is named; nobody else is accused."""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import pymysql
import pytest

from fauna import database
from fauna.chain.digest import with_digest
from fauna.chain.encoding import (
    REWRITE,
    Header,
    block_hash,
    decode_change,
    decode_header,
    encode_pruned,
    text,
    varint,
)
from fauna.cli import main
from fauna.client.exceptions import Error
from fauna.node import configure
from fauna.shard.engines.sqlite.blocks import BlockReader
from fauna.shard.engines.sqlite.sealer import IN_PARTS, RAW
from fauna.verification.files import register
from fauna.verification.findings import CannotVerify, Finding, Report, Stopped
from fauna.verification.verify import verify
from fauna.verification.work import rows_as_stored
from tests.cluster.mixed_load import Load
from tests.servers import Server, faunadb

FILES = ("shard-0.db", "shard-1.db", "shard-0.history.db", "shard-1.history.db")
# What no block seals: see docs/architecture/verification.md.
UNSEALED = frozenset({"definition_count", "sqlite_stat1", "sqlite_stat4"})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards, with everything in them; nobody has it open."""
    directory = tmp_path_factory.mktemp("tampering") / "data"
    load = Load(directory, random.Random(7), shards=2)
    load.begin()
    load.run(250)
    for i in range(100, 108):
        load.database.execute(f"INSERT INTO orders (id, person, qty, price) VALUES ({i}, 1, 2, 3.5)")
    load.database.execute("START TRANSACTION")
    for i in range(100, 104):
        load.database.execute(f"UPDATE orders SET qty = 77 WHERE id = {i}")
    load.database.execute("COMMIT")
    prune_log(load)
    source = load.node.chain_sources()[0]
    while source.height() < 260:
        load.database.execute(f"REPLACE INTO everywhere (id, v) VALUES (5000, {source.height()})")
    source.subtree(8, 0)  # as a proof would ask for it
    load.know_past()
    load.close()
    report = verify(directory, configure)
    assert_clean(report)
    assert (
        sum("changes of table shop.log; older rows can be compared with its row versions" in note for note in report.notes) == 2
    )
    return directory


def prune_log(load: Load) -> None:
    """A table that has forgotten its first changes, and was changed since."""
    load.database.execute("CREATE TABLE log (id INT PRIMARY KEY, note VARCHAR(20)) SYSTEM_VERSIONING_RETENTION = '1 second'")
    load.database.execute("INSERT INTO log VALUES " + ", ".join(f"({i}, 'first {i}')" for i in range(60)))
    load.database.execute("UPDATE log SET note = concat('second ', id) WHERE id < 40")
    retention = load.node.retention
    assert retention is not None
    left = 100
    while left:
        left -= sum(table.changes for table in retention.prune())
        time.sleep(0.05)  # time passing is what is awaited
    load.database.execute("UPDATE log SET note = concat('third ', id) WHERE id < 20")
    load.database.execute("DELETE FROM log WHERE id IN (1, 2, 3, 21, 22, 23, 50, 51, 52, 53)")


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "copy"))


def assert_clean(report: Report) -> None:
    assert [str(finding) for finding in report.findings] == []


def opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    register(connection, configure)
    return connection


def table_of(directory: Path, name: str) -> str:
    connection = opened(directory / "shard-0.db")
    sql = "SELECT definition FROM catalog_entries WHERE kind = 'table' AND name = ?"
    found = f"t{json.loads(str(connection.execute(sql, (name,)).get))['id']}"
    connection.close()
    return found


# ── edits that someone with SQLite in hand would make ──


@dataclass(frozen=True)
class Edit:
    name: str
    make: Callable[[Path], None]
    expected: str
    table: str = ""


def sql(file: str, *statements: str) -> Callable[[Path], None]:
    """{orders}, {people} and so on are the tables' names."""

    def make(directory: Path) -> None:
        mentioned = set(re.findall(r"{(\w+)}", " ".join(statements)))
        names = {name: table_of(directory, name) for name in mentioned}
        connection = opened(directory / file)
        for statement in statements:
            connection.execute(statement.format(**names))
            assert connection.changes() or not statement.startswith(("UPDATE", "DELETE", "INSERT"))
        connection.close()

    return make


def header(change: Callable[[Header], Header], height: int, *, with_hash: bool = True) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        connection = opened(directory / "shard-0.db")
        found: Any = connection.execute("SELECT header FROM fauna_blocks WHERE height = ?", (height,)).get
        encoded = change(decode_header(found)).encode()
        hash_ = block_hash(encoded) if with_hash else block_hash(found)
        connection.execute("UPDATE fauna_blocks SET header = ?, hash = ? WHERE height = ?", (encoded, hash_, height))
        connection.close()

    return make


def replaced(header_: Header, **fields: Any) -> Header:
    from dataclasses import replace

    return replace(header_, **fields)


EDITS = (
    Edit("a row", sql("shard-0.db", "UPDATE {people} SET c2 = 'Eve' WHERE c1 = (SELECT min(c1) FROM {people})"), "name is 'Eve'", "shop.people"),
    Edit("a row's case", sql("shard-0.db", "UPDATE {people} SET c2 = upper(c2) WHERE c2 = 'zebra'"), "name is 'ZEBRA'", "shop.people"),
    Edit("a row is gone", sql("shard-0.db", "DELETE FROM {orders} WHERE c1 = (SELECT c1 FROM {orders} WHERE c6 = 77)"), "is missing", "shop.orders"),
    Edit("a row too many", sql("shard-0.db", "INSERT INTO {everywhere} (c1, c2, c3) VALUES (9999, 1, 'x')"), "is not in the chain", "shop.everywhere"),
    Edit("an old row again", sql("shard-0.db", "UPDATE {orders} SET c6 = 2 WHERE c6 = 77"), "qty is 2, sealed was 77", "shop.orders"),
    Edit("a number's type", sql("shard-0.db", "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, 'c6 INTEGER', 'c6 ANY') WHERE name = '{orders}'", "PRAGMA writable_schema = RESET", "UPDATE {orders} SET c6 = 77.0 WHERE c6 = 77"), "qty is 77.0, sealed was 77", "shop.orders"),
    Edit("an account", sql("shard-0.db", "UPDATE accounts SET authentication_string = 'x' WHERE user = 'ann'"), "authentication_string", "accounts"),
    Edit("a new account", sql("shard-0.db", "INSERT INTO accounts VALUES ('eve', '%', 'mysql_native_password', '')"), "is not in the chain", "accounts"),
    Edit("the catalog", sql("shard-0.db", "UPDATE catalog_entries SET definition = replace(definition, 'city', 'town') WHERE name = 'people'"), "definition is", "catalog_entries"),
    Edit("a counter", sql("shard-0.db", "UPDATE auto_increment SET next = 1"), "next is 1", "auto_increment"),
    Edit("an index", sql("shard-0.db", "DROP INDEX i1_2"), "the index i1_2 is missing"),
    Edit("a trigger", sql("shard-0.db", "CREATE TRIGGER evil AFTER INSERT ON {orders} BEGIN DELETE FROM {people}; END"), "evil, which nothing has defined", "shop.orders"),
    Edit("a temporary trigger", sql("shard-0.db", "CREATE TRIGGER x1099511627777 AFTER INSERT ON {orders} BEGIN DELETE FROM {people}; END"), "nothing has defined", "shop.orders"),
    Edit("a table", sql("shard-0.db", "CREATE TABLE t999 (c0)"), "t999, which nothing has defined"),
    Edit("a table is gone", sql("shard-0.db", "DROP TABLE {orders}"), "is missing", "shop.orders"),
    Edit("a constraint", sql("shard-0.db", "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, '>= 0', '>= -9') WHERE name = '{orders}'", "PRAGMA writable_schema = RESET"), "is not as it was defined", "shop.orders"),
    Edit("two blocks", sql("shard-0.db", "UPDATE fauna_blocks SET height = -1 WHERE height = 20", "UPDATE fauna_blocks SET height = 20 WHERE height = 21", "UPDATE fauna_blocks SET height = 21 WHERE height = -1"), "the hash of the block before is not what this block says"),
    Edit("a block's changes", sql("shard-0.db", "UPDATE fauna_blocks SET payload = (SELECT payload FROM fauna_blocks WHERE height = 30) WHERE height = 31"), "changes"),
    Edit("a block is gone", sql("shard-0.db", "DELETE FROM fauna_blocks WHERE height = 30"), "block 30 is missing"),
    Edit("the first block is gone", sql("shard-0.db", "DELETE FROM fauna_blocks WHERE height = 1"), "block 1 is missing"),
    Edit("the last block is gone", sql("shard-0.db", "DELETE FROM fauna_blocks WHERE height = (SELECT max(height) FROM fauna_blocks)"), "the chain ends at block"),
    Edit("a part of a block", sql("shard-0.db", "INSERT INTO fauna_block_parts VALUES (3, 0, x'00')"), "parts of blocks"),
    Edit("who committed", header(lambda h: replaced(h, user="eve@%"), 30), "the hash of the block before"),
    Edit("when", header(lambda h: replaced(h, time_us=h.time_us + 1), 30), "the hash of the block before"),
    Edit("when, to be earlier", header(lambda h: replaced(h, time_us=5), 30), "the block's time is not later"),
    Edit("a header without its hash", header(lambda h: replaced(h, user="eve@%"), 30, with_hash=False), "not the one that it was sealed with"),
    Edit("a version", lambda directory: _edit_version(directory, "orders", "c6 = 3", "rowid = 1"), "row version", "shop.orders"),
    Edit("the database's name", sql("shard-0.db", "UPDATE fauna_meta SET value = 'other' WHERE key = 'database'"), "the chain is of another database"),
    Edit("the shard's number", sql("shard-0.db", "UPDATE fauna_meta SET value = '1' WHERE key = 'shard'"), "says that it is shard"),
    Edit("a transaction's name", sql("shard-0.db", "UPDATE fauna_transactions SET gtrid = gtrid || 'x' WHERE height = (SELECT min(height) FROM fauna_transactions)"), "is not that of block"),
    Edit("a transaction's name is gone", sql("shard-0.db", "DELETE FROM fauna_transactions WHERE height = (SELECT min(height) FROM fauna_transactions)"), "is not among those that have a name"),
    Edit("up to where versions go", sql("shard-0.history.db", "UPDATE fauna_indexed SET time_us = time_us + 1"), "made from another block"),
    Edit("from when on a past is kept", sql("shard-0.db", "UPDATE fauna_pruned SET until_us = until_us - 1000 WHERE name = '{log}'"), "fauna_pruned: the past is said to be kept from block", "shop.log"),
    Edit("that nothing was pruned", sql("shard-0.db", "UPDATE fauna_pruned SET until_us = 0, height = 0, changes = 0 WHERE name = '{log}'"), "the past is said to be kept from block 0", "shop.log"),
    Edit("what is pruned is not noted", sql("shard-0.db", "DELETE FROM fauna_pruned WHERE name = '{log}'"), "of which nothing is noted", "shop.log"),
    Edit("how much was pruned", sql("shard-0.db", "UPDATE fauna_pruned SET changes = changes + 1 WHERE name = '{log}'"), "are said to be pruned", "shop.log"),
    Edit("where to go on pruning", sql("shard-0.db", "UPDATE fauna_pruned SET looked = looked + 1000 WHERE name = '{log}'"), "looked for up to block", "shop.log"),
    Edit("where to go on pruning, within the chain", sql("shard-0.db", "UPDATE fauna_pruned SET looked = (SELECT max(height) FROM fauna_blocks) WHERE name = '{log}'"), "changes are said to be pruned up to block", "shop.log"),
    Edit("a table that keeps all is said to be pruned", sql("shard-0.db", "INSERT INTO fauna_pruned VALUES ('{orders}', 5, 3, 3, 1)"), "the past is said to be kept from block 3", "shop.orders"),
    Edit("changes are passed off as pruned", lambda directory: _prune_by_hand(directory, "orders"), "which the table's retention keeps for good", "shop.orders"),
    Edit("a row whose change is pruned", sql("shard-0.db", "UPDATE {log} SET c2 = 'forged' WHERE c1 = (SELECT c1 FROM {log} WHERE c2 GLOB 'first *')"), "note is 'forged', sealed was 'first ", "shop.log"),
    Edit("a row whose change is pruned is gone", sql("shard-0.db", "DELETE FROM {log} WHERE c1 = (SELECT c1 FROM {log} WHERE c2 GLOB 'second *')"), "the row is missing", "shop.log"),
    Edit("a version of a row whose change is pruned", lambda directory: _edit_version(directory, "log", "c2 = 'forged'", "c2 GLOB 'third *'"), "the row versions are not what the chain says", "shop.log"),
    Edit("an old version of a row whose change is pruned", lambda directory: _edit_version(directory, "log", "c2 = 'forged'", "c2 GLOB 'first *'"), "sealed was 'forged'", "shop.log"),
    Edit("a hash for proofs", sql("shard-0.history.db", "UPDATE fauna_subtrees SET hash = zeroblob(32)"), "fauna_subtrees: the hash at level 8, place 0"),
    Edit("a hash of no blocks", sql("shard-0.history.db", "INSERT INTO fauna_subtrees VALUES (8, 9, zeroblob(32))"), "fauna_subtrees: 1 hashes are of no blocks"),
    Edit("that a past was lost", sql("shard-0.history.db", "INSERT INTO fauna_lost VALUES ('{log}', 5)"), "fauna_lost names the table", "shop.log"),
    Edit("a layout", sql("shard-0.history.db", "UPDATE fauna_layouts SET row_start = row_start + 1 WHERE name = '{orders}' AND row_end > 9e18"), "fauna_layouts"),
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_is_found_and_named(copy: Path, edit: Edit) -> None:
    edit.make(copy)
    report = verify(copy, configure)
    said = [str(finding) for finding in report.findings]
    assert any(edit.expected in line for line in said), said
    if edit.table:
        assert edit.table in {finding.table for finding in report.findings}, said


def _edit_version(directory: Path, table: str, change: str, which: str) -> None:
    number = table_of(directory, table)[1:]
    connection = opened(directory / "shard-0.history.db")
    find = f"SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'h{number}_*' LIMIT 1"
    versions = connection.execute(find).get
    connection.execute(f"UPDATE {versions} SET {change} WHERE rowid = (SELECT min(rowid) FROM {versions} WHERE {which})")
    assert connection.changes() == 1
    connection.close()


def _prune_by_hand(directory: Path, name: str) -> None:
    """As retention does it, with everything that belongs to it."""
    table = table_of(directory, name)
    connection = opened(directory / "shard-0.db")
    last: Any = (0, 0)
    taken = 0
    for block in BlockReader(connection).blocks(1, 1 << 62):
        changes = [bytes(change) for change in BlockReader(connection).changes(block)]
        own = [decode_change(change).table == table and decode_change(change).kind <= REWRITE for change in changes]
        if any(own) and block.payload != IN_PARTS:
            pruned = [
                encode_pruned(text(table), sha256(b"\x00" + change).digest()) if mine else change
                for change, mine in zip(changes, own, strict=True)
            ]
            payload = RAW + b"".join(varint(len(change)) + change for change in pruned)
            connection.execute("UPDATE fauna_blocks SET payload = ? WHERE height = ?", (payload, block.height))
            last, taken = (block.decoded().time_us, block.height), taken + sum(own)
    connection.execute("INSERT INTO fauna_pruned VALUES (?, ?, ?, ?, ?)", (table, *last, last[1], taken))
    connection.close()
    assert taken


@pytest.fixture(scope="module")
def one_shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("alone") / "data"
    load = Load(directory, random.Random(8), shards=1)
    load.begin()
    load.run(30)
    load.close()
    assert_clean(verify(directory, configure))
    return directory


def write_script(directory: Path) -> None:
    connection = opened(directory / "shard-0.db")
    connection.execute("UPDATE definition_script SET script = ?", (with_digest('{"script": [], "own": {}}'),))
    connection.close()


@pytest.mark.parametrize(
    "edit",
    [
        Edit(
            "counted",
            sql("shard-0.db", "UPDATE definition_count SET count = 3"),
            "3 changes of definitions with other",
            "definition_count",
        ),
        Edit("uncounted", sql("shard-0.db", "DELETE FROM definition_count"), "does not say how many", "definition_count"),
        Edit("unscripted", sql("shard-0.db", "DELETE FROM definition_script"), "cannot be read", "definition_script"),
        Edit("a script", write_script, "a script for other shards", "definition_script"),
    ],
    ids=lambda edit: edit.name,
)
def test_what_only_several_shards_have_is_not_there_with_one(one_shard: Path, tmp_path: Path, edit: Edit) -> None:
    copy = Path(shutil.copytree(one_shard, tmp_path / "copy"))
    edit.make(copy)
    (finding,) = verify(copy, configure).findings
    assert (finding.shard, finding.table) == (0, edit.table)
    assert edit.expected in finding.what


def test_no_false_alarm_once_there_are_several_shards(one_shard: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(one_shard, tmp_path / "copy"))
    with database.connect(path=copy, database="shop") as db:
        db.execute("CALL fauna.shards_add(1)")
        db.execute("CREATE TABLE made_later (id INT PRIMARY KEY)")
        while (state := db.query("CALL fauna.shards_status()")[0]["state"]) in ("adding", "reading", "moving", "waiting"):
            time.sleep(0.02)  # it goes on by itself
        assert state == "done"
        db.execute("DROP TABLE made_later")
    assert_clean(verify(copy, configure))


def test_the_last_block_taken_off_with_what_it_did_needs_a_checkpoint(copy: Path) -> None:
    """A chain that ends earlier, with rows that fit, is as good as any; the tree's root tells, for who has kept it."""
    before = verify(copy, configure)
    for path in copy.glob("*.history.db*"):
        path.unlink()
    connection = opened(copy / "shard-0.db")
    height: Any = connection.execute("SELECT max(height) FROM fauna_blocks").get
    connection.close()
    root = before.roots[0, height]
    shorter = verify(copy, configure, roots_at={0: (height - 1, height)})
    assert shorter.roots[0, height] == root != shorter.roots[0, height - 1]


def test_files_that_are_no_databases(copy: Path) -> None:
    with pytest.raises(CannotVerify, match="no database"):
        verify(copy / "nothing" if (copy / "nothing").mkdir() is None else copy, configure)
    (copy / "shard-1.db").write_bytes(b"this is not a database" * 1000)
    assert any("cannot be read" in finding.what for finding in verify(copy, configure).findings)
    (copy / "shard-1.db").unlink()
    assert any("missing" in finding.what for finding in verify(copy, configure).findings)


def test_the_log_is_checked(data: Path, tmp_path: Path) -> None:
    """A byte in the log would take what comes after it with it, without a word."""
    load = Load(tmp_path / "data", random.Random(3))
    load.begin()
    load.run(60)
    for _ in range(30):
        load._attempt()
    shutil.copytree(tmp_path / "data", tmp_path / "killed")  # as after kill -9: what was committed is in the log
    load.close()
    assert_clean(verify(tmp_path / "killed", configure))
    size = (tmp_path / "killed" / "shard-0.db-wal").stat().st_size
    dice = random.Random(1)
    for place in [dice.randrange(size) for _ in range(12)] + [size - 1, size - 4096, 30]:
        copy = Path(shutil.copytree(tmp_path / "killed", tmp_path / f"copy{place}"))
        flip(copy / "shard-0.db-wal", place, dice)
        found = verify(copy, configure).findings
        assert any("write-ahead log" in finding.what for finding in found), place
    torn = Path(shutil.copytree(tmp_path / "killed", tmp_path / "torn"))
    with (torn / "shard-0.db-wal").open("r+b") as file:
        file.truncate(size - 1000)  # the last commit was being written when the process was killed
    assert not any("write-ahead log" in finding.what for finding in verify(torn, configure).findings)


# ── single bytes ──


def flip(path: Path, place: int, dice: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << dice.randrange(8)]))


@dataclass(frozen=True)
class Object:
    file: str
    name: str
    pages: tuple[int, ...]


def objects(directory: Path) -> list[Object]:
    """All tables and indexes, with the pages of each."""
    found = []
    for file in FILES:
        connection = opened(directory / file)
        pages: dict[str, list[int]] = {}
        for name, page in connection.execute("SELECT name, pageno FROM dbstat"):
            pages.setdefault(str(name), []).append(int(page))  # type: ignore[call-overload]
        found += [Object(file, name, tuple(numbers)) for name, numbers in pages.items()]
        connection.close()
    return found


def contents(directory: Path) -> dict[str, Any]:
    """Everything that SQLite reads in the files, by table; and whether it finds their structure sound."""
    found: dict[str, Any] = {}
    for file in FILES:
        try:
            connection = opened(directory / file)
            names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            found[f"{file} schema"] = sorted(map(str, connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")))
            found[f"{file} check"] = connection.execute("PRAGMA integrity_check").fetchall()
            for name in names:
                found[f"{file} {name}"] = sorted(map(repr, rows_as_stored(connection, name)))
            connection.close()
        except (apsw.Error, UnicodeDecodeError) as problem:
            found[f"{file} problem"] = str(problem)
    return found


def _where(failed: BaseException) -> str:
    return " ".join(f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(failed.__traceback__)[-4:])


def flipped(data: Path, where: Path, seed: int, there: list[Object], known: dict[str, Any]) -> tuple[str, str, list[Finding]]:
    """Flip a bit somewhere in one of the objects; returns what came of it, and where it was."""
    dice = random.Random(seed)
    target = dice.choice(there)
    page = dice.choice(target.pages)
    stored = (data / target.file).read_bytes()[(page - 1) * 4096 : page * 4096]
    used = [i for i, byte in enumerate(stored) if byte]  # most pages are nearly empty
    place = (page - 1) * 4096 + (dice.choice(used) if dice.random() < 0.9 else dice.randrange(4096))
    copy = Path(shutil.copytree(data, where / str(seed)))
    try:
        flip(copy / target.file, place, dice)
        label = f"{target.file} {target.name} page {page} byte {place % 4096} (seed {seed})"
        try:
            found = verify(copy, configure).findings
        except Exception as failed:  # whatever is in the files, it is a finding
            return "escaped", f"{label}: {failed!r} {_where(failed)}", []
        if found:
            return "found", label, found
        now = contents(copy)
        changed = {name.split()[-1] for name in {*known, *now} if known.get(name) != now.get(name)}
        if not changed:
            return "unused", label, found
        return ("unsealed" if changed <= UNSEALED else "escaped"), f"{label}: {sorted(changed)}", found
    finally:
        shutil.rmtree(copy)


def test_a_flipped_byte_is_found(data: Path, tmp_path: Path) -> None:
    there, known = objects(data), contents(data)
    outcome = [flipped(data, tmp_path, seed, there, known) for seed in range(40)]
    assert [label for what, label, _ in outcome if what == "escaped"] == []
    assert sum(what == "found" for what, _, _ in outcome) >= 10


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_flipped_bytes(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, known = objects(data), contents(data)
    outcome = [flipped(data, tmp_path, seed, there, known) for seed in range(1000, 2000)]
    with capsys.disabled():
        print(Counter(what for what, _, _ in outcome))
        for what, label, _ in outcome:
            if what in ("escaped", "unsealed"):
                print(f"  {what}: {label}")
    assert [label for what, label, _ in outcome if what == "escaped"] == []


def test_a_flipped_byte_of_each_row_is_found(data: Path, tmp_path: Path) -> None:
    """Bytes that are in use for certain: those of a value."""
    dice = random.Random(5)
    needles = [b"zebra", b"2001-02-03", b"mysql_native_password", b"caching_sha2_password", b"CREATE TABLE", b"utf8mb4", b"AFTER"]
    tried = 0
    for file in FILES:
        stored = (data / file).read_bytes()
        for needle in needles:
            places = [i for i in _places(stored, needle) if _is_live(data / file, i)]
            for place in dice.sample(places, min(2, len(places))):
                copy = Path(shutil.copytree(data, tmp_path / f"n{tried}"))
                flip(copy / file, place + dice.randrange(len(needle)), dice)
                tried += 1
                if not verify(copy, configure).findings:
                    assert contents(copy) == contents(data), (file, needle, place)
                shutil.rmtree(copy)
    assert tried >= 20


def _places(stored: bytes, needle: bytes) -> Iterator[int]:
    at = stored.find(needle)
    while at >= 0:
        yield at
        at = stored.find(needle, at + 1)


def _is_live(path: Path, place: int) -> bool:
    connection = opened(path)
    found = connection.execute("SELECT 1 FROM dbstat WHERE pageno = ?", (place // 4096 + 1,)).fetchall()
    connection.close()
    return bool(found)


# ── no false alarm ──


AFTER_PRUNING = (
    ("ALTER TABLE log ADD COLUMN n INT DEFAULT 7", "UPDATE log SET n = 8 WHERE id > 30"),
    ("TRUNCATE TABLE log", "INSERT INTO log VALUES (5, 'fourth')"),
    ("DROP TABLE log",),
    ("ALTER TABLE log MODIFY note VARCHAR(300)", "DELETE FROM log WHERE id > 30"),
)


def run_clean(directory: Path, seed: int, steps: int) -> None:
    dice = random.Random(seed)
    load = Load(directory, dice, shards=1 + seed % 3)
    load.begin()
    load.run(steps)
    if seed % 5 == 0:
        prune_log(load)
        for statement in AFTER_PRUNING[seed // 5 % len(AFTER_PRUNING)]:
            load.database.execute(statement)
    if dice.random() < 0.7:
        load.know_past()
    if seed % 4 == 0:
        assert_clean(verify(directory, configure, at_rest=False))
    load.close()
    before = sorted((path.name, path.stat().st_size) for path in directory.iterdir())
    assert_clean(verify(directory, configure))
    assert sorted((path.name, path.stat().st_size) for path in directory.iterdir()) == before


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm(tmp_path: Path, seed: int) -> None:
    run_clean(tmp_path / "data", seed, 100)


def test_no_false_alarm_when_the_past_of_a_pruned_table_is_lost(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    load = Load(directory, random.Random(1), shards=2)
    load.begin()
    prune_log(load)
    log = load.node.catalog.relation("shop", "log")
    assert log is not None
    load.database.execute("DROP TABLE log")
    load.close()
    for path in directory.glob("*.history.db*"):
        path.unlink()
    load.open()
    load.know_past()
    lost = [shard.versions.lost_until(log.physical) for shard in load.node.shards]
    load.close()
    assert all(lost)
    assert_clean(verify(directory, configure))
    connection = opened(directory / "shard-1.history.db")
    connection.execute("DELETE FROM fauna_lost")
    connection.close()
    assert [finding.shard for finding in verify(directory, configure).findings] == [1]


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_no_false_alarm_in_a_thousand_runs(tmp_path: Path) -> None:
    for seed in range(1000, 2000):
        run_clean(tmp_path / "data", seed, 150)
        shutil.rmtree(tmp_path / "data")


@pytest.mark.parametrize("processes", [0, 2])
def test_no_false_alarm_while_clients_write(tmp_path: Path, processes: int) -> None:
    load = Load(tmp_path / "data", random.Random(11), shards=2)
    load.begin()
    load.run(60)
    stop = threading.Event()

    def write(seed: int) -> None:
        other = Load(tmp_path / "data", random.Random(seed), shards=2)
        while not stop.is_set():
            other._attempt() if other.dice.random() < 0.5 else _quietly(other._transaction)
            if other.dice.random() < 0.05:
                other.know_past()
        other.close()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            assert_clean(verify(tmp_path / "data", configure, at_rest=False, processes=processes))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    load.close()
    assert_clean(verify(tmp_path / "data", configure, processes=processes))


@pytest.mark.parametrize("processes", [0, 2])
def test_no_false_alarm_while_retention_prunes(tmp_path: Path, processes: int) -> None:
    load = Load(tmp_path / "data", random.Random(12), shards=2)
    load.begin()
    load.database.execute("CREATE TABLE log (id INT PRIMARY KEY, n INT) SYSTEM_VERSIONING_RETENTION = '1 second'")
    load.database.execute("INSERT INTO log VALUES " + ", ".join(f"({i}, 0)" for i in range(50)))
    retention = load.node.retention
    assert retention is not None
    stop = threading.Event()
    taken: list[int] = []

    def write() -> None:
        other = Load(tmp_path / "data", random.Random(1), shards=2)
        while not stop.is_set():
            other.database.execute(f"UPDATE log SET n = n + 1 WHERE id = {other.dice.randrange(50)}")
        other.close()

    def prune() -> None:
        while not stop.is_set():
            taken.extend(table.changes for table in retention.prune())

    running = [threading.Thread(target=write), threading.Thread(target=prune)]
    for thread in running:
        thread.start()
    try:
        deadline = time.monotonic() + 60
        verified = 0
        while verified < 5 or sum(taken) < 200:
            assert time.monotonic() < deadline
            assert_clean(verify(tmp_path / "data", configure, at_rest=False, processes=processes))
            verified += 1
    finally:
        stop.set()
        for thread in running:
            thread.join()
    load.know_past()
    source = load.node.chain_sources()[0]
    while source.height() < 256:
        load.database.execute(f"REPLACE INTO everywhere (id, v) VALUES (5000, {source.height()})")
    source.subtree(8, 0)  # as a proof would ask for it
    load.close()
    report = verify(tmp_path / "data", configure, processes=processes)
    assert_clean(report)
    assert any("can be compared with its row versions" in note for note in report.notes)


def _quietly(work: Callable[[], None]) -> None:
    try:
        work()
    except Error:
        pass


# ── the command ──


def test_the_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--data", str(copy)]) == 0
    assert "all is as it was sealed" in capsys.readouterr().out
    sql("shard-0.db", "UPDATE {people} SET c2 = 'Eve' WHERE c1 = (SELECT min(c1) FROM {people})")(copy)
    assert main(["verify", "--data", str(copy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["clean"] is False
    assert {finding["table"] for finding in found["findings"]} >= {"shop.people"}
    assert main(["verify", "--data", str(copy), "--table", "shop.orders"]) == 0
    assert main(["verify", "--data", str(copy), "--table", "shop.people"]) == 1
    assert main(["verify", "--data", str(copy / "nowhere")]) == 2
    assert "could not verify" in capsys.readouterr().err


def test_processes_find_the_same(copy: Path) -> None:
    clean = verify(copy, configure, processes=2)
    assert_clean(clean)
    assert clean.roots == verify(copy, configure).roots
    sql("shard-0.db", "UPDATE {people} SET c2 = 'Eve' WHERE c1 = (SELECT min(c1) FROM {people})")(copy)
    here, there = verify(copy, configure, processes=0), verify(copy, configure, processes=2)
    assert sorted(map(str, here.findings)) == sorted(map(str, there.findings))


def test_call_fauna_verify(tmp_path: Path) -> None:
    """The same on a database that is open."""
    load = Load(tmp_path / "data", random.Random(2), shards=2)
    load.begin()
    load.run(40)
    database = load.database
    assert {row["state"] for row in database.verify()} == {"ok"}
    assert {(row["state"], row["shard"]) for row in database.verify("people")} == {("ok", 0), ("ok", 1)}
    with pytest.raises(Error, match="there is no table shop.nowhere"):
        database.verify("nowhere")
    sql("shard-0.db", "UPDATE {people} SET c2 = 'Eve' WHERE c1 = (SELECT min(c1) FROM {people})")(tmp_path / "data")
    found = [row for row in database.verify("shop.people") if row["state"] == "finding"]
    assert [(row["shard"], row["table"], "name is 'Eve'" in row["what"]) for row in found] == [(0, "shop.people", True)]
    assert {row["state"] for row in database.verify("orders")} == {"ok"}
    load.close()


@pytest.mark.parametrize("processes", [0, 2])
def test_it_stops_wherever_it_is_without_a_finding(copy: Path, processes: int) -> None:
    """An edit makes it look for rows one by one, too, which takes longest."""
    sql("shard-0.db", "UPDATE {people} SET c2 = 'Eve' WHERE c1 = (SELECT min(c1) FROM {people})")(copy)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    after, stopped = 0, 0
    while True:
        asked = 0
        try:
            found = {finding.table for finding in verify(copy, configure, processes=processes, stop=stop).findings}
            break
        except Stopped:
            stopped += 1
        after = after * 5 // 4 + 1
    assert stopped >= (10 if processes == 0 else 3)
    assert found == {"shop.people"}


def test_kill_query_stops_a_verification(tmp_path: Path) -> None:
    with faunadb.start(data=tmp_path / "data") as server:
        server.query("CREATE DATABASE test")
        server.query("CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(200), KEY (b))", database="test")
        server.query("INSERT INTO t (b) VALUES " + ", ".join(f"('{i:0200}')" for i in range(1000)), database="test")
        for _ in range(7):
            server.query("INSERT INTO t (b) SELECT b FROM t", database="test")
        running = server.connect()
        outcome: list[object] = []

        def run() -> None:
            try:
                with running.cursor() as cursor:
                    cursor.execute("CALL fauna.verify()")
                    outcome.append(cursor.fetchall())
            except pymysql.MySQLError as problem:
                outcome.append(problem.args[0])

        for statement, expected in ((f"KILL QUERY {running.thread_id()}", 1317), (f"KILL {running.thread_id()}", None)):
            outcome.clear()
            thread = threading.Thread(target=run)
            thread.start()
            while not children_of(server.pid):  # it has begun: the database is large enough for processes of their own
                assert thread.is_alive(), outcome
                time.sleep(0.01)
            killed = time.monotonic()
            server.query(statement)
            thread.join(30)
            assert time.monotonic() - killed < 3
            assert len(outcome) == 1 and isinstance(outcome[0], int) and expected in (None, outcome[0]), outcome
            deadline = time.monotonic() + 20
            while children_of(server.pid):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        running.close()
        connection = server.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET max_statement_time = 0.5")
            with pytest.raises(pymysql.MySQLError) as problem:
                cursor.execute("CALL fauna.verify()")
        assert problem.value.args[0] == 1969
        connection.close()


def children_of(pid: int) -> str:
    """The numbers of a process's own processes."""
    return "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))


def test_no_false_alarm_after_a_kill_and_beside_a_server(tmp_path: Path) -> None:
    """Killed while clients write, on two shards; then again while another server has the directory open."""
    directory = tmp_path / "data"
    with faunadb.start("--shards", "2", data=directory) as server:
        server.query("CREATE DATABASE test")
        server.query("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(20), KEY (b))", database="test")
        server.query("INSERT INTO t VALUES " + ", ".join(f"({i}, 'r{i}')" for i in range(300)), database="test")
        for _ in range(4):
            writers = [threading.Thread(target=_write, args=(server, seed)) for seed in (1, 2)]
            for writer in writers:
                writer.start()
            for _ in range(3):
                assert_clean(verify(directory, configure))
            server.kill()
            for writer in writers:
                writer.join()
            assert_clean(verify(directory, configure))
            server.restart()
            assert_clean(verify(directory, configure))
            assert_clean(verify(directory, configure, processes=2))


def _write(server: Server, seed: int) -> None:
    dice = random.Random(seed)
    try:
        connection = server.connect(database="test")
        cursor = connection.cursor()
        while True:
            cursor.execute("BEGIN")
            for _ in range(3):
                cursor.execute(f"UPDATE t SET b = '{dice.choice('wxyz')}' WHERE a = {seed * 100 + dice.randrange(100)}")
            cursor.execute(dice.choice(("COMMIT", "COMMIT", "ROLLBACK")))
    except Exception:
        return  # the server is gone
