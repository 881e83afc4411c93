"""SET STATEMENT a = 1, b = 2 FOR query: the settings hold while the query runs, whose plan is kept as that of any other.

A text's shape (see `sql.shape`) says which settings it has but for their values, which are among its literals.  The plan is
kept under the shape and the scope that the settings make.  That may be the session's own, so the shape gets a name under which
nobody looks who has not set them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from fauna.sql import ast
from fauna.sql.parse import Parsed, parse_full
from fauna.sql.replaced import replaced
from fauna.sql.shape import Lifted, LiteralValue

if TYPE_CHECKING:
    from fauna.session.session import Session

Settings = tuple[ast.SetSystemVariable, ...]
_SHAPE: Final = "FOR "  # no statement begins with it


def settings_of(session: Session, lifted: Lifted) -> Settings | None:
    """What a text sets; None: it is no SET STATEMENT … FOR a query, or one whose plan is not kept."""
    flags, plans = session.flags_now(), session.node.plans
    key = (lifted.shape, flags)
    if key not in plans.settings:
        plans.keep_settings(key, _kept(parse_full(lifted.text, flags, markers=False)))
    found = plans.settings.get(key)
    return None if found is None else tuple([_with_literals(item, lifted.literals) for item in found])


def shape_for(lifted: Lifted) -> Lifted:
    """Under which the plan of the query is kept."""
    return lifted._replace(shape=_SHAPE + lifted.shape)


def _kept(parsed: Parsed) -> Settings | None:
    statement = parsed.statement
    if not isinstance(statement, ast.SetForStatement) or not isinstance(statement.statement, ast.QueryStatement):
        return None
    # Another text of this shape may have another number where a type's length is; with another sql_mode it is read otherwise.
    shaped = any(number < statement.literals for number in parsed.structural)
    return None if shaped or any(item.name.lower() == "sql_mode" for item in statement.settings) else statement.settings


def _with_literals(item: ast.SetSystemVariable, literals: tuple[LiteralValue, ...]) -> ast.SetSystemVariable:
    def of_this_text(node: object) -> object | None:
        return replace(node, value=literals[node.index]) if isinstance(node, ast.Literal) and node.index is not None else None

    value = item.value
    return item if value is None else replace(item, value=cast(ast.Expr, replaced(value, of_this_text)))
