"""Which rows are whose now: asked when a transaction commits that has placed rows by an older map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Catalog, Table
from fauna.session.result import Row
from fauna.sql.bind.place import shard_of, spread_tables

KeyQuery = tuple[str, Callable[[Row], int]]


class CatalogHomes:
    """Implements `shard.Homes` for the catalog as it is."""

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog: Final = catalog
        self._known: tuple[Catalog, dict[str, KeyQuery]] | None = None
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def moved(self) -> None:
        """The catalog has another slot map now."""
        self._version += 1

    def key_query(self, table: str) -> KeyQuery | None:
        catalog, known = self._catalog(), self._known
        if known is None or known[0] is not catalog:
            known = self._known = (catalog, {each.physical: _key_query(catalog, each) for each in spread_tables(catalog)})
        return known[1].get(table)


def _key_query(catalog: Catalog, table: Table) -> KeyQuery:
    placement = placement_of(table)
    names = ", ".join([column.physical for column in placement.columns]) or "_rowid_"
    return f"SELECT {names} FROM {table.physical} WHERE _rowid_ = ?1", shard_of(catalog, placement)
