"""The one engine of `faunadb verify` and `CALL fauna.verify`: hands out tasks, joins what they find, and names what differs."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from fauna.catalog.slot_map import ONE_SHARD
from fauna.chain.digest import without_digest
from fauna.chain.encoding import decode_header
from fauna.chain.merkle import EMPTY_ROOT
from fauna.clock import SystemClock
from fauna.coordinator.local import FILE_NAME as COORDINATOR_FILE
from fauna.errors import FaunaError
from fauna.shard.engines.sqlite.blocks import HEADERS_OF, BlockReader
from fauna.shard.engines.sqlite.connection import Configure
from fauna.shard.engines.sqlite.data_directory import FOLLOWER_FILE, FORMAT_VERSION
from fauna.shard.engines.sqlite.prepared import Prepared
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.versions import versions_file
from fauna.txn.definitions import NO_SCRIPT
from fauna.verification import definitions, log, pruned
from fauna.verification.benches import Benches, Here, Processes, Task
from fauna.verification.decisions import CoordinatorFile, Shards, contradictions
from fauna.verification.files import kept_at_rest, log_of, open_to_read, shard_files
from fauna.verification.findings import CannotVerify, Finding, Report, ShardReport, Stop, Stopped, Told, never
from fauna.verification.fold import BUCKETS, CURRENT, Forest, P, Sums, TableSums
from fauna.verification.names import Names, keys_of, read_catalog
from fauna.verification.narrow import Difference, Narrowing
from fauna.verification.work import Bench, Engine, Folded, Opened, Setup, past_tables, rows_as_stored

_BYTES_HERE_MAX: Final = 8 << 20
_RANGE_MAX: Final = 4096
_RANGE_MIN: Final = 64
_META: Final = frozenset({"format", "database", "shard", "chain"})
"""What a file says of itself."""
_NOTHING: Final = TableSums()


def verify(
    directory: Path,
    configure: Configure,
    *,
    table: str = "",
    at_rest: bool | None = None,
    roots_at: Mapping[int, Iterable[int]] | None = None,
    processes: int | None = None,
    now_us: int | None = None,
    stop: Stop = never,
    told: Told = lambda done, what: None,
) -> Report:
    """Check a data directory; nothing in it is changed.  CannotVerify when nothing can be said.

    configure   registers the functions and collations that definitions name; a function that a module has by its name
    table       database.table: check only the rows of this one, and the chains that they rest on
    at_rest     False: this process, or another, has it open.  None: find out
    roots_at    by shard: heights at which the root of the tree over the chain is wanted besides, for `Report.roots`.  This is
                where a checkpoint is compared with the chain: its root is that of its height, or history was rewritten
    processes   how many take part; None: one for each core, and none besides this one when there is little to read
    now_us      the time by which retention may have taken changes out, in microseconds since 1970; None: the system's
    stop        asked all the time: once it says so, this ends with Stopped
    """
    started = time.monotonic()
    if at_rest is not None:
        report = _Verification(directory, configure, table, at_rest, roots_at or {}, processes, now_us, stop, told).run()
    else:
        with kept_at_rest(directory) as alone:
            report = _Verification(directory, configure, table, alone, roots_at or {}, processes, now_us, stop, told).run()
    report.seconds = time.monotonic() - started
    return report


@dataclass(slots=True)
class _State:
    """What a shard's blocks say up to a height."""

    tables: dict[str, TableSums]
    named: int
    blocks: int
    parts: int
    hash: bytes
    time_us: int


@dataclass(slots=True)
class _Shard:
    """What is being found out about one shard."""

    number: int
    seen: list[Opened]
    report: ShardReport
    ranges: dict[int, Folded] = field(default_factory=dict)  # by first height: waiting for those before them
    at: int = 0
    sums: dict[str, Sums] = field(default_factory=dict)
    forest: Forest = field(default_factory=Forest)
    named: int = 0
    blocks: int = 0
    parts: int = 0
    states: dict[int, _State] = field(default_factory=dict)
    schema: list[tuple[int, int, str]] = field(default_factory=list)
    retentions: list[tuple[int, int, str | None]] = field(default_factory=list)
    pairs: dict[int, list[int]] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    rows: dict[str, tuple[int, int, int] | str] = field(default_factory=dict)
    versions: dict[str, tuple[int, int, int, int] | str] = field(default_factory=dict)
    engine: Engine | None = None
    past_objects: Any = None
    by_versions: set[str] = field(default_factory=set)
    """Tables with pruned changes whose rows are compared with their row versions."""

    @property
    def height(self) -> int:
        return max(each.height for each in self.seen)

    @property
    def has_past(self) -> bool:
        return all(each.past is not None for each in self.seen)


class _Verification:
    def __init__(
        self, directory: Path, configure: Configure, table: str, at_rest: bool, roots_at: Mapping[int, Iterable[int]],
        processes: int | None, now_us: int | None, stop: Stop, told: Told,
    ) -> None:  # fmt: skip
        self._now_us = now_us
        self._directory = directory
        self._configure = configure
        self._at_rest = at_rest
        self._roots_at = {shard: sorted(heights) for shard, heights in roots_at.items()}
        self._stop = stop
        self._progress = told
        self._report = Report()
        self._files = shard_files(directory)
        self._setup = Setup(self._files, secrets.token_bytes(32), configure, at_rest)
        self._unsealed = EngineSettings().unsealed
        # The bench of this process: it sees names and definitions, and looks at single rows when something differs.
        self._own = Bench(self._setup, stop)
        self._names = Names(None)
        self._label = table
        self._only: str | None = None
        self._has_one_shard = False
        size = sum(path.stat().st_size for file in self._files.values() for path in (file, log_of(file)) if path.exists())
        if processes is None:
            processes = 0 if size < _BYTES_HERE_MAX else os.cpu_count() or 1
        self._processes = processes
        self._weight_done = 0.0
        self._weight_all = 1.0

    def run(self) -> Report:
        self._told(0.0, "opening the files")
        with closing(self._own):
            own = self._own.open()
            self._files_known(own)
            benches: Benches = Here(self._own) if not self._processes else Processes(self._setup, self._processes, self._stop)
            with closing(benches):
                seen = [own, *benches.open()]
                shards = [_Shard(number, [each[number] for each in seen], ShardReport(number)) for number in sorted(self._files)]
                usable = [shard for shard in shards if self._is_usable(shard)]
                self._logs()
                tasks = [task for shard in usable for task in self._tasks(shard)]
                self._weight_all = sum(_weight(task) for task in tasks) or 1.0
                by_number = {shard.number: shard for shard in usable}
                for task, answer in benches.run(tasks):
                    self._take(by_number[task[1][0]], task, answer)
                    self._weight_done += _weight(task)
                    self._told(0.95 * self._weight_done / self._weight_all, "reading")
            for shard in usable:
                self._conclude(shard)
            self._across(by_number)
            self._retention(by_number)
            self._decisions(by_number)
        self._report.shards = [shard.report for shard in shards]
        self._told(1.0, "done")
        return self._report

    def _told(self, done: float, what: str) -> None:
        if self._stop():
            raise Stopped
        self._progress(done, what)

    def _find(self, shard: int, what: str, **where: Any) -> None:
        self._report.add(Finding(shard, what, **where))

    # -- what there is

    def _files_known(self, own: Mapping[int, Opened]) -> None:
        catalog = None
        if 0 not in own:
            self._find(-1, f"'{self._directory / 'shard-0.db'}' is missing")
        elif not own[0].problem:
            catalog = read_catalog(self._own.connections(0)[0])
            if catalog is None and "catalog_entries" in own[0].tables:
                self._find(0, "the catalog cannot be read", table="catalog_entries")
        self._names = Names(catalog)
        if self._label:
            self._only = self._names.physical(self._label)
            if self._only is None:
                raise CannotVerify(f"there is no table {self._label}")
        slots = catalog.slots if catalog is not None else ONE_SHARD
        self._has_one_shard = catalog is not None and slots.shards == 1
        for number in range(1, slots.shards):
            if number not in self._files:
                self._find(-1, f"'{self._directory / f'shard-{number}.db'}' is missing")
        for number in [n for n in self._files if n >= slots.shards and catalog is not None]:
            self._report.notes.append(f"shard-{number}.db is no shard of this database: it was left half made, and is not read")
            del self._files[number]

    def _is_usable(self, shard: _Shard) -> bool:
        for opened in shard.seen:
            if opened.problem:
                if "unable to open" in opened.problem or "readonly" in opened.problem:
                    raise CannotVerify(f"'{self._files[shard.number]}' cannot be opened: {opened.problem}")
                self._find(shard.number, f"the file cannot be read: {opened.problem}")
                return False
        for problem in sorted({opened.past_problem for opened in shard.seen if opened.past_problem}):
            self._find(shard.number, f"the row versions cannot be read: {problem}")
        shard.report.height = shard.height
        return True

    def _logs(self) -> None:
        if not self._at_rest:
            return  # a server reads its log by an index in memory, and so do we
        for number, path in self._files.items():
            for problem in log.problems(log_of(path)):
                self._find(number, problem)
            for problem in log.problems(log_of(versions_file(path))):
                self._find(number, f"row versions: {problem}")

    # -- tasks

    def _tasks(self, shard: _Shard) -> Iterator[Task]:
        number, only = shard.number, self._only
        yield "read_engine", (number,)
        tables = sorted({name for opened in shard.seen for name in opened.tables if self._is_sealed(name)})
        yield "check_structure", (number, False)
        if shard.has_past:
            known = sorted({name for opened in shard.seen for name in opened.past_tables})
            yield "check_structure", (number, True)
            yield "read_past_objects", (number,)
            for name in sorted({_versions_of(name) for name in known} - {""}):
                if only is None or name == only:
                    of_table = past_tables(name, known)
                    yield "scan_versions", (number, name, of_table)
                    for each in of_table:
                        yield "check_indexes", (number, True, each)
            if only is None:
                yield "check_subtrees", (number,)
                for name in known:
                    if not _versions_of(name):
                        yield "check_indexes", (number, True, name)
        for name in tables:
            if only is None or name == only:
                yield "scan_rows", (number, name)
                yield "check_indexes", (number, False, name)
        if only is None:
            for name in sorted({name for opened in shard.seen for name in opened.tables} - set(tables)):
                yield "check_indexes", (number, False, name)
        for first, last in self._ranges(shard):
            yield "fold_blocks", (number, first, last)

    def _is_sealed(self, table: str) -> bool:
        return not (table.startswith(("fauna_", "sqlite_")) or table in self._unsealed or definitions.is_temporary(table))

    def _ranges(self, shard: _Shard) -> Iterator[tuple[int, int]]:
        height = shard.height
        wanted = height // (8 * max(self._processes, 1)) + 1
        size = min(max(1 << wanted.bit_length(), _RANGE_MIN), _RANGE_MAX)
        ends = set(range(size, height, size)) | {height} | {end for end in self._cuts(shard) if 0 < end < height}
        first = 1
        for last in sorted(ends):
            if last >= first:
                yield first, last
            first = last + 1

    def _cuts(self, shard: _Shard) -> set[int]:
        """The heights at which something is to be compared."""
        cuts = {each.height for each in shard.seen} | {each.past[0] for each in shard.seen if each.past is not None}
        return cuts | set(self._roots_at.get(shard.number, ()))

    def _take(self, shard: _Shard, task: Task, answer: Any) -> None:
        name, arguments = task
        number = shard.number
        if name == "fold_blocks":
            shard.ranges[arguments[1]] = answer
            self._join(shard)
        elif name == "scan_rows":
            shard.rows[arguments[1]] = answer
        elif name == "scan_versions":
            shard.versions[arguments[1]] = answer
        elif name in ("check_structure", "check_indexes"):
            for line in answer:
                what = "row versions: " if arguments[1] else ""
                table = self._names.table(_table_of_index(arguments[2])) if name == "check_indexes" else self._table_in(line)
                self._find(number, f"{what}the file's structure is damaged: {line}", table=table)
        elif name == "check_subtrees":
            for line in answer:
                self._find(number, f"row versions: {line}")
        elif name == "read_engine":
            if isinstance(answer, str):
                self._find(number, f"the engine's own tables cannot be read: {answer}")
            else:
                shard.engine = answer
        elif name == "read_past_objects":
            shard.report.past_height = max(each.past[0] for each in shard.seen if each.past is not None)
            shard.past_objects = answer

    def _table_in(self, line: str) -> str:
        """The table that a message of SQLite's is about, if it says."""
        words = line.replace(".", " ").split()
        return next((label for word in words if (label := self._names.table(_table_of_index(word))) != _table_of_index(word)), "")

    def _join(self, shard: _Shard) -> None:
        """Ranges that follow on what is joined already."""
        if not shard.at:
            self._keep_state(shard, 0, b"", 0)
        while (found := shard.ranges.pop(shard.at + 1, None)) is not None:
            for name, sums in found.tables.items():
                shard.sums.setdefault(name, Sums()).follow(sums)
            for level, root in found.trees:
                shard.forest.add(level, root)
            shard.named = (shard.named + found.named) % P
            shard.blocks += found.blocks
            shard.parts += found.parts
            shard.schema += found.schema
            shard.retentions += found.retentions
            shard.report.changes += found.changes
            for other, buckets in found.pairs.items():
                known = shard.pairs.setdefault(other, [0] * BUCKETS)
                shard.pairs[other] = [(a + b) % P for a, b in zip(known, buckets, strict=True)]
            for height, transaction, what in found.problems:
                shard.damaged.add(height)
                self._find(shard.number, what, block=height, transaction=transaction)
            shard.at = found.last
            self._keep_state(shard, found.last, found.hash, found.time_us)

    def _keep_state(self, shard: _Shard, height: int, hash_: bytes, time_us: int) -> None:
        if height in self._cuts(shard) or height == 0:
            tables = {name: sums.plain() for name, sums in shard.sums.items()}
            shard.states[height] = _State(tables, shard.named, shard.blocks, shard.parts, hash_, time_us)
        if height and (height == shard.height or height in self._roots_at.get(shard.number, ())):
            root = shard.forest.root()
            self._report.roots[shard.number, height] = root
            shard.report.root, shard.report.hash = root.hex(), hash_.hex()

    # -- conclusions

    def _conclude(self, shard: _Shard) -> None:
        if not shard.height:
            self._keep_state(shard, 0, b"", 0)
            shard.report.root = EMPTY_ROOT.hex()
        self._told(0.95 + 0.05 * shard.number / len(self._files), "comparing")
        self._engine(shard)
        self._objects(shard)
        self._rows(shard)
        if shard.has_past:
            self._past(shard)

    def _engine(self, shard: _Shard) -> None:
        engine, number = shard.engine, shard.number
        if engine is None:
            return
        if engine.meta.get("format") != FORMAT_VERSION:
            self._find(number, f"the file's format is {engine.meta.get('format')!r}, not {FORMAT_VERSION}", table="fauna_meta")
        if engine.meta.get("chain") == "off" and not shard.height:
            raise CannotVerify("this database was made with chain=off: nothing says what it must hold")
        if engine.meta.get("chain", "on") != "on":
            self._find(number, f"the file says of its chain {engine.meta.get('chain')!r}, not 'on'", table="fauna_meta")
        for key in engine.meta.keys() - _META:
            self._find(number, f"the file says something that is not known: {key!r}", table="fauna_meta")
        if str(engine.meta.get("shard")) != str(number):
            self._find(number, f"the file says that it is shard {engine.meta.get('shard')!r}", table="fauna_meta")
        if "database" not in engine.meta:
            self._find(number, "the file does not say of which database it is", table="fauna_meta")
        if engine.lowest < 1:
            self._find(number, f"there is a block {engine.lowest}", block=engine.lowest)
        states = [state for state in shard.states.values() if state.blocks == engine.blocks]
        if not any(state.named == engine.named for state in states or shard.states.values()):
            self._named(shard)
        if not any(state.parts == engine.parts for state in states or shard.states.values()):
            self._find(number, "there are parts of blocks that belong to none, or some are missing", table="fauna_block_parts")
        for gtrid, record in engine.prepared:
            try:
                Prepared.load(record)
            except (ValueError, KeyError, TypeError):
                self._find(number, f"the prepared transaction {gtrid!r} cannot be read", table="fauna_prepared")

    def _named(self, shard: _Shard) -> None:
        """Which names of transactions are not those of their blocks."""
        connection, _ = self._own.connections(shard.number)
        told = 0
        try:
            for gtrid, height in connection.execute("SELECT gtrid, height FROM fauna_transactions"):
                found = BlockReader(connection).header(int(height)) if isinstance(height, int) else None
                if found is None or decode_header(found).gtrid != gtrid:
                    what = f"the transaction {gtrid!r} is not that of block {height}"
                    self._find(shard.number, what, block=int(height), table="fauna_transactions")
                    told += 1
            missing = "SELECT header FROM fauna_blocks WHERE height NOT IN (SELECT height FROM fauna_transactions)"
            for (encoded,) in connection.execute(missing):
                header = decode_header(encoded)
                if header.gtrid:
                    what = f"the transaction {header.gtrid!r} is not among those that have a name"
                    self._find(
                        shard.number, what, block=header.height, transaction=header.transaction, table="fauna_transactions"
                    )
                    told += 1
        except Stopped:
            raise
        except Exception as problem:  # noqa: BLE001 (whatever is damaged: it is a finding)
            self._find(shard.number, f"the names of transactions cannot be read: {problem}", table="fauna_transactions")
            return
        if not told:
            self._find(shard.number, "the names of transactions are not those of the blocks", table="fauna_transactions")

    def _objects(self, shard: _Shard) -> None:
        found = self._own.read_objects(shard.number)
        height = self._own.heights[shard.number]
        if isinstance(found, str):
            self._find(shard.number, f"the file's definitions cannot be read: {found}")
            return
        statements = [statement for at, _, statement in shard.schema if at <= height]
        connection, failed = definitions.replayed(statements, self._configure)
        with closing(connection):
            if failed:
                self._find(shard.number, f"a definition in the chain cannot be repeated: {failed}")
                return
            expected = definitions.kept(connection.execute(definitions.OBJECTS))
        for table, what in definitions.differences(expected, definitions.kept(found)):
            if self._only in (None, table):
                self._find(shard.number, what, table=self._names.table(table))

    def _rows(self, shard: _Shard) -> None:
        differ: list[str] = []
        for table, answer in shard.rows.items():
            if isinstance(answer, str):
                self._find(shard.number, f"the table's rows cannot be read: {answer}", table=self._names.table(table))
                differ.append(table)
                continue
            height, total, count = answer
            shard.report.rows += count
            sums = shard.states[height].tables.get(table, _NOTHING)
            if not sums.pruned and sums.alive != total:
                differ.append(table)
        for name in self._missing(shard):
            self._find(shard.number, "the table is missing, and the chain says that it has rows", table=self._names.table(name))
        if differ:
            self._tell_rows(shard, differ)

    def _missing(self, shard: _Shard) -> list[str]:
        state = shard.states[shard.height]
        return [
            name for name, sums in state.tables.items()
            if sums.alive and not sums.pruned and name not in shard.rows and self._only in (None, name)
        ]  # fmt: skip

    def _note_pruned(self, shard: _Shard, table: str, sums: TableSums) -> None:
        rest = ""
        if sums.pruned and table in shard.rows:
            others = "its row versions" if table in shard.by_versions else "nothing"
            rest = f"; older rows can be compared with {others}"
        label = self._names.table(table)
        self._report.notes.append(f"shard {shard.number}, pruned: {sums.pruned_all} changes of table {label}{rest}")

    def _tell_rows(self, shard: _Shard, tables: list[str]) -> None:
        connection, _ = self._own.connections(shard.number)
        height = self._own.heights[shard.number]
        narrowing = Narrowing(connection, self._own.hashes, tables, height)
        told: set[str] = set()
        try:
            for table, difference in narrowing.rows(
                lambda name: rows_as_stored(connection, name), lambda name: keys_of(connection, name)[1]
            ):
                columns, keys = keys_of(connection, table)
                self._tell(shard, table, columns, keys, difference, "")
                told.add(table)
        except (apsw.Error, FaunaError, TypeError, ValueError) as problem:
            self._find(shard.number, f"which rows differ cannot be told: {problem}")
        for table in tables:
            if table not in told:
                self._find(shard.number, "the rows are not what the chain says", table=self._names.table(table))
            elif table in narrowing.more:
                self._find(shard.number, "more rows of the table differ than are told here", table=self._names.table(table))

    def _tell(self, shard: _Shard, table: str, columns: list[str], keys: list[int], difference: Difference, of_past: str) -> None:
        names, (block, transaction) = self._names, difference.place
        sealed, stored = difference.sealed, difference.stored
        row = sealed if sealed is not None else stored
        assert row is not None
        if sealed is None:
            what = "is not in the chain" if not block else "is there, and the chain says that it is not any more"
        elif stored is None:
            what = "is missing"
        else:
            what = f"is not as it was sealed: {names.difference(table, columns, sealed, stored)}"
        if block in shard.damaged:
            what += " (the block is damaged itself)"
        self._find(
            shard.number, f"the {of_past or 'row'} {what}", block=block, transaction=transaction, table=names.table(table),
            key=names.key(table, columns, keys, row),
        )  # fmt: skip

    # -- row versions

    def _past(self, shard: _Shard) -> None:
        number = shard.number
        for opened in shard.seen:
            assert opened.past is not None
            height, found, time_us = opened.past
            state = shard.states.get(height)
            if height < 0 or state is None:
                what = f"the row versions know {height} blocks, the chain ends at block {shard.height}"
                self._find(number, f"{what}: its end is missing (or was lost with the machine's power)", block=shard.height + 1)
                return
            if height and (state.hash, state.time_us) != (found, time_us):
                what = "the row versions were made from another block than this one"
                self._find(number, what, block=height)
        self._past_schema(shard)
        differ: list[str] = []
        for table, answer in shard.versions.items():
            if isinstance(answer, str):
                self._find(number, f"the row versions cannot be read: {answer}", table=self._names.table(table))
                continue
            height, total, count, wrong = answer
            shard.report.versions += count
            sums = shard.states[height].tables.get(table, _NOTHING)
            if wrong:
                self._find(number, f"{wrong} row versions end before they begin, or have no time", table=self._names.table(table))
            if not sums.pruned_all and sums.versions != total:
                differ.append(table)
        if differ:
            self._tell_versions(shard, differ)
        self._pruned_past(shard)

    def _past_schema(self, shard: _Shard) -> None:
        answer = shard.past_objects
        if answer is None or isinstance(answer, str):
            self._find(shard.number, f"the definitions of the row versions cannot be read: {answer}")
            return
        # Whichever bench has answered: it saw one of these heights.
        problems: list[str] = []
        for height in sorted({each.past[0] for each in shard.seen if each.past is not None}):
            problems = self._past_differences(shard, height, answer)
            if not problems:
                return
        for what in problems:
            self._find(shard.number, f"row versions: {what}")

    def _past_differences(self, shard: _Shard, height: int, answer: Any) -> list[str]:
        objects, layouts, statements, _ = answer
        try:
            known = [(statement, time_us) for at, time_us, statement in shard.schema if at <= height]
            expected = definitions.Past(known, self._configure)
        except Stopped:
            raise
        except Exception as problem:  # noqa: BLE001 (a definition that the chain has is not one any more)
            return [f"a definition in the chain cannot be repeated: {problem}"]
        problems = [what for _, what in definitions.differences(definitions.kept(expected.objects), definitions.kept(objects))]
        if list(layouts) != list(expected.layouts):
            problems.append("fauna_layouts is not what the chain says")
        if list(statements) != list(expected.statements):
            problems.append("fauna_schema is not what the chain says")
        return problems

    def _pruned_past(self, shard: _Shard) -> None:
        """Of tables with pruned changes: their row versions since then, and their rows, of which only these tell."""
        seen = shard.seen[0].past
        assert seen is not None
        lost = self._lost(shard)
        for table, sums in shard.states[seen[0]].tables.items():
            # Pruning has stopped in the middle of a block, or goes on: there is no one moment from which the chain is whole.
            partly = 0 < sums.whole_height <= sums.pruned_height
            if not sums.pruned_all or table in lost or partly or self._only not in (None, table):
                continue
            names = past_tables(table, shard.seen[0].past_tables)
            answer = self._own.scan_kept_versions(shard.number, table, names, sums.pruned_us)
            label = self._names.table(table)
            if isinstance(answer, str):
                self._find(shard.number, f"the row versions cannot be read: {answer}", table=label)
                continue
            total, then, now = answer
            if total != (sums.versions - then * sums.pruned_reset) % P:
                self._find(shard.number, "the row versions are not what the chain says", table=label)
            else:
                self._rows_by_versions(shard, table, now, sums)

    def _lost(self, shard: _Shard) -> set[str]:
        """Tables whose row versions could not be made anew: they were dropped, after something of them had been pruned."""
        if shard.past_objects is None or isinstance(shard.past_objects, str):
            return set()
        dropped = definitions.dropped(shard.schema)
        tables = shard.states[shard.height].tables
        for name, until_us in shard.past_objects[3]:
            if not tables.get(str(name), _NOTHING).pruned_all or dropped.get(str(name)) != until_us:
                what = "row versions: fauna_lost names the table, whose past cannot have been lost"
                self._find(shard.number, what, table=self._names.table(str(name)))
        return {str(name) for name, _ in shard.past_objects[3]}

    def _rows_by_versions(self, shard: _Shard, table: str, now: int, known: TableSums) -> None:
        """now: the sum of the rows that are there by the versions; known: what the chain says up to where those go."""
        answer = shard.rows.get(table)
        if answer is None or isinstance(answer, str):
            return  # there is no such table any more, or it has been told
        sums = shard.states[answer[0]].tables.get(table, _NOTHING)
        if not sums.pruned or sums.pruned_height != known.pruned_height:
            return  # the chain has told, or the versions do not go far enough
        shard.by_versions.add(table)
        if (now + sums.alive - known.alive) % P != answer[1]:
            self._tell_rows_by_versions(shard, table)

    def _tell_rows_by_versions(self, shard: _Shard, table: str) -> None:
        connection, past = self._own.connections(shard.number)
        seen = shard.seen[0].past
        assert past is not None and seen is not None
        names = past_tables(table, shard.seen[0].past_tables)
        told = False

        def known(_: str) -> Iterator[tuple[Any, ...]]:
            return (row[:-2] for name in names for row in rows_as_stored(past, name) if row[-1] == CURRENT)

        if seen[0] == self._own.heights[shard.number]:
            columns, keys = keys_of(connection, table)
            narrowing = Narrowing(connection, self._own.hashes, [table], seen[0])
            stored = narrowing.rows_beside(known, lambda name: rows_as_stored(connection, name), lambda _: keys)
            try:
                for _, difference in stored:
                    self._tell(shard, table, columns, keys, difference, "")
                    told = True
            except (apsw.Error, FaunaError, TypeError, ValueError) as problem:
                self._find(shard.number, f"which rows differ cannot be told: {problem}")
        if not told:
            self._find(shard.number, "the rows are not what their versions say", table=self._names.table(table))

    def _tell_versions(self, shard: _Shard, tables: list[str]) -> None:
        connection, past = self._own.connections(shard.number)
        seen = shard.seen[0].past
        assert past is not None and seen is not None
        height = seen[0]
        names = [str(row[0]) for row in past.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]

        def stored(table: str) -> Iterator[tuple[Any, ...]]:
            for each in past_tables(table, names):
                yield from rows_as_stored(past, each)

        told: set[str] = set()
        narrowing = Narrowing(connection, self._own.hashes, tables, height)
        try:
            for table, difference in narrowing.versions(stored):
                columns, keys = keys_of(connection, table)
                row = difference.sealed or difference.stored or ()
                if len(columns) != len(row) - 2:  # it is gone, or has other columns now
                    columns, keys = [f"c{i}" for i in range(len(row) - 2)], [0]
                self._tell(shard, table, [*columns, "row_start", "row_end"], [*keys, len(columns)], difference, "row version")
                told.add(table)
        except (apsw.Error, FaunaError, TypeError, ValueError) as problem:
            self._find(shard.number, f"which row versions differ cannot be told: {problem}")
        for table in tables:
            if table not in told:
                self._find(shard.number, "the row versions are not what the chain says", table=self._names.table(table))
            elif table in narrowing.more:
                self._find(
                    shard.number, "more row versions of the table differ than are told here", table=self._names.table(table)
                )

    # -- over shards

    def _across(self, shards: Mapping[int, _Shard]) -> None:
        databases = {s.engine.meta.get("database") for s in shards.values() if s.engine is not None}
        if len(databases) > 1:
            self._find(-1, "the files are of several databases")
        self._report.database = str(next(iter(databases), None) or "")
        for number, shard in shards.items():
            if shard.engine is not None:
                self._definitions(number, shard.engine, shards[0].engine if 0 in shards else None)
        for number, shard in shards.items():
            for other, buckets in shard.pairs.items():
                if other not in shards:
                    self._find(number, f"transactions are said to be also on shard {other}, which there is not")
                    continue
                there = shards[other].pairs.get(number, [0] * BUCKETS)
                differ = {i for i, (a, b) in enumerate(zip(buckets, there, strict=True)) if a != b}
                if differ:
                    self._apart(shard, other, differ)

    def _decisions(self, shards: Mapping[int, _Shard]) -> None:
        """The coordinator's file, and that decisions are those that the shards show."""
        if self._only is not None:
            return
        file = CoordinatorFile(self._directory / COORDINATOR_FILE, self._configure, at_rest=self._at_rest)
        for what in file.problems():
            self._find(-1, what, table=COORDINATOR_FILE)
        prepared = {n: [gtrid for gtrid, _ in shard.engine.prepared] for n, shard in shards.items() if shard.engine is not None}
        with ExitStack() as opened:
            fresh = {number: opened.enter_context(closing(self._fresh(number))) for number in shards}
            for shard, block, transaction, what in contradictions(file.decisions, Shards(fresh), prepared):
                self._find(shard, what, block=block, transaction=transaction, table=COORDINATOR_FILE)

    def _retention(self, shards: Mapping[int, _Shard]) -> None:
        """What is pruned may be, and is noted as it was."""
        terms = pruned.Terms(shards[0].retentions) if 0 in shards else None
        latest_us = max([shard.states[shard.height].time_us for shard in shards.values()], default=0)
        # The time of now, not of the beginning: a server may have pruned meanwhile.
        now_us = max(SystemClock().utc_us() if self._now_us is None else self._now_us, latest_us)
        for shard in shards.values():
            for table, sums in sorted(shard.states[shard.height].tables.items()):
                if not sums.pruned_all or self._only not in (None, table):
                    continue
                self._note_pruned(shard, table, sums)
                if not pruned.number_of(table):
                    what = f"{sums.pruned_all} changes are pruned, which are never"
                else:
                    what = pruned.disallowed(table, sums, terms, now_us) if terms is not None else ""
                if what:
                    self._find(shard.number, what, block=sums.pruned_height, table=self._names.table(table))
            for table, height, what in self._noted(shard):
                self._find(shard.number, f"fauna_pruned: {what}", block=height, table=self._names.table(table))

    def _noted(self, shard: _Shard) -> list[tuple[str, int, str]]:
        """The table, the block and how what is noted of pruned changes differs from what is pruned."""
        if shard.engine is None:
            return []
        found = self._noted_in(shard.states[shard.height].tables, shard.engine.pruned, shard.height)
        if found and not self._at_rest:  # there may have been pruning in between: compare at one moment
            found = self._noted_in(*self._own.fold_pruned(shard.number))
        return found

    def _noted_in(self, tables: Mapping[str, TableSums], rows: list[Any], height: int) -> list[tuple[str, int, str]]:
        noted = {str(row[0]): row for row in rows}
        names = {name for name, sums in tables.items() if sums.pruned_all and pruned.number_of(name)} | noted.keys()
        return [
            (name, sums.pruned_height, what)
            for name in sorted(names) if self._only in (None, name)
            for sums in [tables.get(name, _NOTHING)]
            for what in pruned.differences(noted.get(name), sums, height)
        ]  # fmt: skip

    def _definitions(self, number: int, engine: Engine, first: Engine | None) -> None:
        """Counted on each of several shards; one that a crash has kept from following the first is one behind."""
        if self._may_lack(engine.counts) and self._may_lack(engine.scripts):
            return
        count, wanted = _count(engine), _count(first) if first is not None else None
        if count is None:
            self._find(number, "it does not say how many changes of definitions it has had", table="definition_count")
        elif self._at_rest and count is not None and wanted is not None:
            if count not in (wanted, wanted - 1):
                what = f"it has had {count} changes of definitions, the first shard {wanted}"
                self._find(number, what, table="definition_count")
            elif count and self._has_one_shard:
                what = f"it has had {count} changes of definitions with other shards, and there never were any"
                self._find(number, what, table="definition_count")
        scripts = engine.scripts or []
        if self._at_rest and self._has_one_shard and scripts and [tuple(row) for row in scripts] != [(1, NO_SCRIPT)]:
            self._find(number, "it has a script for other shards, and there never were any", table="definition_script")
            return
        try:
            if [(row[0], type(json.loads(without_digest(row[1])))) for row in scripts] != [(1, dict)]:
                raise ValueError
        except (ValueError, TypeError):
            self._find(number, "the script of the latest change of definitions cannot be read", table="definition_script")

    def _may_lack(self, rows: list[Any] | None) -> bool:
        """Whether it is as it must be that there are none: before the tables are made, and on a follower."""
        return rows is None or not rows and (self._directory / FOLLOWER_FILE).exists()

    def _apart(self, shard: _Shard, other: int, differ: set[int]) -> None:
        """Transactions in these buckets, one by one: is each on the other shard too, or about to be?"""
        here = self._fresh(shard.number)
        there = self._fresh(other)
        with closing(here), closing(there):
            reader = BlockReader(here)
            for height in range(1, shard.height + 1):
                try:
                    header = decode_header(reader.header(height) or b"")
                except (apsw.Error, FaunaError, TypeError):
                    continue  # it has been told
                value = self._own.hashes.of(header.gtrid, header.time_us, *header.shards)
                if other not in header.shards or value % BUCKETS not in differ:
                    continue
                try:
                    found = [decode_header(row[0]) for row in there.execute(HEADERS_OF, (header.gtrid,))]
                    if any((each.time_us, each.shards) == (header.time_us, header.shards) for each in found):
                        continue
                    if there.execute("SELECT 1 FROM fauna_prepared WHERE gtrid = ?1", (header.gtrid,)).fetchall():
                        continue  # it will be when the server goes on
                except (apsw.Error, FaunaError, TypeError):
                    pass  # damaged: so it is not there
                what = f"the transaction is not on shard {other}, or was at another time there"
                self._find(shard.number, what, block=header.height, transaction=header.transaction)

    def _fresh(self, number: int) -> apsw.Connection:
        """What is committed now, which may be more than any bench sees."""
        return open_to_read(self._files[number], self._configure, at_rest=self._at_rest, stop=self._stop)


def _count(engine: Engine) -> int | None:
    """How many changes of definitions a shard has had; None when it does not say."""
    if engine.counts is None or len(engine.counts) != 1 or engine.counts[0][0] != 1 or not isinstance(engine.counts[0][1], int):
        return None
    return engine.counts[0][1]


def _weight(task: Task) -> float:
    name, arguments = task
    if name == "fold_blocks":
        return float(arguments[2] - arguments[1] + 1)
    return float(_RANGE_MIN)


def _table_of_index(word: str) -> str:
    """i7_2, and t7, are of t7; h7_3 has versions of it."""
    found = word.split("_")[0]
    return f"t{found[1:]}" if found[:1] in "ith" and found[1:].isdigit() else word


def _versions_of(table: str) -> str:
    """The table whose versions a table of the row versions' file has; "" for another."""
    if not table.startswith("h"):
        return ""
    if table.startswith("h_"):
        return table[2:]
    return f"t{table[1:].split('_')[0]}"
