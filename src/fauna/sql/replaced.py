"""A syntax tree with other nodes in some places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace


def replaced(node: object, change: Callable[[object], object | None]) -> object:
    """The tree with what `change` gives in the place of a node; None: the node stays, and those inside of it are asked about."""
    found = change(node)
    if found is not None:
        return found
    if isinstance(node, tuple):
        return tuple([replaced(item, change) for item in node])
    if is_dataclass(node) and not isinstance(node, type):
        changes = {}
        for each in fields(node):
            before = getattr(node, each.name)
            if isinstance(before, tuple) or is_dataclass(before):
                after = replaced(before, change)
                if after != before:
                    changes[each.name] = after
        return replace(node, **changes) if changes else node
    return node
