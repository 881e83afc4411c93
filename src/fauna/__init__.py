"""FaunaDB: a MySQL-compatible SQL database in one Python package.

    from fauna import database                # the SDK: a server, or embedded in this process
    import fauna; fauna.connect(path="./d")   # the same as a PEP 249 module

The public names are those of `__all__`; everything else is inside.  They are imported when first used, so that
`import fauna.errors` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fauna.client import database as database
    from fauna.client.dbapi import (
        BINARY as BINARY,
    )
    from fauna.client.dbapi import (
        DATETIME as DATETIME,
    )
    from fauna.client.dbapi import (
        NUMBER as NUMBER,
    )
    from fauna.client.dbapi import (
        ROWID as ROWID,
    )
    from fauna.client.dbapi import (
        STRING as STRING,
    )
    from fauna.client.dbapi import (
        Binary as Binary,
    )
    from fauna.client.dbapi import (
        Connection as Connection,
    )
    from fauna.client.dbapi import (
        Cursor as Cursor,
    )
    from fauna.client.dbapi import (
        Date as Date,
    )
    from fauna.client.dbapi import (
        DateFromTicks as DateFromTicks,
    )
    from fauna.client.dbapi import (
        Time as Time,
    )
    from fauna.client.dbapi import (
        TimeFromTicks as TimeFromTicks,
    )
    from fauna.client.dbapi import (
        Timestamp as Timestamp,
    )
    from fauna.client.dbapi import (
        TimestampFromTicks as TimestampFromTicks,
    )
    from fauna.client.dbapi import (
        apilevel as apilevel,
    )
    from fauna.client.dbapi import (
        connect as connect,
    )
    from fauna.client.dbapi import (
        paramstyle as paramstyle,
    )
    from fauna.client.dbapi import (
        threadsafety as threadsafety,
    )
    from fauna.client.exceptions import (
        DatabaseError as DatabaseError,
    )
    from fauna.client.exceptions import (
        DataError as DataError,
    )
    from fauna.client.exceptions import (
        Error as Error,
    )
    from fauna.client.exceptions import (
        IntegrityError as IntegrityError,
    )
    from fauna.client.exceptions import (
        InterfaceError as InterfaceError,
    )
    from fauna.client.exceptions import (
        InternalError as InternalError,
    )
    from fauna.client.exceptions import (
        NotSupportedError as NotSupportedError,
    )
    from fauna.client.exceptions import (
        OperationalError as OperationalError,
    )
    from fauna.client.exceptions import (
        ProgrammingError as ProgrammingError,
    )
    from fauna.client.exceptions import (
        Warning as Warning,
    )

_DBAPI: Final = (
    "apilevel", "connect", "paramstyle", "threadsafety", "Connection", "Cursor",
    "BINARY", "DATETIME", "NUMBER", "ROWID", "STRING", "Binary", "Date", "DateFromTicks", "Time", "TimeFromTicks",
    "Timestamp", "TimestampFromTicks",
)  # fmt: skip
_EXCEPTIONS: Final = (
    "DataError", "DatabaseError", "Error", "IntegrityError", "InterfaceError", "InternalError", "NotSupportedError",
    "OperationalError", "ProgrammingError", "Warning",
)  # fmt: skip
_HOMES: Final = dict.fromkeys(_DBAPI, "fauna.client.dbapi") | dict.fromkeys(_EXCEPTIONS, "fauna.client.exceptions")

__all__ = ["__version__", "database", *_DBAPI, *_EXCEPTIONS]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "database":
        return importlib.import_module("fauna.client.database")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fauna' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
