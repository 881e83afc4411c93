"""What cannot be done is said in one line, with what was expected, and changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fauna.backup import manifest as manifests
from fauna.backup.problems import BackupError
from fauna.backup.restoring import LATEST, AtBlock, AtTime, Until
from fauna.backup.secrets import Secret
from fauna.backup.taking import take
from fauna.backup.verifying import verify
from fauna.cli import main
from fauna.node import Node, configure
from fauna.settings import Settings
from tests.backup.workload import Workload, opened, restored

SECRET = Secret(b"correct horse")
OTHER = Secret(b"battery staple")
KEY = Secret(bytes(range(32)), from_file=True)
BACKUPS = {"backup": None, "sealed": SECRET, "keyed": KEY}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two databases, `data` and `other`, with their backups `backup` and `backup-other`; `sealed` and `keyed` are encrypted."""
    path = tmp_path_factory.mktemp("bad")
    for name, backups in (("data", list(BACKUPS)), ("other", ["backup-other"])):
        workload = Workload(path / name, 2, 4)
        try:
            for _ in range(3):
                workload.wait_for_commits(30)
                for backup in backups:
                    take(workload.node.backup_source(), path / backup, BACKUPS.get(backup))
        finally:
            workload.close()
    yield path


@pytest.fixture
def backup(databases: Path, tmp_path: Path) -> Path:
    """One of its own, to be spoiled."""
    shutil.copytree(databases / "backup", tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def sealed(databases: Path, tmp_path: Path) -> Path:
    shutil.copytree(databases / "keyed", tmp_path / "keyed")
    return tmp_path / "keyed"


def refused(source: Path, data: Path, match: str, until: Until = LATEST, secret: Secret | None = None) -> str:
    there = sorted(data.iterdir()) if data.exists() else None
    with pytest.raises(BackupError, match=match) as caught:
        restored(source, data, until, secret=secret)
    assert (sorted(data.iterdir()) if data.exists() else None) == there
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(backup: Path, change: Callable[[dict[str, object]], None]) -> None:
    """The manifest with a change, and a check that fits."""
    path = backup / "manifest.json"
    found = json.loads(path.read_bytes())
    del found["check"]
    change(found)
    found["check"] = manifests._check(found, None).decode()
    path.write_text(json.dumps(found))


def test_a_backup_is_whole(backup: Path, tmp_path: Path) -> None:
    assert verify(backup, configure).problems == []
    restored(backup, tmp_path / "restored")


@pytest.mark.parametrize("sealing", [False, True])
def test_files_that_are_cut_off_altered_or_missing(backup: Path, sealed: Path, tmp_path: Path, sealing: bool) -> None:
    source, secret = (sealed, KEY) if sealing else (backup, None)
    files = sorted(source.rglob("*.fbk"))
    assert len(files) >= 6
    for file in files:
        data = file.read_bytes()
        middle = len(data) // 2
        for spoiled in (
            data[:-1],
            data[:middle],
            b"",
            data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :],
            data + b"x",
            None,
        ):
            if spoiled is None:
                file.unlink()
            else:
                file.write_bytes(spoiled)
            problems = verify(source, configure, secret).problems
            assert len(problems) == 1 and str(file) in problems[0], problems
            assert str(file) in refused(source, tmp_path / "restored", ".", secret=secret)
        file.write_bytes(data)
    assert verify(source, configure, secret).problems == []


@pytest.mark.parametrize("name", ["full-1/shard-0.fbk", "full-1/shard-1.fbk", "blocks-2-shard-1.fbk"])
def test_files_of_two_databases(backup: Path, databases: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(databases / "backup-other" / name, backup / name)
    problems = verify(backup, configure).problems
    assert len(problems) == 1 and name in problems[0] and "another file" in problems[0]
    assert name in refused(backup, tmp_path / "restored", "was expected")


def test_files_that_changed_places(backup: Path, tmp_path: Path) -> None:
    first, second = backup / "blocks-2-shard-0.fbk", backup / "blocks-3-shard-0.fbk"
    shutil.copy(second, tmp_path / "kept")
    shutil.copy(first, second)
    shutil.copy(tmp_path / "kept", first)
    assert len(verify(backup, configure).problems) == 2
    refused(backup, tmp_path / "restored", "another file")


def test_a_shard_or_an_element_that_the_manifest_lacks(backup: Path, tmp_path: Path) -> None:
    kept = (backup / "manifest.json").read_bytes()

    def without(name: str) -> Callable[[dict[str, object]], None]:
        def change(found: dict[str, object]) -> None:
            for taken in found["taken"]:  # type: ignore[attr-defined]
                taken["elements"] = [each for each in taken["elements"] if name not in each["file"]]

        return change

    rewritten(backup, without("blocks-2-shard-1"))
    (problem,) = verify(backup, configure).problems
    assert "blocks-3-shard-1.fbk" in problem and "was expected" in problem
    refused(backup, tmp_path / "restored", r"block \d+ of shard 1 is in no file of the backup")
    (backup / "manifest.json").write_bytes(kept)
    rewritten(backup, without("shard-1"))
    assert verify(backup, configure).problems == ["shard 1 is missing: no file of it is in the backup"]
    refused(backup, tmp_path / "restored", "shard 1")


def test_a_manifest_that_is_not_what_was_written(backup: Path, sealed: Path, tmp_path: Path) -> None:
    path = backup / "manifest.json"
    kept = path.read_bytes()
    for spoiled, message in (
        (kept.replace(b'"last": ', b'"last": 1', 1), "has been altered"),
        (kept[:100], "is damaged"),
        (b"[]", "is damaged"),
        (b"\xff", "is damaged"),
        (b"", "is damaged"),
        (b'{"format": 99}', "has format 99, this version knows format 1"),
    ):
        path.write_bytes(spoiled)
        assert message in refused(backup, tmp_path / "restored", ".")
    path.write_bytes(kept)
    rewritten(backup, lambda found: found.update(taken=[{"number": 1}]))
    refused(backup, tmp_path / "restored", "something is missing in it")
    # Whoever has not the secret cannot make one up for an encrypted backup either.
    rewritten(sealed, lambda found: None)
    refused(sealed, tmp_path / "restored", "has been altered", secret=KEY)


def test_secrets(databases: Path, tmp_path: Path) -> None:
    for source, secret, message in (
        ("sealed", OTHER, "the passphrase is wrong"),
        ("sealed", None, "it is encrypted: its passphrase is needed"),
        ("sealed", Secret(b"x" * 32, from_file=True), "with a passphrase, not with a key file"),
        ("backup", SECRET, "it is not encrypted, and a passphrase was given"),
        ("keyed", SECRET, "with a key file, not with a passphrase"),
        ("keyed", Secret(bytes(32), from_file=True), "the key file is wrong"),
    ):
        refused(databases / source, tmp_path / "restored", message, secret=secret)
        with opened(databases / "data") as node, pytest.raises(BackupError, match=message):
            take(node.backup_source(), databases / source, secret)
    restored(databases / "sealed", tmp_path / "restored", secret=SECRET)


def test_moments_that_are_not_in_it(databases: Path, tmp_path: Path) -> None:
    manifest, _ = manifests.read(databases / "backup", None)
    newest = manifest.head(1)[0]
    for until, message in (
        (AtTime(manifest.oldest_us - 1), "the backup has what was from .* to .* is not in it"),
        (AtTime(manifest.newest_us + 1), "the backup has what was from .* to .* is not in it"),
        (AtBlock(2, 1), "the shards 0 to 1, not shard 2"),
        (AtBlock(1, newest + 1), f"the blocks 1 to {newest} of shard 1, not block {newest + 1}"),
        (AtBlock(1, 0), f"the blocks 1 to {newest} of shard 1, not block 0"),
    ):
        refused(databases / "backup", tmp_path / "restored", message, until)
    for number, until in enumerate((AtTime(manifest.oldest_us), AtTime(manifest.newest_us), AtBlock(1, newest))):
        restored(databases / "backup", tmp_path / f"restored{number}", until)


def test_directories(databases: Path, tmp_path: Path) -> None:
    source = databases / "backup"
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    refused(source, full, "is not empty")
    (full / "mine").rename(tmp_path / "mine")
    restored(source, full)  # an empty one will do
    refused(source, full, "is not empty")
    refused(tmp_path / "none", tmp_path / "restored", "does not exist")
    refused(databases / "data", tmp_path / "restored", "is no backup: it has no manifest.json")
    refused(tmp_path / "mine", tmp_path / "restored", "is no backup")
    other = tmp_path / "restored.partial"
    other.mkdir()
    (other / "mine").touch()
    refused(source, tmp_path / "restored", "is in the way")
    assert [each.name for each in other.iterdir()] == ["mine"]
    with opened(databases / "data") as node:
        taken = node.backup_source()
        with pytest.raises(BackupError, match="is a backup of database"):
            take(taken, databases / "backup-other")
        with pytest.raises(BackupError, match="is no backup: an empty or a new directory was expected"):
            take(taken, other)
        with pytest.raises(BackupError, match="is in the data directory"):
            take(taken, databases / "data" / "backup")
        with pytest.raises(BackupError, match="is not a directory"):
            take(taken, tmp_path / "mine")
    assert not (databases / "data" / "backup").exists()


def test_another_history(databases: Path, tmp_path: Path) -> None:
    """A database that was restored to an earlier time and went on does not fit the old backup."""
    source, data = tmp_path / "backup", tmp_path / "restored"
    shutil.copytree(databases / "backup", source)
    manifest, _ = manifests.read(source, None)
    restored(source, data, AtBlock(0, manifest.head(0)[0] - 3))
    before = (source / "manifest.json").read_bytes()
    with opened(data) as node, pytest.raises(BackupError, match="restored to an earlier time since"):
        take(node.backup_source(), source)
    with opened(data) as node:
        for number in range(5):
            node.set_password(f"u{number}", "%", "x")
        with pytest.raises(BackupError, match=r"the database has another block \d+"):
            take(node.backup_source(), source)
    assert (source / "manifest.json").read_bytes() == before
    assert verify(source, configure).problems == []


def test_a_database_without_a_chain(tmp_path: Path) -> None:
    node = Node.open(tmp_path / "data", Settings(data=tmp_path / "data", chain=False))
    try:
        with pytest.raises(BackupError, match="has no chain"):
            take(node.backup_source(), tmp_path / "backup")
    finally:
        node.close()
    refused(tmp_path / "backup", tmp_path / "restored", "is no backup")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["backup", "verify"], 2, "verify what?"),
        (["backup", "a", "b"], 2, "one directory is expected"),
        (["backup", "verify", "none"], 2, "does not exist"),
        (["backup", "verify", "SEALED"], 2, "its passphrase is needed"),
        (["backup", "a", "--data", "none"], 1, "is no data directory"),
        (["backup", "a", "--data", "DATA", "--key-file", "none"], 1, "cannot read 'none'"),
        (["backup", "a", "--data", "DATA", "--key-file", "k", "--passphrase-file", "p"], 1, "exclude each other"),
        (["restore", "none", "--data", "a"], 1, "does not exist"),
        (["restore", "BACKUP", "--data", "a", "--to-time", "yesterday"], 2, "YYYY-MM-DD HH:MM:SS was expected"),
        (["restore", "BACKUP", "--data", "a", "--to-time", "1999-01-01"], 1, "is not in it"),
        (["restore", "BACKUP", "--data", "a", "--to-block", "7"], 2, "SHARD:HEIGHT was expected"),
        (["restore", "BACKUP", "--data", "a", "--to-block", "9:1"], 1, "not shard 9"),
        (["restore", "BACKUP", "--data", "DATA"], 1, "is not empty"),
    ],
)
def test_the_commands_say_so(
    arguments: list[str], code: int, message: str, databases: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names = {"BACKUP": "backup", "SEALED": "sealed", "DATA": "data"}
    assert main([str(databases / names[each]) if each in names else each for each in arguments]) == code
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1, said
    assert not list(tmp_path.iterdir())
