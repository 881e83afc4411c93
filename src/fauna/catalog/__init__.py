"""What exists: databases, tables, types, keys, views, sequences; and how DDL changes it.

For: the immutable snapshot that every statement is bound against (`schema`), the types and their stored values (`types`,
`values`, `charsets`), where rows are (`placement`, `shard_slots`, `slot_map`), planning DDL (`ddl.plan_ddl`: statement +
catalog -> next catalog + SQLite script), keeping the catalog in the shard's own file (`store`), and reading SQLite's
complaints back into MySQL's names (`violations`).

Not for: parsing, binding expressions, running anything.  What planning needs from the SQL layer above is handed in as
functions (`ddl_plan.DdlContext`); of that layer only the syntax tree's classes are known here.

Invariants
- A Catalog never changes; each DDL statement makes one with the next version.
- Physical names (t<id>, c<number>, i<id>_<n>, s<id>) are never used twice, so names change in the catalog alone.
- A plan's script and the rows of `store.save_statements` run in one transaction: a crash leaves all of it or nothing.
- Values that MySQL's comparison takes for equal have one hash slot, and a row's slot never changes.
- Foreign keys hold by the triggers of `foreign_keys`, which are made again whenever an id in them changes.

Known limits: FULLTEXT and SPATIAL keys, geometry and INET types are refused (1235); uniqueness of long columns is exact
rather than by hash; DROP TABLE of several tables drops all or none.
"""
