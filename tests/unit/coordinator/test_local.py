"""What only the local coordinator has: its file, its one sync for many decisions, and what a failing disk does to it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from fauna.coordinator import local_decisions
from fauna.coordinator.local import FILE_NAME, LocalCoordinator
from fauna.coordinator.protocol import CoordinatorClosed, Decision, OutcomeUnknown, Verdict
from fauna.errors import SqlError, StartError

COMMIT = Decision(Verdict.COMMIT, (0, 1))


class Disk:
    """The sync that a coordinator is given: counted, and held up or failing when the test says so."""

    def __init__(self) -> None:
        self.syncs = 0
        self.failing = False
        self.go_on = threading.Event()
        self.go_on.set()
        self.reached = threading.Event()
        self.at_sync: Callable[[], None] = lambda: None

    def __call__(self, descriptor: int) -> None:
        self.reached.set()
        assert self.go_on.wait(60)
        self.at_sync()
        if self.failing:
            raise OSError(5, "Input/output error")
        os.fdatasync(descriptor)
        self.syncs += 1


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_one_sync_for_all_that_wait(tmp_path: Path, disk: Disk) -> None:
    coordinator = LocalCoordinator(tmp_path, sync=disk)
    before = disk.syncs
    tickets = [coordinator.decide(f"g{number}", COMMIT) for number in range(100)]
    tickets[50].wait()
    assert all(ticket.done() for ticket in tickets)
    assert disk.syncs == before + 1
    coordinator.close()


def test_those_that_come_during_a_sync_share_the_next(tmp_path: Path, disk: Disk) -> None:
    coordinator = LocalCoordinator(tmp_path, sync=disk)
    before = disk.syncs
    disk.go_on.clear()
    disk.reached.clear()
    first = coordinator.decide("first", COMMIT)
    threads = [threading.Thread(target=first.wait)]
    threads[0].start()
    assert disk.reached.wait(60)
    others = [coordinator.decide(f"g{number}", COMMIT) for number in range(20)]
    threads += [threading.Thread(target=ticket.wait) for ticket in others]
    for thread in threads[1:]:
        thread.start()
    assert not any(ticket.done() for ticket in (first, *others))
    disk.go_on.set()
    for thread in threads:
        thread.join()
    assert disk.syncs == before + 2
    coordinator.close()


def test_nothing_can_be_read_before_it_is_durable(tmp_path: Path, disk: Disk) -> None:
    """Who reads a decision acts on it, so a power cut must not take it back."""
    coordinator = LocalCoordinator(tmp_path, sync=disk)
    disk.go_on.clear()
    disk.reached.clear()
    ticket = coordinator.decide("g1", COMMIT)
    writer = threading.Thread(target=ticket.wait)
    writer.start()
    assert disk.reached.wait(60)
    found: list[tuple[bool, bool]] = []
    reader = threading.Thread(target=lambda: found.append(("g1" in coordinator.decisions(), disk.go_on.is_set())))
    reader.start()
    reader.join(0.05)
    assert found == []
    disk.go_on.set()
    reader.join()
    writer.join()
    assert found == [(True, True)]
    coordinator.close()


def test_what_a_killed_process_left_in_the_log_is_synced_before_it_is_read(tmp_path: Path, disk: Disk) -> None:
    crashed = tmp_path / "crashed"
    coordinator = LocalCoordinator(tmp_path, sync=disk)

    def crash() -> None:
        crashed.mkdir()
        for path in tmp_path.glob(FILE_NAME + "*"):
            shutil.copy(path, crashed)

    disk.at_sync = crash
    coordinator.decide("g1", COMMIT).wait()
    coordinator.close()
    again = Disk()
    reopened = LocalCoordinator(crashed, sync=again)
    assert again.syncs >= 1
    assert reopened.decisions() == {"g1": COMMIT}
    reopened.close()


def test_a_failed_sync_leaves_the_outcome_open_and_stops_everything(tmp_path: Path, disk: Disk) -> None:
    coordinator = LocalCoordinator(tmp_path, sync=disk)
    before = coordinator.compare_and_set("topology", None, b"1")
    disk.failing = True
    ticket = coordinator.decide("g1", COMMIT)
    with pytest.raises(OutcomeUnknown) as raised:
        ticket.wait()
    assert raised.value.errno == 1180
    disk.failing = False
    for call in (coordinator.decisions, lambda: coordinator.read("topology"), lambda: coordinator.decide("g2", COMMIT).wait(),
                 lambda: coordinator.compare_and_set("topology", before, b"2"),
                 lambda: coordinator.acquire_lease("a", "b", 1)):  # fmt: skip
        with pytest.raises(OutcomeUnknown):
            call()
    coordinator.close()
    reopened = LocalCoordinator(tmp_path)
    assert set(reopened.decisions()) <= {"g1"}
    assert reopened.read("topology") == before
    reopened.close()


def test_a_full_disk_is_no_decision_and_passes(tmp_path: Path) -> None:
    coordinator = LocalCoordinator(tmp_path)
    coordinator.decide("before", COMMIT).wait()
    with coordinator._file.locked() as connection:
        pages = connection.execute("PRAGMA page_count").get
        connection.execute(f"PRAGMA max_page_count = {pages}")
    tickets = [coordinator.decide(f"{number:0200}", COMMIT) for number in range(100)]
    with pytest.raises(SqlError) as raised:
        tickets[0].wait()
    assert raised.value.errno == 1021 and not isinstance(raised.value, OutcomeUnknown)
    assert set(coordinator.decisions()) == {"before"}
    with coordinator._file.locked() as connection:
        connection.execute(f"PRAGMA max_page_count = {1 << 30}")
    assert coordinator.decide("after", COMMIT).wait()
    assert set(coordinator.decisions()) == {"before", "after"}
    coordinator.close()


def test_forgotten_records_go_without_a_decision_to_go_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_decisions, "FORGOTTEN_MAX", 3)
    coordinator = LocalCoordinator(tmp_path)
    for number in range(3):
        coordinator.decide(f"g{number}", COMMIT).wait()
    for number in range(3):
        coordinator.forget(f"g{number}")
    coordinator.close()
    file = apsw.Connection(str(tmp_path / FILE_NAME))
    assert file.execute("SELECT count(*) FROM decisions").get == 0
    file.close()


def test_closed_is_closed(tmp_path: Path) -> None:
    coordinator = LocalCoordinator(tmp_path)
    coordinator.close()
    for call in (coordinator.decisions, lambda: coordinator.decide("g1", COMMIT), lambda: coordinator.read("topology")):
        with pytest.raises(CoordinatorClosed):
            call()


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    LocalCoordinator(tmp_path).close()
    file = apsw.Connection(str(tmp_path / FILE_NAME))
    file.execute("UPDATE coordinator_meta SET value = 99")
    file.close()
    with pytest.raises(StartError, match="newer version"):
        LocalCoordinator(tmp_path)
    file = apsw.Connection(str(tmp_path / FILE_NAME))
    assert file.execute("SELECT value FROM coordinator_meta").get == 99
    file.close()


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 1000)
    with pytest.raises(StartError, match=FILE_NAME):
        LocalCoordinator(tmp_path)


def test_a_directory_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot open"):
        LocalCoordinator(tmp_path / "nowhere")
