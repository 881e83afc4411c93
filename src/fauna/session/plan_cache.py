"""Finished plans by statement shape, shared by all sessions; bounded, oldest out first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from fauna.plan.plan import CachedPlan, Plan
from fauna.sql import ast

VARIANTS_MAX: Final = 16  # plans of one shape that differ in their pinned literals
SCOPES_MAX: Final = 4096


class PlanCache:
    """Used by one thread at a time under the GIL's atomic dictionary operations; a lost entry is only bound again."""

    def __init__(self, plans_max: int) -> None:
        self._plans_max = plans_max
        self._plans: dict[tuple[str, int], list[CachedPlan]] = {}
        self._past: dict[tuple[str, int], list[CachedPlan]] = {}  # of statements that name times
        self.settings: dict[tuple[str, int], tuple[ast.SetSystemVariable, ...] | None] = {}
        """Of SET STATEMENT … FOR, by shape and the parser's flags; None: of a text that is something else."""
        self._scopes: dict[Hashable, int] = {}
        self._next_scope = 1

    def scope_key(self, scope: Hashable) -> int:
        """A small number for a scope; equal scopes share it."""
        key = self._scopes.get(scope)
        if key is None:
            if len(self._scopes) >= SCOPES_MAX:
                self._scopes.clear()
                self._plans.clear()
                self._past.clear()
            key = self._next_scope
            self._next_scope += 1
            self._scopes[scope] = key
        return key

    def find(self, shape: str, scope: int, literals: Sequence[object]) -> Plan | None:
        """The plan that serves a text of this shape with these literals."""
        variants = self._plans.get((shape, scope))
        if variants is not None:
            for cached in variants:
                if not cached.pinned or cached.serves(literals):
                    return cached.plan
        return None

    def find_past(self, shape: str, scope: int) -> Sequence[CachedPlan]:
        """The plans of a shape that names times: which of them serves a text depends on those, too."""
        return tuple(self._past.get((shape, scope), ()))

    def serves(self, shape: str, scope: int, plan: Plan, literals: Sequence[object]) -> bool:
        """Whether `plan` also serves these literals; a plan that is not kept serves only its own."""
        for cached in self._plans.get((shape, scope), ()):
            if cached.plan is plan:
                return cached.serves(literals)
        return False

    def keep_settings(self, key: tuple[str, int], settings: tuple[ast.SetSystemVariable, ...] | None) -> None:
        if len(self.settings) >= self._plans_max:
            self.settings.pop(next(iter(self.settings)), None)
        self.settings[key] = settings

    def add(self, shape: str, scope: int, cached: CachedPlan) -> None:
        plans = self._past if cached.moments else self._plans
        if len(plans) >= self._plans_max:
            plans.pop(next(iter(plans)), None)
        variants = plans.setdefault((shape, scope), [])
        variants[:] = [v for v in variants if v.key != cached.key][-(VARIANTS_MAX - 1) :]
        variants.append(cached)
