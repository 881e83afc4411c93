"""One client's session: variables, transaction state, prepared statements; `execute()` reads like a table of contents.

For: turning a statement's text and arguments into a `Result`.  Not for: bytes (wire), choosing SQLite text (sql), holding
locks (txn, shard).  Reading order: `session` first, then `variables`, `statements`, `transactions`, `administration`.

Invariants
- Synchronous.  `MustWait` and `MustMove` leave the session as it was: the caller makes the same call again.
- Everything a plan depends on is in `SessionScope` and the catalog's version; a plan is looked up under both.
- After an error the session goes on; a failed statement has undone what it did.
"""
