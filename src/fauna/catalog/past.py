"""What time travel reads: the catalogs of earlier times, and in which tables of a shard's history file the versions of rows are.

Times are microseconds since 1970, UTC: of the commit that made a version (`row_start`), and of the one that ended it
(`row_end`).  The history file of each shard is attached to its connections as the schema `hist`, and has a table for every layout
that one of the shard's tables has had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from fauna.catalog.schema import Catalog

SCHEMA: Final = "hist"
ROW_START: Final = "row_start"
ROW_END: Final = "row_end"


class Layout(Protocol):
    """One history table, there on every shard.

    table               its name
    columns             physical names: the columns of the table that are not VIRTUAL, and `_rowid` if it has that
    row_start, row_end  no version in it was valid before the one, or is from the other on; both are times of definitions
    """

    @property
    def table(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def row_start(self) -> int: ...
    @property
    def row_end(self) -> int: ...


class History(Protocol):
    """The past of a node.  Any thread may ask."""

    def now_us(self) -> int:
        """A time that everything committed so far is not later than."""
        ...

    def catalog_at(self, time_us: int) -> Catalog:
        """The catalog as of that time; with the version of the present one if nothing has been defined since.  SqlError for a
        time in the future or before the first block.  May wait, unless `is_ready`."""
        ...

    def layouts(self, table_id: int) -> Sequence[Layout]:
        """In the order of time."""
        ...

    def check_kept(self, table_id: int, time_us: int) -> None:
        """Error 1525, with the oldest time that is kept, when retention has removed what the table's rows were at that time.

        Rows are removed only after this has begun to fail: a query that asks again once its rows are open has all of them."""
        ...

    def is_ready(self, time_us: int) -> bool:
        """Whether `catch_up` would return at once, if only with an error."""
        ...

    def catch_up(self, time_us: int) -> None:
        """Return once the history files of all shards have all commits up to that time.  May wait.  SqlError as `catalog_at`."""
        ...
