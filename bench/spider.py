"""MariaDB Spider over private data servers, as Debian's packages have it: what several shards are compared with.

A head, whose Spider tables hold no rows, and data servers, each with its part of every table in InnoDB.  All run as the
servers of the tests do: unprivileged, in temporary directories, on loopback and free ports, stopped by their own process ids.

Each data server has a loopback address of its own: Spider notes the branches of its internal XA by host name, so that two on one
host are one to it, and the transaction fails with error 12606.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.servers import NotAvailable, Server, mariadb

BUFFER_POOL = "--innodb-buffer-pool-size=512M"


@dataclass(frozen=True)
class Spider:
    """`head` is whom clients talk to."""

    head: Server
    data: Sequence[Server]

    def make_database(self, name: str) -> None:
        for server in (*self.data, self.head):
            server.query(f"CREATE DATABASE {name}")
        for number, server in enumerate(self.data):
            self.head.query(
                f"CREATE SERVER {name}_{number} FOREIGN DATA WRAPPER mysql OPTIONS (HOST '{server.host}', PORT {server.port}, "
                f"USER '{server.user}', PASSWORD '{server.password}', DATABASE '{name}')"
            )

    def make_table(self, database: str, table: str, body: str, key: str) -> None:
        """A table of columns and keys `body`, its rows spread by the integer column `key`: a row is on data server `key` modulo
        the number of them."""
        for server in self.data:
            server.query(f"CREATE TABLE {database}.{table} ({body}) ENGINE=InnoDB")
        parts = ", ".join(f'PARTITION p{n} COMMENT = \'srv "{database}_{n}", table "{table}"\'' for n in range(len(self.data)))
        self.head.query(
            f"CREATE TABLE {database}.{table} ({body}) ENGINE=SPIDER COMMENT = 'wrapper \"mysql\"' "
            f"PARTITION BY HASH ({key}) ({parts})"
        )

    def cpu_s(self) -> float:
        """CPU time that all of them have used so far."""
        return self.head.cpu_s() + sum(server.cpu_s() for server in self.data)


@contextlib.contextmanager
def start(shards: int, *options: str) -> Iterator[Spider]:
    """A head with `options` and so many data servers.  NotAvailable when the plugin is not installed."""
    with contextlib.ExitStack() as running:
        head = running.enter_context(mariadb.start("--plugin-load-add=ha_spider", *options))
        if not head.query("SELECT 1 FROM information_schema.engines WHERE engine = 'SPIDER' AND support = 'YES'"):
            raise NotAvailable("Spider is not installed (Debian: mariadb-plugin-spider)")
        data = [running.enter_context(mariadb.start(BUFFER_POOL, host=f"127.0.0.{n + 2}")) for n in range(shards)]
        yield Spider(head, data)
