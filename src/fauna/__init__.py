"""FaunaDB: a MySQL-compatible SQL database in one Python package.

    from fauna import database                # the SDK: a server, or embedded in this process
    import fauna; fauna.connect(path="./d")   # the same as a PEP 249 module
    fauna.verify_proof("proof.json", "checkpoint.json")   # without any server

The public names are those of `__all__`; everything else is inside.  They are imported when first used, so that
`import fauna.errors` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

__version__ = "0.1.0"

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "ProofError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "VerifiedProof",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "database",
    "paramstyle",
    "threadsafety",
    "verify_consistency",
    "verify_proof",
]

if TYPE_CHECKING:
    from fauna.chain.consistency import verify_consistency
    from fauna.chain.document import ProofError
    from fauna.chain.proof import VerifiedProof, verify_proof
    from fauna.client import database
    from fauna.client.dbapi import (
        BINARY,
        DATETIME,
        NUMBER,
        ROWID,
        STRING,
        Binary,
        Connection,
        Cursor,
        Date,
        DateFromTicks,
        Time,
        TimeFromTicks,
        Timestamp,
        TimestampFromTicks,
        apilevel,
        connect,
        paramstyle,
        threadsafety,
    )
    from fauna.client.exceptions import (
        DatabaseError,
        DataError,
        Error,
        IntegrityError,
        InterfaceError,
        InternalError,
        NotSupportedError,
        OperationalError,
        ProgrammingError,
        Warning,  # noqa: A004 (PEP 249's name)
    )

_EXCEPTIONS: Final = "fauna.client.exceptions"
_DBAPI: Final = "fauna.client.dbapi"
_CHAIN: Final = {
    "ProofError": "fauna.chain.document",
    "VerifiedProof": "fauna.chain.proof",
    "verify_consistency": "fauna.chain.consistency",
    "verify_proof": "fauna.chain.proof",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fauna' has no attribute {name!r}")
    if name == "database":
        return importlib.import_module("fauna.client.database")
    is_exception = name.endswith("Error") or name == "Warning"
    module = _CHAIN.get(name) or (_EXCEPTIONS if is_exception else _DBAPI)
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
