"""Check this machine and a data directory, and say what to do about what is wrong.

Exit code 0 when nothing is wrong, 1 when something is.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fauna.cli.serve import configure as configure_serve
from fauna.cli.serve import settings_of
from fauna.settings import Settings

FREE_MIN_BYTES: Final = 1 << 30
SYNC_SLOW_S: Final = 0.02
SYNCS: Final = 20
CERTIFICATE_DAYS_MIN: Final = 14
DESCRIPTORS_SPARE: Final = 200  # files, wal, sockets that are no clients
PACKAGES: Final = {"apsw": "apsw-sqlite3mc", "cryptography": "cryptography", "h11": "h11", "uvloop": "uvloop",
                   "pymysql": "PyMySQL", "prompt_toolkit": "prompt_toolkit"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `state` is 'ok', 'warning' (it works, but) or 'wrong'."""

    check: str
    state: str
    detail: str
    advice: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    configure_serve(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    findings = list(examine(settings_of(args)))
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{finding.state:<8} {finding.check}: {finding.detail}")
            if finding.advice:
                print(f"{'':<8} -> {finding.advice}")
    return 1 if any(finding.state == "wrong" for finding in findings) else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, in the order in which a start would meet them."""
    yield _python()
    yield from _packages()
    yield _engine()
    yield _descriptors(settings)
    yield _port("port", settings.host, settings.port)
    if settings.http:
        yield _port("http-port", settings.host, settings.http_port)
    yield _directory(settings.data)
    yield _space(settings.data)
    yield _sync(settings.data)
    yield _certificate(settings)


def _python() -> Finding:
    return Finding("Python", "ok", ".".join(map(str, sys.version_info[:3])))  # an older one could not have come this far


def _packages() -> Iterator[Finding]:
    for module, package in PACKAGES.items():
        try:
            importlib.import_module(module)
            yield Finding(package, "ok", importlib.metadata.version(package))
        except ImportError as problem:
            yield Finding(package, "wrong", str(problem), f"pip install {package}")


def _engine() -> Finding:
    try:
        import apsw
    except ImportError:
        return Finding("engine", "wrong", "SQLite is not there", "pip install apsw-sqlite3mc")
    threads = "THREADSAFE=1" in apsw.compile_options
    session = hasattr(apsw, "Session")
    if not (threads and session):
        version = apsw.sqlite_lib_version()
        return Finding("engine", "wrong", f"SQLite {version} lacks threads or sessions", "pip install apsw-sqlite3mc")
    return Finding("engine", "ok", f"SQLite {apsw.sqlite_lib_version()}")


def _descriptors(settings: Settings) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = settings.max_connections + settings.http * settings.http_connections_max + DESCRIPTORS_SPARE
    if soft < need and hard < need:
        return Finding("open files", "warning", f"limit {hard}, the connections allowed may need {need}",
                       f"ulimit -n {need}, or LimitNOFILE={need} in the service file")  # fmt: skip
    return Finding("open files", "ok", f"limit {soft} (may be raised to {hard})")


def _port(name: str, host: str, port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as problem:
        advice = f"a server may be running; else choose another with --{name}"
        return Finding(name, "warning", f"{where}: {problem.strerror}", advice)
    return Finding(name, "ok", f"{where} is free")


def _existing(data: Path) -> Path:
    """The directory itself or the nearest one above it that is there."""
    path = data.absolute()
    while not path.exists():
        path = path.parent
    return path


def _directory(data: Path) -> Finding:
    path = _existing(data)
    if not path.is_dir():
        return Finding("data directory", "wrong", f"{path} is not a directory", "choose another with --data")
    if not os.access(path, os.W_OK | os.X_OK):
        return Finding("data directory", "wrong", f"{path} is not writable", "change its owner, or choose another with --data")
    return Finding("data directory", "ok", f"{data}" + ("" if path == data.absolute() else " (not there yet; it can be made)"))


def _space(data: Path) -> Finding:
    free = shutil.disk_usage(_existing(data)).free
    detail = f"{free / (1 << 30):.1f} GiB free"
    if free < FREE_MIN_BYTES:
        return Finding("disk space", "warning", detail, "a full disk makes commits fail (error 1021); reads go on")
    return Finding("disk space", "ok", detail)


def _sync(data: Path) -> Finding:
    """How long one small durable write takes: what each commit waits for."""
    took: list[float] = []
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=_existing(data)))
            for _ in range(SYNCS):
                file.write(b"\0" * 512)
                file.flush()
                begun = time.perf_counter()
                os.fdatasync(file.fileno())
                took.append(time.perf_counter() - begun)
        except OSError as problem:
            return Finding("durable write", "wrong", str(problem.strerror), "nothing can be committed here")
    median = sorted(took)[len(took) // 2]
    detail = f"{median * 1000:.2f} ms (median of {SYNCS})"
    if median > SYNC_SLOW_S:
        advice = "commits of one client cannot be faster than this; concurrent ones share it"
        return Finding("durable write", "warning", detail, advice)
    return Finding("durable write", "ok", detail)


def _certificate(settings: Settings) -> Finding:
    if not settings.tls_cert:
        return Finding("TLS", "ok", "a self-signed certificate is made at the first start")
    import datetime

    try:
        from cryptography import x509

        certificate = x509.load_pem_x509_certificate(Path(settings.tls_cert).read_bytes())
    except (OSError, ValueError, ImportError) as problem:
        return Finding("TLS", "wrong", f"{settings.tls_cert}: {problem}", "give a certificate in PEM form")
    left = (certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)).days
    if left < 0:
        return Finding("TLS", "wrong", f"{settings.tls_cert} expired {-left} days ago", "renew it")
    soon = left < CERTIFICATE_DAYS_MIN
    detail = f"{settings.tls_cert} is valid for {left} days"
    return Finding("TLS", "warning" if soon else "ok", detail, "renew it" if soon else "")
