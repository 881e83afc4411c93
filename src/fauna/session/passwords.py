"""SET PASSWORD and ALTER USER … IDENTIFIED: a new password for an account that exists; and keeping passwords unseen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fauna.errors import error
from fauna.session.result import Result
from fauna.sql import ast

if TYPE_CHECKING:
    from fauna.session.session import Session

_TELLS_PASSWORD: Final = re.compile(r"\b(?:IDENTIFIED|PASSWORD)\b", re.I)
_STRING: Final = re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.|\"\")*(?:\"|\Z)", re.S)


def change_password(session: Session, statement: ast.SetPassword) -> Result:
    """Durable on return; open sessions of the account go on.  Commits the open transaction, as MariaDB does."""
    session.transactions.must_be_ordinary()
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    if statement.user is None:
        user, host = session.user, session.host
    else:
        user, host = statement.user, statement.host or "%"
    account = session.node.account(user, host)
    if account is None or (statement.user is not None and account.host != host):
        raise error("PASSWORD_NO_MATCH")
    if not statement.password:
        raise error("NOT_VALID_PASSWORD")
    ticket = session.transactions.commit()
    if ticket is not None:
        ticket.wait()
    session.node.change_password(
        account, statement.password, plugin=statement.plugin, stored=statement.hashed, either_way=statement.either_way
    )
    return session.done()


def without_passwords(text: str) -> str:
    """Statement text as others may see it: strings of a statement that may tell a password are left out."""
    return _STRING.sub("'<secret>'", text) if _TELLS_PASSWORD.search(text) else text
