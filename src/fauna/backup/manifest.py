"""`manifest.json`: what a backup directory holds.  It is replaced as a whole, after the files that it names are on disk."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fauna.backup.container import TEMPORARY
from fauna.backup.problems import BackupError, Damaged
from fauna.backup.secrets import Encryption, Key, Secret, new_key, open_key
from fauna.clock import shown
from fauna.directories import open_private, sync_directory

FORMAT: Final = 1
NAME: Final = "manifest.json"
FULL: Final = "full"
BLOCKS: Final = "blocks"
_SIZE_MAX: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Element:
    """A file of a backup.

    kind      `FULL`: a copy of a shard's file, with all blocks that are in it; `BLOCKS`: blocks alone
    first, last          heights of the first and last block
    first_us, last_us    their times
    previous, head       the hash before the first block, and the hash of the last
    size, sha256         of the file
    content              bytes before compression
    """

    file: str
    kind: str
    shard: int
    first: int
    last: int
    first_us: int
    last_us: int
    previous: str
    head: str
    size: int
    sha256: str
    content: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run has added.  at_us: the instant; every shard can be had as it was then.  shards: how many there were."""

    number: int
    at_us: int
    shards: int
    elements: tuple[Element, ...]

    @property
    def kind(self) -> str:
        return FULL if any(element.kind == FULL for element in self.elements) else BLOCKS


@dataclass(frozen=True, slots=True)
class Manifest:
    """database: its name in the chain.  taken: oldest first; one at least."""

    database: str
    encryption: Encryption | None
    taken: tuple[Taken, ...]

    def elements(self, kind: str, shard: int) -> Iterator[Element]:
        """Oldest first."""
        for taken in self.taken:
            for element in taken.elements:
                if element.kind == kind and element.shard == shard:
                    yield element

    @property
    def shards(self) -> int:
        return self.taken[-1].shards if self.taken else 0

    @property
    def newest_us(self) -> int:
        return self.taken[-1].at_us

    @property
    def oldest_us(self) -> int:
        """The earliest time that can be asked for: when the first shard's first block was sealed; where retention has removed
        blocks, when the first copy was made."""
        first = next(self.elements(FULL, 0)).first_us
        return max([first, *[each.last_us for each in self.taken[0].elements if each.kind == FULL and each.first > 1]])

    def head(self, shard: int) -> tuple[int, str]:
        """Height and hash of a shard's latest block here; 0 when there is none."""
        ends = [(element.last, element.head) for kind in (FULL, BLOCKS) for element in self.elements(kind, shard)]
        return max(ends, default=(0, ""))


def shown_utc(time_us: int) -> str:
    return f"{shown(time_us)} UTC"


# ── reading ──


def exists(directory: Path) -> bool:
    return (directory / NAME).exists()


def read(directory: Path, secret: Secret | None) -> tuple[Manifest, Key | None]:
    """BackupError when there is no backup, its format is not known, or the secret is wrong; Damaged when it was altered."""
    path = directory / NAME
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise Damaged(f"'{path}' has more than {_SIZE_MAX:,} bytes")
        encoded = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        what = "does not exist" if not directory.exists() else f"is no backup: it has no {NAME}"
        raise BackupError(f"'{directory}' {what}") from None
    except OSError as failed:
        raise BackupError(f"cannot read '{path}': {failed.strerror}") from None
    try:
        found = json.loads(encoded)
        number = found["format"]
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"'{path}' is damaged: it is not what this program writes") from None
    if number != FORMAT:
        raise BackupError(f"'{path}' has format {number}, this version knows format {FORMAT}")
    key: Key | None = None
    encryption: Encryption | None = None
    try:
        if found.get("encryption") is not None:
            encryption = Encryption.of_json(found["encryption"])
            key = open_key(encryption, secret)
        elif secret is not None:
            raise BackupError(f"it is not encrypted, and a {secret.kind} was given")
    except BackupError as problem:
        raise type(problem)(f"'{directory}': {problem}") from None
    check = found.pop("check", "")
    if not isinstance(check, str) or not hmac.compare_digest(_check(found, key), check.encode("ascii", "replace")):
        raise Damaged(f"'{path}' has been altered since it was written")
    try:
        return _parsed(found, encryption), key
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Damaged(f"'{path}' is damaged: something is missing in it") from None


def _parsed(found: dict[str, Any], encryption: Encryption | None) -> Manifest:
    names = {each.name: int if each.type == "int" else str for each in fields(Element)}
    taken = []
    for each in found["taken"]:
        elements = []
        for element in each["elements"]:
            values: dict[str, Any] = {name: kind(element[name]) for name, kind in names.items()}
            elements.append(Element(**values))
            name = Path(values["file"])
            if name.is_absolute() or ".." in name.parts:
                raise ValueError
        taken.append(Taken(int(each["number"]), int(each["at_us"]), int(each["shards"]), tuple(elements)))
    if not taken:
        raise ValueError
    return Manifest(str(found["database"]), encryption, tuple(taken))


# ── writing ──


def begin(database: str, secret: Secret | None) -> tuple[Manifest, Key | None]:
    """Of a new backup, which has nothing yet."""
    if secret is None:
        return Manifest(database, None, ()), None
    encryption, key = new_key(secret)
    return Manifest(database, encryption, ()), key


def write(directory: Path, manifest: Manifest, key: Key | None) -> None:
    """Replace the manifest; on disk on return."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "database": manifest.database,
        "encryption": manifest.encryption.to_json() if manifest.encryption is not None else None,
        "taken": [
            {
                "number": taken.number, "kind": taken.kind, "at_us": taken.at_us, "at": shown_utc(taken.at_us),
                "shards": taken.shards, "elements": [asdict(element) for element in taken.elements],
            }
            for taken in manifest.taken
        ],
    }  # fmt: skip
    found["check"] = _check(found, key).decode()
    path = directory / NAME
    temporary = path.with_name(NAME + TEMPORARY)
    with open_private(temporary) as file:
        file.write(json.dumps(found, indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_directory(directory)


def _check(found: dict[str, Any], key: Key | None) -> bytes:
    encoded = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    digest = sha256(encoded).digest() if key is None else key.authenticate(encoded)
    return digest.hex().encode()
