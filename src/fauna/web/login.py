"""Who sends a request: HTTP Basic (RFC 7617) over TLS, with the accounts of the MySQL port."""

from __future__ import annotations

import asyncio
import base64
import binascii
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from fauna.errors import error
from fauna.web.messages import HttpError, Request
from fauna.wire.auth import Authenticator

VERIFY_THREADS: Final = 1  # password hashing is CPU: more threads would only take the loop's turn
WAITING_MAX: Final = 32  # logins whose password is still to be hashed
_CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="FaunaDB", charset="UTF-8"')


class Logins:
    """Checks the credentials of requests.  A password that was right before costs no hashing and no thread."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, "fauna-web-auth")
        self._waiting = 0

    async def user(self, request: Request) -> str:
        """The user who sent `request`.  HttpError 401 for wrong or no credentials, 503 when too many wait to be checked."""
        credentials = read_credentials(request.headers.get("authorization", ""))
        if credentials is None:
            raise _denied("", request.peer_host, "NO")
        user, password = credentials
        if self._authenticator.remembers(user, request.peer_host, password):
            return user
        if self._waiting >= WAITING_MAX:
            raise HttpError(503, error("CON_COUNT"), ("Retry-After", "1"))
        self._waiting += 1
        check = partial(self._authenticator.verify_clear, user, request.peer_host, password)
        verdict = asyncio.get_running_loop().run_in_executor(self._threads, check)
        verdict.add_done_callback(self._checked)
        if not await verdict:
            raise _denied(user, request.peer_host, "YES" if password else "NO")
        return user

    def _checked(self, _: asyncio.Future[bool]) -> None:
        self._waiting -= 1

    def close(self) -> None:
        """Wait for the checks that run.  Blocks."""
        self._threads.shutdown(cancel_futures=True)


def read_credentials(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None when it is not a readable Basic one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _denied(user: str, host: str, password_sent: str) -> HttpError:
    """The same whether the user exists or not."""
    return HttpError(401, error("ACCESS_DENIED", user, host, password_sent), _CHALLENGE)
