"""Leases: one holder at a time, and an epoch that only goes up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fauna.coordinator.protocol import Coordinator, Lease
from tests.compliance.coordinator.conftest import Open

LetPass = Callable[[float], None]


def acquired(coordinator: Coordinator, holder: str, duration_s: float = 10) -> Lease:
    lease = coordinator.acquire_lease("shard-1", holder, duration_s)
    assert lease is not None
    return lease


def test_one_holder(coordinator: Coordinator) -> None:
    assert coordinator.lease("shard-1") is None
    lease = acquired(coordinator, "a")
    assert (lease.name, lease.holder) == ("shard-1", "a") and lease.epoch >= 1
    assert coordinator.lease("shard-1") == lease
    assert coordinator.acquire_lease("shard-1", "b", 10) is None
    assert coordinator.lease("shard-1") == lease
    assert coordinator.acquire_lease("shard-2", "b", 10) is not None


def test_it_ends_with_its_time(coordinator: Coordinator, let_pass: LetPass) -> None:
    old = acquired(coordinator, "a", 1)
    let_pass(1.5)
    assert coordinator.lease("shard-1") is None
    new = acquired(coordinator, "b", 10)
    assert new.epoch > old.epoch
    assert not coordinator.renew_lease(old, 10)
    coordinator.release_lease(old)
    assert coordinator.lease("shard-1") == new


def test_renewed_it_goes_on(coordinator: Coordinator, let_pass: LetPass) -> None:
    lease = acquired(coordinator, "a", 2)
    for _ in range(3):
        let_pass(1)
        assert coordinator.renew_lease(lease, 2)
    assert coordinator.acquire_lease("shard-1", "b", 1) is None
    let_pass(2.5)
    assert not coordinator.renew_lease(lease, 2), "it cannot be brought back"


def test_released_it_is_free_at_once(coordinator: Coordinator) -> None:
    first = acquired(coordinator, "a")
    coordinator.release_lease(first)
    assert coordinator.lease("shard-1") is None
    assert not coordinator.renew_lease(first, 10)
    assert acquired(coordinator, "b").epoch > first.epoch


def test_its_holder_again_gets_a_new_epoch(coordinator: Coordinator) -> None:
    first = acquired(coordinator, "a")
    second = acquired(coordinator, "a")
    assert second.epoch > first.epoch
    assert not coordinator.renew_lease(first, 10)
    assert coordinator.renew_lease(second, 10)


def test_epochs_go_up_over_restarts(open_coordinator: Open) -> None:
    epochs = []
    for _ in range(3):
        coordinator = open_coordinator()
        epochs.append(acquired(coordinator, "a").epoch)
    assert epochs == sorted(set(epochs))


@pytest.mark.parametrize("duration_s", [0, -1, 1e9])
def test_an_odd_duration_is_refused(coordinator: Coordinator, duration_s: float) -> None:
    with pytest.raises(ValueError, match="a lease lasts"):
        coordinator.acquire_lease("shard-1", "a", duration_s)
    assert coordinator.lease("shard-1") is None
    lease = acquired(coordinator, "a")
    with pytest.raises(ValueError, match="a lease lasts"):
        coordinator.renew_lease(lease, duration_s)
