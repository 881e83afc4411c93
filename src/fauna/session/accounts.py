"""The account store: users and their stored passwords, rows beside the catalog."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Final

from fauna.shard.shard import Shard, locked

CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS accounts (user TEXT NOT NULL, host TEXT NOT NULL, plugin TEXT NOT NULL, "
    "authentication_string TEXT NOT NULL, "
    "PRIMARY KEY (user, host)) STRICT, WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """authentication_string is MySQL's stored form for the plugin; never a password."""

    user: str
    host: str
    plugin: str
    authentication_string: str


class Accounts:
    """All accounts, in memory, loaded when the node opens."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        rows = shard.autocommit_query("SELECT user, host, plugin, authentication_string FROM accounts", (), inline=False)
        self._accounts = {(str(u), str(h)): StoredAccount(str(u), str(h), str(p), str(a)) for u, h, p, a in rows}

    def find(self, user: str, host: str) -> StoredAccount | None:
        """The account for a user connecting from `host`: an exact host before '%'."""
        return self._accounts.get((user, host)) or self._accounts.get((user, "%"))

    @property
    def names(self) -> list[tuple[str, str]]:
        return sorted(self._accounts)

    def save(self, account: StoredAccount) -> None:
        """Make or replace an account; durable on return."""
        branch = locked(self._shard)
        branch.write(
            "INSERT OR REPLACE INTO accounts(user, host, plugin, authentication_string) VALUES (?1, ?2, ?3, ?4)",
            (account.user, account.host, account.plugin, account.authentication_string),
        )
        branch.commit().wait()
        self._accounts[account.user, account.host] = account


def new_password() -> str:
    """A password for a first start: 20 letters and digits, about 119 bits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))
