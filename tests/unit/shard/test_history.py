"""What recent commits changed: remembered as long as a snapshot needs it, and no longer than that."""

from __future__ import annotations

from fauna.shard.engines.sqlite.history import SOMETHING, History
from fauna.shard.engines.sqlite.settings import EngineSettings
from fauna.shard.engines.sqlite.write_set import Change


def history(rows_max: int = 1000, commits: int = 2) -> History:
    return History(EngineSettings(history_rows_max=rows_max, history_commits=commits))


def commit(log: History, *rowids: int, table: str = "t1", whole: frozenset[str] = frozenset()) -> None:
    log.committing = True
    changes: list[Change] = [(table, "UPDATE", rowid, rowid, None, None) for rowid in rowids]
    log.append(changes, whole)


def changed_since(log: History, position: int) -> dict[str, set[int] | None] | None:
    commits = log.since(position)
    if commits is None:
        return None
    changed: dict[str, set[int] | None] = {}
    for entry in commits:
        entry.add_to(changed)
    return changed


def test_changed_since() -> None:
    log = history()
    first = log.pin()
    commit(log, 1)
    second = log.pin()
    commit(log, 2, 3)
    assert changed_since(log, first) == {"t1": {1, 2, 3}}
    assert changed_since(log, second) == {"t1": {2, 3}}
    assert changed_since(log, log.position) == {}
    assert not log.committing


def test_moved_rows_count_at_both_ends() -> None:
    log = history()
    start = log.pin()
    log.append([("t1", "UPDATE", 1, 9, None, None)], frozenset())
    assert changed_since(log, start) == {"t1": {1, 9}}


def test_whole_tables_and_things_that_never_conflict() -> None:
    log = history()
    start = log.pin()
    commit(log, 1, whole=frozenset({"t1", "t2", SOMETHING}))
    assert changed_since(log, start) == {"t1": None, "t2": None}


def test_kept_for_open_snapshots_only() -> None:
    log = history(commits=2)
    position = log.pin()
    for row in range(10):
        commit(log, row)
    assert changed_since(log, position) == {"t1": set(range(10))}
    log.unpin(position)
    commit(log, 10)
    assert changed_since(log, position) is None
    assert [entry.position for entry in log.remembered(0)] == [10, 11]


def test_bounded_even_for_open_snapshots() -> None:
    log = history(rows_max=10)
    position = log.pin()
    for row in range(10):
        commit(log, row)
    assert changed_since(log, position) is None
    assert changed_since(log, log.position - 1) == {"t1": {9}}


def test_snapshots_are_counted() -> None:
    log = history()
    first, second = log.pin(), log.pin()
    assert log.open_snapshots == 2
    log.unpin(first)
    log.unpin(second)
    assert log.open_snapshots == 0
