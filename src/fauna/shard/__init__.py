"""One shard: rows in one engine, read at snapshots, written by one transaction at a time.

For      running engine SQL and stored values in transactions: isolation, locks, durability, recovery.
Not for  MySQL: nothing here parses or builds SQL, knows a column's MySQL type or a client.

    shard.py           the interface (`Shard`, `Branch`) that every engine keeps, and its values
    engine_errors.py   what the engine says went wrong, in neutral words
    engines/sqlite     the embedded engine

Invariants (tests/compliance/engine holds every engine to them)
    - A reader never waits: not for the write lock, not for a commit, not for a checkpoint.
    - A commit whose ticket is done survives the loss of the process; one whose ticket failed is never acknowledged.
    - A failed statement leaves no trace; the transaction goes on, or `Branch.is_open` says that it is gone.

Example
    branch = shard.begin(Isolation.REPEATABLE_READ, read_only=False, lock_wait_timeout_s=50)
    branch.write("UPDATE t1 SET c1 = c1 + 1 WHERE c0 = ?", (7,), match=None, inline=False)   # may raise MustWait
    branch.commit().wait()
"""
