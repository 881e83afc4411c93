"""Names in sight: the row sources of a SELECT, its aliases, and the scopes around it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fauna.errors import error
from fauna.sql.typed import ColumnRef, Typed


@dataclass(slots=True)
class ScopeSource:
    """name: table name or alias as the user writes it; columns in order, by the names the user sees."""

    name: str
    schema: str
    alias: str
    columns: list[tuple[str, Typed]]
    hidden: set[str] = field(default_factory=set)  # lower-case names shown by a USING/NATURAL partner instead
    invisible: set[str] = field(default_factory=set)

    def find(self, column: str) -> Typed | None:
        wanted = column.lower()
        for name, node in self.columns:
            if name.lower() == wanted:
                return node
        return None


@dataclass(slots=True)
class Scope:
    """parent: the scope of the statement around a subquery.  merged: columns that USING or NATURAL made one."""

    sources: list[ScopeSource] = field(default_factory=list)
    parent: Scope | None = None
    merged: dict[str, Typed] = field(default_factory=dict)
    clause: str = "SELECT"

    def add(self, source: ScopeSource) -> None:
        for other in self.sources:
            if (
                other.name == source.name
                and (other.schema == source.schema or not source.schema or not other.schema)
                and source.name
            ):
                raise error("NONUNIQ_TABLE", source.name)
        self.sources.append(source)

    def lookup_here(self, parts: tuple[str, ...]) -> Typed | None:
        """The column named by `parts` in this scope alone; error 1052 when several match."""
        if len(parts) == 1:
            merged = self.merged.get(parts[0].lower())
            if merged is not None:
                return merged
        found: list[Typed] = []
        for source in self.sources:
            if len(parts) >= 2 and source.name != parts[-2]:
                continue
            if len(parts) == 3 and source.schema != parts[0]:
                continue
            if len(parts) == 1 and parts[0].lower() in source.hidden:
                continue
            node = source.find(parts[-1])
            if node is not None:
                found.append(node)
        if len(found) > 1:
            raise error("NON_UNIQ", ".".join(parts), clause_name(self.clause))
        return found[0] if found else None

    def resolve(self, parts: tuple[str, ...]) -> Typed:
        """The column in this scope or the nearest one around it; error 1054 when there is none."""
        scope: Scope | None = self
        while scope is not None:
            node = scope.lookup_here(parts)
            if node is not None:
                return node if scope is self else _as_outer(node)
            scope = scope.parent
        raise error("BAD_FIELD", ".".join(parts), clause_name(self.clause))


def clause_name(clause: str) -> str:
    """The clause in the words of MariaDB's errors."""
    return {
        "GROUP": "GROUP BY", "ORDER": "ORDER BY", "VALUES": "VALUES",
    }.get(clause, clause)


def _as_outer(node: Typed) -> Typed:
    return replace(node, outer=True) if isinstance(node, ColumnRef) else node
