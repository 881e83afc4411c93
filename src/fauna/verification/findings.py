"""What verification tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from fauna.errors import FaunaError

FINDINGS_MAX: Final = 1_000

Stop = Callable[[], bool]
"""Whether nobody wants an answer any more."""
Told = Callable[[float, str], None]
"""How much is done, from 0 to 1, and what is being done."""


class CannotVerify(FaunaError):
    """Nothing can be said about the data.  The text says why."""


class Stopped(Exception):
    """Nobody wants an answer any more.  No `FaunaError`: those say that something cannot be read, which is a finding."""


def never() -> bool:
    """The `Stop` of who waits for the end."""
    return False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was sealed.

    shard        where; -1: the directory as a whole
    block        the block that is not as it must be, or whose change is not what is stored; 0: none can be named
    transaction  of that block: its gtrid, or shard:height
    table        database.table; of the engine's own tables their name; "": none can be named
    key          which row: its key's columns; "": none can be named
    what         a sentence
    """

    shard: int
    what: str
    block: int = 0
    transaction: str = ""
    table: str = ""
    key: str = ""

    def __str__(self) -> str:
        where = [f"shard {self.shard}"] if self.shard >= 0 else []
        where += [f"block {self.block}"] if self.block else []
        where += [f"table {self.table}"] if self.table else []
        where += [f"row {self.key}"] if self.key else []
        return f"{', '.join(where)}: {self.what}" if where else self.what


@dataclass(slots=True)
class ShardReport:
    """What was verified of a shard.

    height, hash, root   of its chain: its latest block, that block's hash, and the Merkle tree's root over all blocks
    past_height          up to which block its row versions go; -1: it has no file of them
    """

    shard: int
    height: int = 0
    hash: str = ""
    root: str = ""
    past_height: int = -1
    changes: int = 0
    rows: int = 0
    versions: int = 0


@dataclass(slots=True)
class Report:
    """findings  what is wrong; at most `FINDINGS_MAX`, `more` says that there would be others
    notes     what could not be checked, and why that is as it should be
    database  its name, hexadecimal digits
    roots     by (shard, height): the Merkle tree's root over the blocks 1 to height, for each height that was asked for
    """

    findings: list[Finding] = field(default_factory=list)
    database: str = ""
    more: bool = False
    notes: list[str] = field(default_factory=list)
    shards: list[ShardReport] = field(default_factory=list)
    roots: dict[tuple[int, int], bytes] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        if len(self.findings) >= FINDINGS_MAX:
            self.more = True
        elif finding not in self.findings[-8:]:
            self.findings.append(finding)

    @property
    def clean(self) -> bool:
        return not self.findings

    @property
    def changes(self) -> int:
        return sum(shard.changes for shard in self.shards)

    def to_json(self) -> dict[str, Any]:
        return {
            "clean": self.clean,
            "database": self.database,
            "findings": [asdict(finding) for finding in self.findings],
            "more_findings": self.more,
            "notes": self.notes,
            "shards": [asdict(shard) for shard in self.shards],
            "roots": [{"shard": n, "height": h, "root": root.hex()} for (n, h), root in sorted(self.roots.items())],
            "seconds": round(self.seconds, 3),
        }
