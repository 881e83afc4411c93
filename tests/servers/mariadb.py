"""A private MariaDB, the oracle: Debian's defaults for sql_mode and durability, utf8mb4_general_ci throughout."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pymysql

from tests.servers.server import PASSWORD, NotAvailable, Server, free_port

# MariaDB is often in /usr/sbin, which is not on everyone's PATH.
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"

# What FaunaDB announces itself as; the golden scripts are recorded with it.
SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"


def available() -> bool:
    return shutil.which("mariadbd", path=_PATH) is not None and shutil.which("mariadb-install-db", path=_PATH) is not None


def start(*options: str, host: str = "127.0.0.1") -> Server:
    """Start one; `options` are further arguments of mariadbd, `host` is its loopback address.  NotAvailable when MariaDB is not
    installed."""
    daemon = shutil.which("mariadbd", path=_PATH)
    if daemon is None or not available():
        raise NotAvailable("MariaDB is not installed (Debian: mariadb-server)")
    directory = Path(tempfile.mkdtemp(prefix="fauna-mariadb-"))
    user = _unprivileged_user()
    data = directory / "data"
    init = directory / "init.sql"
    init.write_text(
        f"ALTER USER root@localhost IDENTIFIED BY '{PASSWORD}';\n"
        f"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\nCREATE DATABASE IF NOT EXISTS test;\n"
    )
    if user:
        shutil.chown(directory, user)
        shutil.chown(init, user)
    _make_data(data, user)
    port = free_port(host)
    command = [
        daemon, "--no-defaults", *([f"--user={user}"] if user else []),
        f"--datadir={data}", f"--tmpdir={directory}", f"--socket={directory}/s.sock", f"--pid-file={directory}/pid", f"--init-file={init}",
        f"--bind-address={host}", f"--port={port}", "--skip-name-resolve", "--performance-schema=off",
        "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", f"--sql-mode={SQL_MODE}",
        "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=128M", "--max-connections=1200",
        "--max-allowed-packet=64M", "--local-infile=1", "--default-time-zone=+00:00", *options,
    ]  # fmt: skip
    run = functools.partial(
        subprocess.Popen, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    server = Server("mariadb", port, run(), directory, run, _answers, host=host)
    return server.wait_ready()


def _answers(server: Server) -> bool:
    try:
        server.connect().close()
    except pymysql.MySQLError:
        return False
    return True


def _unprivileged_user() -> str | None:
    """mariadbd refuses to run as root; whom to run it as then."""
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NotAvailable("running as root and there is no user mysql or nobody to run MariaDB as")


def _make_data(data: Path, user: str | None) -> None:
    install = shutil.which("mariadb-install-db", path=_PATH)
    assert install is not None
    command = [
        install, "--no-defaults", *([f"--user={user}"] if user else []), f"--datadir={data}",
        "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": _PATH}, check=False)
    if done.returncode:
        raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
