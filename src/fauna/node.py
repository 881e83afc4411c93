"""A node: the one place where parts are wired together.

`Node.open(path, settings)` is a database in this process; `serve(settings)` puts the MySQL protocol and HTTPS in front of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import uvloop

from fauna.backup.problems import BackupError
from fauna.backup.runner import Backups, secret_of
from fauna.backup.taking import Source
from fauna.catalog import store
from fauna.catalog.past import History
from fauna.catalog.placement import SINGLE_SHARD, placement_of
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.slot_map import SlotMap
from fauna.catalog.types import Stored
from fauna.chain.checkpoint import CheckpointError
from fauna.chain.checkpoints import Checkpoints
from fauna.changes import chain_rows
from fauna.changes.reader import ChangeSource
from fauna.clock import HybridClock
from fauna.coordinator.local import LocalCoordinator
from fauna.errors import FaunaError, StartError, error
from fauna.execute.auto_increment import AutoIncrement
from fauna.execute.over_shards import Means
from fauna.execute.row_ids import RowIds
from fauna.follow import status as follower_status
from fauna.follow.applier import Applied, Applier
from fauna.follow.cut import Cuts
from fauna.follow.file_copies import FileCopies
from fauna.follow.inbox import Inbox, followed, is_follower
from fauna.resharding.homes import CatalogHomes
from fauna.resharding.mover import LOCK_WAIT_S as RESHARD_LOCK_WAIT_S
from fauna.resharding.mover import Mover, Progress
from fauna.resharding.new_shards import copied_tables, fill, triggers_left_behind
from fauna.session.accounts import CREATE as CREATE_ACCOUNTS
from fauna.session.accounts import Accounts, StoredAccount, new_password
from fauna.session.counters import Counters
from fauna.session.passwords import without_passwords
from fauna.session.plan_cache import PlanCache
from fauna.session.result import MustMove, MustWait, ResultColumn, Row
from fauna.session.sequences import Sequences
from fauna.session.session import Session
from fauna.session.variables import SERVER_VERSION, GlobalVariables
from fauna.settings import Settings
from fauna.settings import variables as settings_variables
from fauna.shard.engine_errors import NoSuchObject
from fauna.shard.engines.sqlite.chain_source import SqliteChain
from fauna.shard.engines.sqlite.data_directory import DataDirectory
from fauna.shard.engines.sqlite.scratch import ScratchPool
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.shard import SqliteShard
from fauna.shard.engines.sqlite.shard_files import decide_chain, identify, name_database
from fauna.shard.shard import Isolation, Transaction, Watch, lock_now, locked
from fauna.sql import fauna_schema
from fauna.sql.arithmetic import register_arithmetic
from fauna.sql.collation import casefold_key, register_collations
from fauna.sql.convert import register_conversions
from fauna.sql.functions.sqlite import register_all
from fauna.sql.information_schema import TABLES, InfoContext, Process, TableStatistics
from fauna.sql.runtime import register_runtime
from fauna.sql.session_functions import register_session_functions
from fauna.sql.show import ShowContext
from fauna.txn import definitions
from fauna.txn.commit_gate import CommitGate
from fauna.txn.committer import Committer
from fauna.txn.growth import Growth
from fauna.txn.past import Indexer, Past
from fauna.txn.retention import Pruner, Retention
from fauna.txn.spread import SpreadTransaction
from fauna.txn.wait_graph import WaitGraph
from fauna.txn.xids import Xids

if TYPE_CHECKING:
    from fauna.chain.source import ChainSource
    from fauna.chain.witness import Witness
    from fauna.follow.follower import Follower
    from fauna.verification.findings import Report
    from fauna.web.server import WebServer
    from fauna.wire.backend import ClientInfo
    from fauna.wire.server import WireServer

log = logging.getLogger("fauna")
SHARD_READERS = 8  # threads that read shards for queries over several
SYSTEM_SCHEMAS = frozenset({"information_schema", fauna_schema.SCHEMA})


def configure(connection: apsw.Connection) -> None:
    """Everything of ours that SQLite calls back, on a new connection."""
    register_collations(connection)
    register_conversions(connection)
    register_arithmetic(connection)
    register_all(connection)
    register_runtime(connection)
    register_session_functions(connection)


def equal_key(collation: str, text: str) -> Stored:
    """Equal exactly for texts that are equal by `collation`."""
    return casefold_key(collation)(text)


def engine_settings(settings: Settings) -> EngineSettings:
    # What the node keeps beside the rows: a transaction that may be prepared repeats the statements.
    untracked = frozenset({"auto_increment", "catalog_meta", "catalog_entries"})
    return EngineSettings(readers_max=settings.reader_connections_max, untracked=untracked, chain=settings.chain)


def shard_opener(
    directory: DataDirectory, settings: Settings, clock: HybridClock, configure: Callable[[apsw.Connection], None] = configure,
    grown: Callable[[], None] | None = None,
) -> Callable[[int], SqliteShard]:  # fmt: skip
    """What opens the shards of a directory, or makes them.  configure: registers what SQLite calls back; grown: called after each
    commit."""
    return partial(
        SqliteShard, directory, configure=configure, settings=engine_settings(settings), equal_key=equal_key, waits=WaitGraph(),
        clock=clock, grown=grown,
    )


def open_shard(directory: DataDirectory, number: int) -> SqliteShard:
    """A shard by itself, as a node opens it: to apply blocks to it."""
    return SqliteShard(
        directory, number, configure=configure, settings=engine_settings(Settings(data=directory.path)), equal_key=equal_key
    )


class Node:
    """One open database: its shards, catalog, accounts and sessions.

    shards   by number
    shard    the first: it has the catalog, the accounts, and all that is not spread
    """

    def __init__(self, directory: DataDirectory, settings: Settings, *, follows: bool = False) -> None:
        """follows: it is a follower's, whose shards nobody but the applier of blocks writes.  StartError when it is one and
        `follows` is not said: it would go its own way unnoticed."""
        self._must_not_fork(directory.path, follows)
        self.settings = settings
        self.directory = directory
        self.read_only = follows
        self.follower: Follower | None = None
        self.instance = os.urandom(16).hex()
        """The name of this process among servers."""
        self.growth = Growth()
        self.stop_serving: Callable[[], None] = lambda: None
        """Ends the server; any thread may."""
        self.closing = False
        self.started = time.monotonic()
        self.gate: CommitGate | None = None  # with several shards
        self.clock = HybridClock()
        self._open_shard = shard_opener(directory, settings, self.clock, self._configure, self.growth.happened)
        self.shard = self._open_shard(0)
        self.shards: list[SqliteShard] = [self.shard]
        self.means = Means(ScratchPool(self._configure), ThreadPoolExecutor(SHARD_READERS, "fauna-shard-reader"))
        self._coordinator: LocalCoordinator | None = None
        self._committer: Committer | None = None
        self._mover: Mover | None = None  # with several shards, or once there are to be several
        self._homes = CatalogHomes(lambda: self.catalog)
        self.xids = Xids(self.clock)
        self.backups = Backups(self.backup_source)
        self._indexer: Indexer | None = None
        self._pruner: Pruner | None = None
        self.retention: Retention | None = None  # without a chain
        self.history: History | None = None  # without a chain
        self.past: Past | None = None
        self._changes: ChangeSource | None = None
        if settings.chain:
            self.retention = Retention(lambda: self.shards, lambda: self.catalog, self.clock)
            self.history = self.past = Past(lambda: self.shards, self.clock, lambda: self.gate)
        try:
            decide_chain(self.shard, settings.chain)
            self.database = name_database(self.shard)  # before the first block, which rests on it
            identify(self.shard, self.database, 0)
            self._make_system_tables(self.shard)
            self.cuts = Cuts(self.database, lambda: self.shards, self.past) if self.past is not None else None
            self.copies = FileCopies(directory.path) if self.past is not None else None
            self.catalog = self._load_catalog()
            self._open_other_shards(settings.shards)
            self.xids = Xids(self.clock, self.shards, lambda: self._committer)
            if self.past is not None:
                self._changes = ChangeSource(
                    lambda: self.shards, self.past, self.clock, self.growth, lambda: self.catalog, configure, self.database
                )
        except BaseException:
            self._close_shards()
            raise
        self.variables = GlobalVariables({**settings_variables(settings), "read_only": self.read_only})
        self.plans = PlanCache(settings.plan_cache_size)
        self.auto_increments = AutoIncrement()
        self.equal_key = equal_key
        self.row_ids = RowIds(lambda: self.shards)
        self.accounts = Accounts(self.shard)
        self.sequences = Sequences(self.shard, lambda: self.catalog)
        self.info_tables: dict[tuple[str, str], Sequence[ResultColumn]] = {
            ("information_schema", name.lower()): table.columns for name, table in TABLES.items()
        }
        self.info_tables |= {(fauna_schema.SCHEMA, name): columns for name, columns in fauna_schema.COLUMNS.items()}
        self._info = {name.lower(): table for name, table in TABLES.items()}
        self.system_schemas = SYSTEM_SCHEMAS
        self.system_zone_is_utc = time.timezone == 0 and not time.daylight
        # What reads the chain of each shard; a database without chains has none.
        self.chain_sources: Callable[[], Sequence[ChainSource]] = lambda: [
            SqliteChain(shard) for shard in self.shards if settings.chain
        ]
        self.checkpoints = Checkpoints(directory.path, self.database, lambda: self.chain_sources())
        self.witness: Witness | None = None
        self.sessions: dict[int, Session] = {}
        self._sessions_lock = threading.Lock()
        self._verifying = threading.Lock()  # one at a time: each takes all cores
        self.counters = Counters()

    @classmethod
    def open(cls, path: str | Path, settings: Settings | None = None) -> Node:
        """Open or make the database in directory `path`.  StartError when that cannot be."""
        settings = settings or Settings(data=Path(path))
        directory = DataDirectory(path)
        try:
            node = cls(directory, settings)
        except BaseException:
            directory.close()
            raise
        if node._mover is not None:
            node._mover.resume()
        if node.retention is not None and settings.retention_interval:
            node._pruner = Pruner(node.retention, settings.retention_interval, lambda: not node.read_only)
        node.start_background()
        return node

    def start_background(self) -> None:
        """What goes on beside the clients and writes nothing to the shards; StartError, closed, when the settings cannot be."""
        if self.history is not None:
            self._indexer = Indexer(lambda: self.shards)
        try:
            if self.settings.checkpoint_target and self.settings.checkpoint_interval:
                self.start_witness()
            if self.settings.archive_target:
                self.start_archive()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _must_not_fork(path: Path, follows: bool) -> None:
        if not follows and is_follower(path):
            raise StartError(
                f"'{path}' is a copy that follows {followed(path)}; with changes of its own it could not follow any more",
                "faunadb follow goes on with it; faunadb serve --promote makes it a database of its own, for good",
            )

    def start_witness(self) -> None:
        """Begin to export checkpoints as the settings say; StartError when the target cannot be used."""
        from fauna.chain.witness import Witness, WitnessError, exporter

        target = self.settings.checkpoint_target
        try:
            export = exporter(target, self.settings.checkpoint_ca)
        except WitnessError as problem:
            raise StartError(f"checkpoint_target: {problem}") from None
        self.witness = Witness(self.checkpoints.make, export, target, self.settings.checkpoint_interval)
        self.witness.start()

    def _make_system_tables(self, shard: SqliteShard) -> None:
        if list(shard.autocommit_query("SELECT name FROM sqlite_schema WHERE name = 'accounts'", (), inline=False)):
            return
        branch = locked(shard)
        branch.execute_ddl([*store.SYSTEM_TABLES, *definitions.TABLES, (CREATE_ACCOUNTS, ())], ())
        branch.commit().wait()

    def _open_other_shards(self, wanted: int) -> None:
        """Open the shards that the slot map knows, making them when the database is new, and finish what a crash left."""
        new = not self.catalog.version and not self.catalog.databases and not self.read_only
        if self.read_only:
            wanted = 0  # as many as its source has
        count = wanted or 1 if new else self.catalog.slots.shards
        # Who made it with fewer shards, and then added some, may go on naming the number it was made with.
        if wanted not in (0, count) and not (wanted < count and self.catalog.slots.version > 1):
            raise StartError(
                f"'{self.directory.path}' has {count} shard{'s' if count > 1 else ''}, not {wanted}",
                "leave --shards out" + (f", and then: faunadb shards add {wanted - count}" if wanted > count else ""),
            )
        for number in range(1, count):
            path = self.directory.shard_file(number)
            if not new and not path.exists():
                raise StartError(f"shard file '{path}' is missing", "put it back, or restore all of them from a backup")
            shard = self._open_shard(number)
            self.shards.append(shard)
            identify(shard, self.database, number)
            self._make_system_tables(shard)
        if count == 1:
            if LocalCoordinator.is_there(self.directory.path) and not self.read_only:
                self.mover()
            return
        for shard in self.shards:
            shard.homes = self._homes
        self.gate = CommitGate()
        self._committer = Committer(self._coordinate(), self.gate, self.clock)
        if self.read_only:
            return  # what its source has left half done its source finishes
        self._committer.recover(self.shards)
        definitions.recover(self.shards, self._definition_time)
        self.catalog = self._load_catalog()  # slots that were moving have moved now
        self.mover()
        if new:
            branch = locked(self.shard)
            before, self.catalog = self.catalog, self.catalog.with_slots(SlotMap.even(count))
            branch.execute_ddl(store.save_statements(before, self.catalog), ())
            branch.commit().wait()
            definitions.recover(self.shards)

    def _definition_time(self, number: int) -> int:
        """When the first shard ran its last definition: another one that has to run it after a crash does it at the same moment
        of the past.  0 when its chain has gone on since."""
        head = self.shard.header(self.shard.height)
        defined = self.shard.header(head.schema) if head is not None else None
        return defined.time_us if defined is not None and defined.time_us > self.shards[number].time_us else 0

    # ── backup ──

    def backup_source(self) -> Source:
        """What a backup is taken of."""
        past = self.past or Past(lambda: self.shards, self.clock, lambda: self.gate)  # without a chain the backup says so
        return Source(self.database, self.directory.path, lambda: tuple(self.shards), past.instant)

    def start_archive(self) -> None:
        """Begin to add to the backup that the settings name; StartError when its secret cannot be read."""
        settings = self.settings
        try:
            secret = secret_of("", "", settings.backup_passphrase, settings.backup_key_file)
        except BackupError as problem:
            raise StartError(str(problem)) from None
        self.backups.archive(Path(settings.archive_target).absolute(), settings.archive_interval, secret)

    # ── resharding ──

    def _coordinate(self) -> LocalCoordinator:
        if self._coordinator is None:
            self._coordinator = LocalCoordinator(self.directory.path)
        return self._coordinator

    def mover(self) -> Mover:
        """What moves slots."""
        if self._mover is None:
            self._mover = Mover(self, self._coordinate())
        return self._mover

    def progress(self) -> Progress:
        """How far slots have been moved."""
        return self._mover.progress() if self._mover is not None else Progress()

    def all_shards(self) -> Sequence[SqliteShard]:
        return self.shards

    def begin_move(self, lock_wait_timeout_s: float) -> SpreadTransaction:
        """A transaction for moving rows between shards."""
        transaction = self.begin(Isolation.READ_COMMITTED, read_only=False, lock_wait_timeout_s=lock_wait_timeout_s, watch=None)
        assert isinstance(transaction, SpreadTransaction)
        return transaction

    def slots_moved(self, slots: SlotMap) -> Callable[[], None]:
        before = self.catalog

        def show(catalog: Catalog) -> None:
            self.catalog = catalog
            self._homes.moved()

        show(before.with_slots(slots))
        return lambda: show(before)

    def may_have_shards(self, shards: int) -> None:
        triggers_left_behind(self.catalog, self.catalog.with_slots(self.catalog.slots.grown(shards)))

    def add_shards(self, shards: int) -> None:
        """Have so many; the new ones own no slots.  Error 1205 or 1213 when open transactions have written what they copy, or, as
        long as there is one shard, anything."""
        alone = len(self.shards) == 1
        transaction: Transaction = (
            self.shard.begin(Isolation.READ_COMMITTED, lock_wait_timeout_s=RESHARD_LOCK_WAIT_S, alone=True)
            if alone
            else self.begin_move(RESHARD_LOCK_WAIT_S)
        )
        new: list[SqliteShard] = []
        try:
            try:
                branches = [transaction.writer(number) for number in range(len(self.shards))]
                for branch in branches:
                    lock_now(branch)
                before = self.catalog  # nobody defines anything now
                written = [table.physical for table in (before.tables() if alone else copied_tables(before))]
                for branch in branches:
                    branch.execute_ddl((), written)
                after = before.with_slots(before.slots.grown(shards))
                drops = triggers_left_behind(before, after)
                for number in range(len(self.shards), shards):
                    self.directory.remove_shard_file(number)  # one that a crash has left half made
                    new.append(self._open_shard(number))
                    identify(new[-1], self.database, number)
                    self._make_system_tables(new[-1])
                    fill(new[-1], self.shards[-1], before, drops)
                script = [(f"DROP TRIGGER {name}", ()) for name in drops]
                branches[SINGLE_SHARD].execute_ddl([*script, *store.save_statements(before, after)])
            except MustWait as waiting:
                waiting.ticket.wait()
                raise error("LOCK_DEADLOCK") from None
            transaction.define(lambda: self._shards_added(new, after))
            transaction.commit().wait()
        except BaseException:
            transaction.rollback()
            for shard in new:
                if shard not in self.shards:
                    shard.close()
            raise

    def _shards_added(self, new: Sequence[SqliteShard], catalog: Catalog) -> None:
        for shard in (self.shard, *new):
            shard.homes = self._homes
        self.shards.extend(new)
        if self._committer is None:
            self.gate = CommitGate()
            self._committer = Committer(self._coordinate(), self.gate, self.clock)
        self.catalog = catalog

    # ── following ──

    def follow(self, follower: Follower, inbox: Inbox) -> None:
        """Apply what the follower gets, from now on."""
        self.follower = follower
        assert self.past is not None
        self.past.known_us = lambda: follower.known_us

        def stuck(problem: FaunaError) -> None:
            self.stop_serving()
            follower.stopping.wait()

        def published(applied: Applied) -> None:
            if applied.catalog is not None:
                self._publish(applied.catalog, applier.shards)
            if "accounts" in applied.changed:
                self.accounts = Accounts(self.shard)
            follower.applied(applied)

        applier = Applier(self.shards, self._open_follower_shard, inbox, lambda: self.gate, published, stuck)
        follower.start(applier)

    def _open_follower_shard(self, number: int) -> SqliteShard:
        shard = self._open_shard(number)
        identify(shard, self.database, number)
        return shard

    def _publish(self, catalog: Catalog, shards: Sequence[SqliteShard]) -> None:
        """Definitions, slots or shards of the source have changed."""
        before = self.catalog
        if catalog.slots.shards > len(self.shards):
            self._shards_added(shards[len(self.shards) : catalog.slots.shards], catalog)
        self.catalog = catalog
        if catalog.slots.version != before.slots.version:
            self._homes.moved()
        self.auto_increments.forget(before, catalog)

    def settled(self, time_us: int) -> None:
        """A follower has everything up to then."""
        self.clock.observe(time_us)
        self.growth.happened()

    def begin(
        self, isolation: Isolation, *, read_only: bool, lock_wait_timeout_s: float, watch: Watch | None, alone: bool = False,
        two_phase: bool = False, user: str = "",
    ) -> Transaction:  # fmt: skip
        """A transaction on this database; two_phase: it may be prepared.  user: in whose name it is sealed."""
        read_only = read_only or self.read_only
        if self._committer is None or self.gate is None:
            return self.shard.begin(
                isolation, read_only=read_only, lock_wait_timeout_s=lock_wait_timeout_s, watch=watch, alone=alone,
                two_phase=two_phase, user=user,
            )  # fmt: skip
        return SpreadTransaction(
            lambda: self.shards,
            self.gate,
            self._committer,
            self.clock,
            isolation,
            read_only=read_only,
            lock_wait_timeout_s=lock_wait_timeout_s,
            watch=watch,
            slots=lambda: self.catalog.slots,
            user=user,
        )

    def _load_catalog(self) -> Catalog:
        meta = list(self.shard.autocommit_query(store.LOAD_META, (), inline=False))
        entries = list(self.shard.autocommit_query(store.LOAD_ENTRIES, (), inline=False))
        return store.load(meta[0], entries)  # type: ignore[arg-type]

    def verify(self, table: str = "", stop: Callable[[], bool] = lambda: False) -> Report:
        """Whether what is stored, of all tables or of database.table, is what was sealed.  Takes long; nobody waits for it; it
        ends with `verification.findings.Stopped` when `stop` says so."""
        from fauna.verification.verify import verify

        if not self._verifying.acquire(blocking=False):
            raise error("UNKNOWN_ERROR", "another verification is under way: wait until it is done")
        try:
            return verify(self.directory.path, configure, table=table, at_rest=False, stop=stop)
        finally:
            self._verifying.release()

    def set_catalog(self, catalog: Catalog) -> None:
        """The catalog after a committed DDL."""
        self.catalog = catalog

    def change_source(self) -> ChangeSource | None:
        """Where change streams come from; None: the database keeps no chain."""
        return self._changes

    # ── accounts and sessions ──

    @property
    def server_version(self) -> str:
        return SERVER_VERSION

    def account(self, user: str, host: str) -> StoredAccount | None:
        return self.accounts.find(user, host)

    def account_name(self, user: str, host: str) -> str:
        found = self.accounts.find(user, host)
        return f"{found.user}@{found.host}" if found is not None else f"{user}@{host}"

    def set_password(self, user: str, host: str, password: str) -> None:
        """Make the account or change its password; only the verifier is stored."""
        from fauna.wire.auth import stored_password

        plugin = self.settings.default_authentication_plugin
        self.accounts.save(StoredAccount(user, host, plugin, stored_password(plugin, password)))

    def change_password(
        self, account: StoredAccount, password: str, *, plugin: str | None, stored: bool, either_way: bool
    ) -> None:
        """A new password for an account, durable on return.

        `stored`: it is given as MySQL stores it; `either_way`: or plainly."""
        from fauna.wire.auth import CACHING_SHA2_PASSWORD, MYSQL_NATIVE_PASSWORD, is_stored_password, stored_password

        plugin = plugin or account.plugin
        if plugin not in (CACHING_SHA2_PASSWORD, MYSQL_NATIVE_PASSWORD):
            raise error("PLUGIN_IS_NOT_LOADED", plugin)
        if stored or either_way:
            for form in (plugin, MYSQL_NATIVE_PASSWORD, CACHING_SHA2_PASSWORD):
                if is_stored_password(form, password):
                    self.accounts.save(StoredAccount(account.user, account.host, form, password))
                    return
            if stored:
                raise error("PASSWORD_FORM")
        self.accounts.save(StoredAccount(account.user, account.host, plugin, stored_password(plugin, password)))

    def open_session(self, client: ClientInfo) -> Session:
        session = Session(self, client)
        with self._sessions_lock:
            self.sessions[client.connection_id] = session
        return session

    def closed(self, session: Session) -> None:
        with self._sessions_lock:
            if self.sessions.get(session.connection_id) is session:
                del self.sessions[session.connection_id]
        self.user_locks_release(session.connection_id)

    def user_locks_release(self, connection_id: int) -> None:
        from fauna.sql.functions import user_locks

        user_locks.LOCKS.release_all(connection_id)

    def kill(self, connection_id: int, *, query_only: bool) -> None:
        """KILL: stop the connection's statement, and end the connection unless `query_only`."""
        session = self.sessions.get(connection_id)
        if session is None:
            raise error("NO_SUCH_THREAD", connection_id)
        session.interrupt()
        if not query_only:
            session.killed = True
            session.client.disconnect()

    def statistics(self) -> str:
        uptime = int(time.monotonic() - self.started)
        return (
            f"Uptime: {uptime}  Threads: {len(self.sessions)}  Questions: {self.counters.questions}  "
            "Slow queries: 0  Opens: 0  Open tables: 0  Queries per second avg: 0.0"
        )

    # ── information_schema and SHOW ──

    def info_context(self, session: Session) -> InfoContext:
        return InfoContext(
            session.catalog,
            (session.user, session.host),
            session.database,
            partial(self._table_statistics, session),
            session.variables.rows,
            partial(self._status, session),
            lambda: (),
            self._processes,
            self.accounts.names,
            session.now()[:19],
            SERVER_VERSION,
        )

    def show_context(self, session: Session) -> ShowContext:
        warnings = session.context.warnings
        return ShowContext(
            self.info_context(session),
            warnings,
            session.context.warnings_count,
            sum(w.level == "Error" for w in warnings),
            self._authentication,
            follower_status.replica(self.follower.status()) if self.follower is not None else None,
        )

    def _authentication(self, user: str, host: str) -> tuple[str, str] | None:
        found = self.accounts.find(user, host)
        return (found.plugin, found.authentication_string) if found is not None else None

    def info_rows(self, name: str, session: Session) -> str:
        """All rows of an information_schema table, as a JSON array of arrays; of a table whose rows are made while they are read,
        the time up to which they are."""
        if name in fauna_schema.STREAMED:
            return self._settled(session)
        if name == "checkpoints":
            outcomes = self.witness.outcomes() if self.witness is not None else {}
            try:
                kept = self.checkpoints.kept()
            except CheckpointError as problem:
                raise error("UNKNOWN_ERROR", str(problem)) from None
            return json.dumps(list(fauna_schema.checkpoints(kept, outcomes)))
        if name == "follower":
            return json.dumps(list(follower_status.rows(self.follower.status())) if self.follower is not None else [])
        if name in fauna_schema.COLUMNS:
            return json.dumps(list(fauna_schema.shards(self.catalog.slots, self._shard_facts)))
        table = self._info[name]
        return json.dumps([[_jsonable(v) for v in row] for row in table.rows(self.info_context(session))])

    def _settled(self, session: Session) -> str:
        """Up to now; "0" without a chain."""
        if session.inline:
            raise MustMove
        if self.past is None:
            return "0"
        now_us = self.past.now_us()
        self.past.settle(now_us)
        return str(now_us)

    def _configure(self, connection: apsw.Connection) -> None:
        configure(connection)
        chain_rows.register(connection, lambda: self._changes)

    def _shard_facts(self, number: int) -> fauna_schema.ShardFacts:
        shard, rows = self.shards[number], 0
        for table in self.catalog.tables():
            if placement_of(table).kind != "SINGLE" or number == SINGLE_SHARD:
                sql = f"SELECT count(*) FROM {table.physical}"
                rows += int(list(shard.autocommit_query(sql, (), inline=False))[0][0])  # type: ignore[arg-type]
        files = [path for path in (shard.path, Path(f"{shard.path}-wal")) if path.exists()]
        size = sum(path.stat().st_size for path in files)
        return fauna_schema.ShardFacts(rows, size, shard.position, time.monotonic() - self.started)

    def _table_statistics(self, session: Session, table: Table) -> TableStatistics:
        try:
            return self._statistics_read(self._reader_of(session, table), table)
        except NoSuchObject:
            return TableStatistics(0, 16384, 0, 1)  # a temporary table whose making was rolled back, not yet missed

    def _reader_of(self, session: Session, table: Table) -> Callable[[str, Sequence[Stored]], list[Row]]:
        """What reads `table`: a temporary one may have been made in the session's transaction."""
        transaction = session.transactions.branch
        if table.temporary and transaction is not None and transaction.is_open:
            branch = transaction.reader(SINGLE_SHARD)
            return lambda sql, params: list(branch.query(sql, params, (), inline=False))
        shards = self.shards if placement_of(table).kind == "HASH" else self.shards[:1]
        return lambda sql, params: [
            row for shard in shards for row in shard.autocommit_query(sql, params, inline=False)
        ]

    def _statistics_read(self, read: Callable[[str, Sequence[Stored]], list[Row]], table: Table) -> TableStatistics:
        count = 0
        for highest, in read(f"SELECT coalesce(max(rowid), 0) FROM {table.physical}", ()):
            count = max(count, int(highest))  # type: ignore[arg-type]
        if count <= 100_000:
            count = sum([int(each) for each, in read(f"SELECT count(*) FROM {table.physical}", ())])  # type: ignore[arg-type, misc]
        following = 0
        if table.auto_column is not None:
            following = self.auto_increments.peek(table) or 0
            if not following:
                kept = read("SELECT next FROM auto_increment WHERE table_id = ?1", (table.id,))
                following = max((int(each) for each, in kept), default=1)  # type: ignore[arg-type]
        # As InnoDB counts pages: the primary key is the data, and each other index has one page at least.
        others = sum(index.kind != "PRIMARY" for index in table.indexes)
        return TableStatistics(count, 16384, 16384 * others, following)

    def _status(self, session: Session, scope: str) -> list[tuple[str, str]]:
        """SHOW STATUS: only what is counted.  Ssl_… is the session's own, whatever the scope."""
        counters = self.counters
        return [
            ("Aborted_connects", str(counters.aborted_connects)),
            ("Connections", str(counters.connections)),
            ("Max_used_connections", str(counters.connections_max)),
            ("Questions", str(counters.questions)),
            ("Ssl_cipher", session.client.tls_cipher),
            ("Ssl_version", session.client.tls_version),
            ("Threads_connected", str(len(self.sessions))),
            ("Threads_running", str(sum(bool(s.statement_text) for s in list(self.sessions.values())))),
            ("Uptime", str(int(time.monotonic() - self.started))),
            *(follower_status.variables(self.follower.status()) if self.follower is not None else ()),
        ]

    def _processes(self) -> list[Process]:
        now = time.time()
        return [
            Process(
                s.connection_id,
                s.user,
                s.host,
                s.database,
                "Query" if s.busy else "Sleep",
                int(now - s.statement_started),
                "",
                (without_passwords(s.statement_text) or None) if s.busy else None,
            )
            for s in list(self.sessions.values())
        ]

    # ── end ──

    def close(self) -> None:
        """Roll back what is open, sync, and let go of the directory.  Idempotent."""
        if self.closing:
            return
        self.closing = True
        self.growth.close()
        if self.follower is not None:
            self.follower.close()
        if self.witness is not None:
            self.witness.close()
        for session in list(self.sessions.values()):
            session.close()
        if self._mover is not None:
            self._mover.close()
        if self._changes is not None:
            self._changes.close()
        self.backups.close()
        self._close_shards()
        if self.follower is not None:
            for shard in self.follower.shards:
                shard.close()
        self.directory.close()

    def _close_shards(self) -> None:
        if self._pruner is not None:
            self._pruner.close()
        if self._indexer is not None:
            self._indexer.close()
        self.xids.close()
        if self._committer is not None:
            self._committer.close()
        self.means.workers.shutdown()
        for shard in self.shards:
            shard.close()
        if self._coordinator is not None:
            self._coordinator.close()


def _jsonable(value: Stored) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────


def serve(settings: Settings) -> int:
    """Serve the MySQL protocol, and HTTPS, until SIGTERM or SIGINT; 0 after a clean end."""
    prepare_process(settings)
    node = Node.open(settings.data, settings)
    try:
        _first_start(node, settings)
    except BaseException:
        node.close()
        raise
    return serve_node(node, settings)


def prepare_process(settings: Settings) -> None:
    """Logging and limits, for a process that is a server."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _raise_open_files()
    # A thread that runs Python for long must not keep the event loop from the interpreter for its default 5 ms.
    sys.setswitchinterval(0.0005)


def serve_node(node: Node, settings: Settings) -> int:
    """Serve an open node until SIGTERM or SIGINT, and close it; 0 after a clean end, 1 when it had to end."""
    failed: list[bool] = []
    try:
        uvloop.run(_serve(node, settings, failed))
    finally:
        node.close()
    return 1 if failed else 0


def _raise_open_files() -> None:
    """Take as many open files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _first_start(node: Node, settings: Settings) -> None:
    if node.accounts.names:
        return
    password = settings.root_password
    if not password:
        password = new_password()
        print(
            f"root's password is {password}  "
            "(shown once; change it with SET PASSWORD, or set FAUNADB_ROOT_PASSWORD before the first start)",
            flush=True,
        )
    node.set_password("root", "%", password)


async def _serve(node: Node, settings: Settings, failed: list[bool]) -> None:
    """failed: gets an entry when the node itself ends the server."""
    from fauna.wire.server import WireServer

    server = WireServer(node, settings)
    await server.start()
    web = await _start_web(node, settings, server) if settings.http else None
    where = f"{settings.host}:{server.port}" + (f" and {_url(settings.host, web.port)}" if web is not None else "")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopping.set)

    def stop() -> None:
        failed.append(True)
        stopping.set()

    def stop_from_anywhere() -> None:
        loop.call_soon_threadsafe(stop)

    node.stop_serving = stop_from_anywhere
    print(f"faunadb {SERVER_VERSION}: ready for connections on {where}, data in {settings.data}", flush=True)
    await stopping.wait()
    node.growth.close()  # who waits for blocks is answered now
    await asyncio.gather(server.shutdown(), *([web.shutdown()] if web is not None else []))


async def _start_web(node: Node, settings: Settings, server: WireServer) -> WebServer:
    """The second front door, with the keys and accounts of the first; imported only where it is used."""
    from fauna.web.server import WebServer

    web = WebServer(node, settings, server.keys, server.authenticator)
    try:
        await web.start()
    except BaseException:
        await server.shutdown(grace_s=0)
        raise
    return web


def _url(host: str, port: int) -> str:
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
