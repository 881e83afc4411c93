"""No seed tears a transaction, leaks a lock, or leaves a prepared branch or a record behind."""

from __future__ import annotations

import pytest

from fauna.txn import two_phase
from tests.simulation.model import Torn, simulate


@pytest.mark.parametrize("seeds", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_seeds(seeds: int) -> None:
    for seed in range(seeds):
        simulate(seed)


def test_a_protocol_that_answers_before_the_decision_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator would notice: with a `step` that commits without a record some seed is torn."""
    right = two_phase._all_prepared

    def wrong(state: two_phase.State) -> two_phase.Step:
        return right(state) if state.waiting else two_phase._commit(state)

    monkeypatch.setattr(two_phase, "_all_prepared", wrong)
    with pytest.raises(Torn) as caught:
        for seed in range(500):
            simulate(seed)
    assert "replay: python -m tests.simulation --seed" in caught.value.__notes__[0]
