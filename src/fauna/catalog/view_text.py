"""The SELECT of a view as it is kept: what `*` means, which table a column is of and which database a table is in are
settled when the view is made, as MySQL does, so that later changes of the tables do not change what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace

from fauna.catalog.expressions import walk
from fauna.catalog.types import SqlType
from fauna.sql import ast

SelectColumns = Callable[[ast.Query], Sequence[tuple[str, SqlType, bool]]]


def settled(query: ast.Query, select_columns: SelectColumns, schema: str | None) -> ast.Query:
    """The query with its stars spelled out and columns told their tables.  schema: what tables without a database get;
    None: nothing."""
    query = _settled(query, select_columns)
    if schema is None:
        return query
    ctes = {node.name.lower() for node in walk(query) if isinstance(node, ast.Cte)}

    def place(node: object) -> object:
        if isinstance(node, ast.NamedTable) and node.table.schema is None and node.table.name.lower() not in ctes:
            alias = node.alias or node.table.name
            return replace(node, table=ast.TableName(node.table.name, schema), alias=alias)
        return node

    placed = _transform(query, place)
    assert isinstance(placed, ast.Query)
    return placed


def with_names(query: ast.Query, names: Sequence[str]) -> ast.Query | None:
    """The query with its columns called `names`; None when they cannot be given in its text."""
    if isinstance(query, ast.SetOperation):
        left = with_names(query.left, names)
        return replace(query, left=left) if left is not None else None
    if not isinstance(query, ast.Select) or any(isinstance(item.expr, ast.Star) for item in query.items):
        return None
    if len(names) != len(query.items):
        return None
    items = tuple(replace(item, alias=name) for item, name in zip(query.items, names, strict=True))
    return replace(query, items=items)


def _settled(query: ast.Query, select_columns: SelectColumns) -> ast.Query:
    if isinstance(query, ast.SetOperation):
        # The sides of a set operation may use the WITH of the whole, so columns cannot be asked of them alone.
        if query.with_ is not None:
            return query
        return replace(query, left=_settled(query.left, select_columns), right=_settled(query.right, select_columns))
    if not isinstance(query, ast.Select) or query.source is None:
        return query
    sources = _sources(query.source)
    if sources is None:
        return query
    known = {
        alias: [name for name, _, _ in select_columns(_star_of(query, alias))] for alias in sources
    }
    merged = _merges(query.source)
    items: list[ast.SelectItem] = []
    for item in query.items:
        if merged and isinstance(item.expr, ast.Star) and not item.expr.parts:
            everything = replace(query, items=(item,), where=None, group_by=(), having=None, order_by=(), limit=None)
            names = [name for name, _, _ in select_columns(everything)]
            items += [ast.SelectItem(ast.Name((name,)), name, name) for name in names]
        else:
            items += _items(item, known)
    changed = replace(query, items=tuple(items))
    aliases = {item.alias.lower() for item in query.items if item.alias is not None}
    return _qualified(changed, known, aliases)


def _sources(ref: ast.TableRef) -> list[str] | None:
    """The names that FROM's items go by, in order; None when one has no name or two have the same."""
    if isinstance(ref, ast.NamedTable):
        return [ref.alias or ref.table.name]
    if isinstance(ref, ast.DerivedTable):
        return [ref.alias] if ref.alias is not None else None
    if isinstance(ref, ast.Join):
        left, right = _sources(ref.left), _sources(ref.right)
        if left is not None and right is not None and len({*left, *right}) == len(left) + len(right):
            return left + right
    return None


def _merges(ref: ast.TableRef) -> bool:
    """Whether NATURAL or USING makes one column of two."""
    return isinstance(ref, ast.Join) and (ref.natural or bool(ref.using) or _merges(ref.left) or _merges(ref.right))


def _star_of(query: ast.Select, alias: str) -> ast.Select:
    return ast.Select((ast.SelectItem(ast.Star((alias,)), None, "*"),), query.source, with_=query.with_)


def _items(item: ast.SelectItem, known: dict[str, list[str]]) -> list[ast.SelectItem]:
    if not isinstance(item.expr, ast.Star):
        return [item]
    wanted = item.expr.parts[-1].lower() if item.expr.parts else None
    return [
        ast.SelectItem(ast.Name((alias, name)), name, name)
        for alias, names in known.items() if wanted is None or alias.lower() == wanted
        for name in names
    ]


def _qualified(query: ast.Select, known: dict[str, list[str]], aliases: set[str]) -> ast.Select:
    """Bare columns with the one source they can be of; subqueries, and names that may be aliases, are left alone."""
    homes: dict[str, list[tuple[str, str]]] = {}
    for alias, names in known.items():
        for name in names:
            homes.setdefault(name.lower(), []).append((alias, name))

    def qualify(node: object) -> object:
        if isinstance(node, ast.Name) and len(node.parts) == 1:
            found = homes.get(node.parts[0].lower(), [])
            return ast.Name(found[0]) if len(found) == 1 else node
        return node

    def in_expr(node: object) -> object:
        return _transform(node, qualify, stop=ast.Query)

    def in_source(ref: ast.TableRef) -> ast.TableRef:
        if not isinstance(ref, ast.Join):
            return ref
        on = in_expr(ref.on) if ref.on is not None else None
        assert on is None or isinstance(on, ast.Expr)
        return replace(ref, left=in_source(ref.left), right=in_source(ref.right), on=on)

    items = tuple(
        item if isinstance(item.expr, ast.Star)
        else ast.SelectItem(in_expr(item.expr), item.alias or item.text, item.text)  # type: ignore[arg-type]
        for item in query.items
    )
    where = in_expr(query.where) if query.where is not None else None
    group_by = query.group_by if aliases else in_expr(query.group_by)
    assert query.source is not None
    return replace(query, items=items, where=where, group_by=group_by, source=in_source(query.source))  # type: ignore[arg-type]


def _transform(node: object, change: Callable[[object], object], stop: type | None = None) -> object:
    if stop is not None and isinstance(node, stop):
        return node
    if isinstance(node, tuple):
        return tuple(_transform(item, change, stop) for item in node)
    if is_dataclass(node) and not isinstance(node, type):
        changes = {}
        for each in fields(node):
            before = getattr(node, each.name)
            after = _transform(before, change, stop)
            if after is not before and after != before:
                changes[each.name] = after
        node = replace(node, **changes) if changes else node
    return change(node)
