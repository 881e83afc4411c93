"""Binding: names resolved against the catalog, every expression given its MySQL type.

For: turning `sql.ast` into `sql.typed`.  Not for: choosing shards, reading rows, knowing the session: all that
binding may look at is in `BindContext`, a plain value.

Invariants:
- Whatever looks at the value of a lifted literal pins it (`BindContext.pin`); a plan serves another text of the same
  shape only when all pinned literals are equal.
- Operands reach an operator already in one comparable form, so that SQLite never applies its own affinity rules.
- The SQLite text of an operator is chosen here, where the types are known; the emitter only puts texts together.

Reading order: scope, merge, coerce, operators, expressions, query, dml.
"""
