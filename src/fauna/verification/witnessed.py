"""Comparing chains with checkpoints that somebody outside has kept: whether history was only appended to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fauna.chain.checkpoint import Checkpoint
from fauna.clock import shown
from fauna.verification.findings import CannotVerify, Finding, Report


def heights(checkpoints: Iterable[Checkpoint]) -> dict[int, set[int]]:
    """By shard: the heights whose roots are to be compared, for `verify(roots_at=…)`."""
    found: dict[int, set[int]] = {}
    for checkpoint in checkpoints:
        for head in checkpoint.shards:
            found.setdefault(head.shard, set()).add(head.height)
    return found


def compare(report: Report, checkpoints: Sequence[Checkpoint]) -> None:
    """Add to the report what is not in the chains as the checkpoints, which are verified, say it was.  CannotVerify for a
    checkpoint of another database."""
    for checkpoint in checkpoints:
        if checkpoint.database != report.database:
            raise CannotVerify(f"the checkpoint is of the database {checkpoint.database}, this one is {report.database}")
        for head in checkpoint.shards:
            _compare(report, checkpoint, head.shard, head.height, head.root)


def _compare(report: Report, checkpoint: Checkpoint, shard: int, height: int, root: bytes) -> None:
    if not height:
        return
    found = report.roots.get((shard, height))
    if found == root:
        return
    signed = f"the checkpoint of {shown(checkpoint.made_us)} UTC says that it had {height} blocks with the root {root.hex()}"
    if found is None:
        known = next((each.height for each in report.shards if each.shard == shard), None)
        what = "there is no such shard" if known is None else f"the chain has {known} blocks: its end has been cut off"
    else:
        what = f"those blocks have the root {found.hex()}: history was rewritten"
    report.add(Finding(shard, f"{signed}; {what}", block=0 if found is None else height))
