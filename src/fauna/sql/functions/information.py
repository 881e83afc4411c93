"""What a session can ask about itself and the server; SLEEP and the named locks."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from typing import Any, Final

from fauna.catalog.types import Kind, SqlType
from fauna.errors import error
from fauna.session.result import MustMove
from fauna.sql.context import current
from fauna.sql.functions.registry import Arg, Function, TypeRule, register
from fauna.sql.functions.results import BLOB_WIDTH, bigint_type, bytes_of, fixed, string_type, text_of
from fauna.sql.functions.user_locks import LOCKS, POLL_S

_FLAG: Final = fixed(SqlType(Kind.INT, 1))
_USER_CHARS: Final = 384


def _system_text(chars: int) -> TypeRule:
    """What the server says of itself is in its own character set."""
    return fixed(string_type(chars, "utf8mb3_general_ci"))


def _session(name: str, value: str, rule: Any, *synonyms: str, nullable: bool = True) -> None:
    """A function without arguments whose value the session supplies."""
    register(
        Function(name, (), 0, 0, rule, lambda x: x, null_aware=True, nullable=nullable, deterministic=False, session=(value,)),
        *synonyms,
    )


_session("VERSION", "version", _system_text(26), nullable=False)
_session("DATABASE", "database", _system_text(64), "SCHEMA")
_session("USER", "user", _system_text(_USER_CHARS), "SESSION_USER", "SYSTEM_USER")
_session("CURRENT_USER", "current_user", _system_text(_USER_CHARS))
_session("CONNECTION_ID", "connection_id", fixed(SqlType(Kind.INT, 10, unsigned=True)), nullable=False)
_session("LAST_INSERT_ID", "last_insert_id", bigint_type(21, unsigned=True), nullable=False)
_session("ROW_COUNT", "row_count", bigint_type(21), nullable=False)
_session("FOUND_ROWS", "found_rows", bigint_type(21), nullable=False)
register(Function("CURRENT_ROLE", (), 0, 0, text_of(_USER_CHARS), lambda: None, deterministic=False))


def leave_the_event_loop() -> None:
    """Before a wait: on the server's event loop raise MustMove, so that the statement runs again in a worker thread.

    The planner should know from `Function.blocking`; this is what holds when it does not.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise MustMove


def wait_interruptibly(seconds: float) -> None:
    """Sleep; QUERY_INTERRUPTED when the statement is stopped meanwhile."""
    if seconds > 0:
        leave_the_event_loop()
    stopped = current().interrupted
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if stopped is not None and stopped():
            raise error("QUERY_INTERRUPTED")
        time.sleep(min(left, POLL_S))


def _sleep(seconds: float | None) -> int:
    if seconds is None or seconds < 0:
        current().warn("WRONG_ARGUMENTS", "sleep")
        return 0
    wait_interruptibly(seconds)
    return 0


def _lock_name(name: str) -> str:
    if not name or len(name) > 64:
        raise error("USER_LOCK_WRONG_NAME", name)
    return name


def _get_lock(name: str, timeout_s: float, connection_id: int) -> int:
    name = _lock_name(name)
    if LOCKS.acquire(name, connection_id, 0):
        return 1
    if timeout_s == 0:
        return 0
    leave_the_event_loop()
    return int(LOCKS.acquire(name, connection_id, timeout_s, current().interrupted))


def _is_free_lock(name: str) -> int:
    return int(LOCKS.owner(_lock_name(name)) is None)


register(Function("SLEEP", (Arg.REAL,), 1, 1, _FLAG, _sleep, null_aware=True, nullable=False, deterministic=False, blocking=True))
register(Function("BENCHMARK", (Arg.INTEGER, Arg.ANY), 2, 2, _FLAG, lambda *_: 0, nullable=False, deterministic=False))
register(
    Function(
        "GET_LOCK", (Arg.STRING, Arg.REAL), 2, 2, _FLAG, _get_lock, deterministic=False, session=("connection_id",), blocking=True
    )
)
register(
    Function(
        "RELEASE_LOCK",
        (Arg.STRING,),
        1,
        1,
        _FLAG,
        lambda name, me: LOCKS.release(_lock_name(name), me),
        deterministic=False,
        session=("connection_id",),
    )
)
register(Function("IS_FREE_LOCK", (Arg.STRING,), 1, 1, _FLAG, _is_free_lock, deterministic=False))
register(
    Function(
        "IS_USED_LOCK",
        (Arg.STRING,),
        1,
        1,
        fixed(SqlType(Kind.INT, 10, unsigned=True)),
        lambda name: LOCKS.owner(_lock_name(name)),
        deterministic=False,
    )
)
register(
    Function(
        "RELEASE_ALL_LOCKS",
        (),
        0,
        0,
        fixed(SqlType(Kind.INT, 11, unsigned=True)),
        LOCKS.release_all,
        nullable=False,
        deterministic=False,
        session=("connection_id",),
    )
)

# --- identifiers ------------------------------------------------------------------------------------------------

_short_next = (1 << 56) + (int(time.time()) << 24) + secrets.randbelow(1 << 16)


def _uuid_short() -> int:
    global _short_next
    _short_next += 1
    return _short_next


def _swapped(data: bytes) -> bytes:
    return data[6:8] + data[4:6] + data[0:4] + data[8:]


def _unswapped(data: bytes) -> bytes:
    return data[4:8] + data[2:4] + data[0:2] + data[8:]


def _uuid_to_bin(text: str, *swap: int) -> bytes:
    try:
        data = uuid.UUID(text).bytes
    except ValueError:
        raise error("TRUNCATED_WRONG_VALUE_FOR_TYPE", "string", text, "uuid_to_bin") from None
    return _swapped(data) if swap and swap[0] else data


def _bin_to_uuid(data: bytes, *swap: int) -> str:
    if len(data) != 16:
        raise error("TRUNCATED_WRONG_VALUE_FOR_TYPE", "string", data.hex().upper(), "bin_to_uuid")
    return str(uuid.UUID(bytes=_unswapped(data) if swap and swap[0] else data))


def _is_uuid(text: str) -> int:
    try:
        uuid.UUID(text)
    except ValueError:
        return 0
    return int(len(text) in (32, 36, 38))


register(
    Function(
        "UUID",
        (),
        0,
        0,
        fixed(SqlType(Kind.CHAR, 36)),
        lambda: str(uuid.uuid1()),
        nullable=False,
        deterministic=False,
    )
)
register(Function("SYS_GUID", (), 0, 0, text_of(32), lambda: uuid.uuid1().hex, nullable=False, deterministic=False))
register(Function("UUID_SHORT", (), 0, 0, bigint_type(21, unsigned=True), _uuid_short, nullable=False, deterministic=False))
register(Function("UUID_TO_BIN", (Arg.STRING, Arg.INTEGER), 1, 2, bytes_of(16), _uuid_to_bin))
register(Function("BIN_TO_UUID", (Arg.BYTES, Arg.INTEGER), 1, 2, text_of(36), _bin_to_uuid))
register(Function("IS_UUID", (Arg.STRING,), 1, 1, _FLAG, _is_uuid))
register(Function("LOAD_FILE", (Arg.STRING,), 1, 1, bytes_of(BLOB_WIDTH), lambda _name: None, deterministic=False))
