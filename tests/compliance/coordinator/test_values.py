"""Values with compare-and-set, and watches on them: what the topology needs."""

from __future__ import annotations

import threading

import pytest

from fauna.coordinator.protocol import NAME_BYTES_MAX, VALUE_BYTES_MAX, Coordinator
from tests.compliance.coordinator.conftest import Open

WRITERS, ADDITIONS = 4, 25


def test_nothing_is_there_at_first(coordinator: Coordinator) -> None:
    assert coordinator.read("topology") is None


def test_a_value_is_read_as_it_was_written(coordinator: Coordinator) -> None:
    value = bytes(range(256))
    written = coordinator.compare_and_set("topology", None, value)
    assert written is not None and written.value == value and written.version >= 1
    assert coordinator.read("topology") == written
    assert coordinator.read("other") is None


def test_only_the_version_that_was_seen_is_replaced(coordinator: Coordinator) -> None:
    first = coordinator.compare_and_set("topology", None, b"1")
    assert coordinator.compare_and_set("topology", None, b"mine") is None
    second = coordinator.compare_and_set("topology", first, b"2")
    assert first is not None and second is not None and second.version > first.version
    assert coordinator.compare_and_set("topology", first, b"late") is None
    assert coordinator.read("topology") == second


def test_the_same_value_again_is_a_new_version(coordinator: Coordinator) -> None:
    first = coordinator.compare_and_set("topology", None, b"same")
    second = coordinator.compare_and_set("topology", first, b"same")
    assert first is not None and second is not None and second.version > first.version


def test_names_do_not_mix(coordinator: Coordinator) -> None:
    one = coordinator.compare_and_set("one", None, b"1")
    two = coordinator.compare_and_set("two", None, b"2")
    assert coordinator.read("one") == one
    assert coordinator.read("two") == two


def test_values_outlive_the_coordinator(open_coordinator: Open) -> None:
    first = open_coordinator().compare_and_set("topology", None, b"1")
    coordinator = open_coordinator()
    assert coordinator.read("topology") == first
    second = coordinator.compare_and_set("topology", first, b"2")
    assert second is not None
    assert open_coordinator().read("topology") == second


def test_no_write_is_lost_among_many_writers(coordinator: Coordinator) -> None:
    """Each adds one, again and again, by reading and compare-and-set; every conflict is told."""
    coordinator.compare_and_set("counter", None, b"0")

    def add() -> None:
        done = 0
        while done < ADDITIONS:
            seen = coordinator.read("counter")
            assert seen is not None
            if coordinator.compare_and_set("counter", seen, str(int(seen.value) + 1).encode()) is not None:
                done += 1

    threads = [threading.Thread(target=add) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counter = coordinator.read("counter")
    assert counter is not None and int(counter.value) == WRITERS * ADDITIONS


def test_what_is_too_long_is_refused(coordinator: Coordinator) -> None:
    assert coordinator.compare_and_set("topology", None, b"x" * VALUE_BYTES_MAX) is not None
    with pytest.raises(ValueError, match="more than"):
        coordinator.compare_and_set("big", None, b"x" * (VALUE_BYTES_MAX + 1))
    for name in ("", "x" * (NAME_BYTES_MAX + 1), "é" * NAME_BYTES_MAX):
        with pytest.raises(ValueError, match="a name has"):
            coordinator.compare_and_set(name, None, b"")
    assert coordinator.read("big") is None


def test_a_watch_is_told_of_each_change_and_reads_it(coordinator: Coordinator) -> None:
    told = threading.Event()
    unwatch = coordinator.watch("topology", told.set)
    value = coordinator.compare_and_set("topology", None, b"1")
    assert told.wait(10)
    told.clear()
    value = coordinator.compare_and_set("topology", value, b"2")
    assert told.wait(10)
    assert coordinator.read("topology") == value
    unwatch()


def test_a_watch_is_told_nothing_else(coordinator: Coordinator) -> None:
    """Not of other names, of writes that lost, nor of anything after it has ended."""
    told: list[str] = []
    last = threading.Event()
    unwatch = coordinator.watch("topology", lambda: told.append("topology"))
    coordinator.watch("last", last.set)
    coordinator.compare_and_set("other", None, b"1")
    assert coordinator.compare_and_set("topology", coordinator.read("other"), b"lost") is None
    unwatch()
    unwatch()
    coordinator.compare_and_set("topology", None, b"1")
    coordinator.compare_and_set("last", None, b"1")
    assert last.wait(10)
    assert told == []


def test_a_watch_that_fails_does_not_stop_the_others(coordinator: Coordinator) -> None:
    def fails() -> None:
        raise OSError("gone")

    told = threading.Event()
    coordinator.watch("topology", fails)
    coordinator.watch("topology", told.set)
    assert coordinator.compare_and_set("topology", None, b"1") is not None
    assert told.wait(10)
