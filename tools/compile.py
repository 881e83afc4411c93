"""Compile the modules on every statement's path with mypyc, beside their sources.  Without a C compiler they run as they are.

    python tools/compile.py              compile; says so and ends well where that is not possible
    python tools/compile.py --list       the modules' files
    python tools/compile.py --remove     back to the sources alone

Python prefers a compiled module to its source, so a change to one of these files needs this again: `make` sees to that, and
the tests refuse to run compiled modules that are older than their sources.

The C that mypyc writes is mended before it is compiled: see release_order.py.

What mypyc cannot do: `continue` inside `with`; an attribute called `_thread` (C reads `__thread`); a subclass outside MODULES
of a class inside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
# They are compiled together: calls among them are then calls in C.
MODULES = [
    f"fauna/{name}.py"
    for name in """
    ticket clock chain/encoding chain/merkle sql/context plan/plan coordinator/local_decisions
    txn/deadlines txn/locks txn/row_locks txn/conflict
    execute/writing execute/point_writes execute/short_sort execute/over_shards
    session/reading session/running session/transactions session/session session/xa
    shard/engines/sqlite/branch shard/engines/sqlite/connection shard/engines/sqlite/group_commit shard/engines/sqlite/history
    shard/engines/sqlite/readers shard/engines/sqlite/savepoints shard/engines/sqlite/sealer
    shard/engines/sqlite/write_set shard/engines/sqlite/writer shard/engines/sqlite/blocks shard/engines/sqlite/versions
    verification/fold verification/indexes
    wire/command_phase wire/connection wire/framing wire/replies wire/rows wire/values
    """.split()
]


def compiled() -> list[Path]:
    return list(SOURCES.rglob("*.so"))


def stale() -> list[Path]:
    """The sources that are newer than what was compiled of them."""
    made = {path.with_name(path.name.split(".")[0] + ".py"): path for path in compiled()}
    return [source for source, path in made.items() if source.exists() and source.stat().st_mtime > path.stat().st_mtime]


def remove() -> None:
    for path in compiled():
        path.unlink()


def obstacle() -> str:
    """Why nothing can be compiled here, or ""."""
    if os.environ.get("FAUNA_COMPILE", "1") == "0":
        return "FAUNA_COMPILE is 0"
    if not any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang")):
        return "there is no C compiler"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers are not installed"
    return ""


def build(sources: Path, modules: list[str]) -> None:
    """Compile `modules`, paths below the directory `sources`, beside their sources, in this process."""
    from mypyc.build import mypycify
    from release_order import mend
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    os.chdir(sources)
    with tempfile.TemporaryDirectory(prefix="faunadb-compile-") as scratch:
        options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", f"{scratch}/mypy"]
        extensions = mypycify([*options, *modules], opt_level="2", debug_level="0", target_dir=scratch, group_name="fauna")
        for written in Path(scratch).rglob("*.c"):
            written.write_text(mend(written.read_text()))
        command = build_ext(Distribution({"name": "faunadb", "ext_modules": extensions, "package_dir": {"": "."}}))
        command.build_lib = command.build_temp = scratch
        command.inplace = True
        command.ensure_finalized()
        command.run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the files")
    parser.add_argument("--remove", action="store_true", help="remove what was compiled")
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list:
        print(*(f"src/{name}" for name in MODULES))
        return 0
    if arguments.build:
        build(SOURCES, MODULES)
        return 0
    remove()
    if arguments.remove:
        return 0
    reason = obstacle()
    if not reason:
        print(f"compiling {len(MODULES)} modules (about a minute; FAUNA_COMPILE=0 leaves it out)", flush=True)
        started = time.monotonic()
        made = subprocess.run([sys.executable, __file__, "--build"], capture_output=True, text=True)
        if made.returncode == 0:
            print(f"compiled in {time.monotonic() - started:.0f} s")
            return 0
        remove()
        log = ROOT / "build" / "compile.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(made.stdout + made.stderr)
        reason = f"the compiler failed, see {log}"
    print(f"not compiled, because {reason}: FaunaDB runs from its sources, about a fifth slower")
    return 0


if __name__ == "__main__":
    sys.exit(main())
