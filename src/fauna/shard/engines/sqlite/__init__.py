"""The embedded engine: one SQLite file per shard, through apsw.

    data_directory.py   the directory: its lock, its checks, the file's format version
    settings.py         the engine's limits
    connection.py       opening connections; stopping statements (`Guard`)
    readers.py          the pool of readers, and results (`Rows`)
    history.py          what recent commits changed, and which snapshots are open
    group_commit.py     one sync of the write-ahead log for all that wait
    checkpoint.py       moving the log into the file, behind everybody's back
    writer.py           the one writing connection: what it changes, statement by statement
    write_set.py        what an open transaction has changed, so that it can be done again
    savepoints.py       what a transaction can go back to
    branch.py           a transaction
    mixed.py            a transaction whose snapshot had to stay behind
    prepared.py         two-phase commit's first phase, on disk
    shard.py            the shard: wires the above
    errors.py           apsw's exceptions in neutral words

Invariants
    - One connection writes, and only for the branch that holds the write lock.
    - A connection is used by one thread at a time.
    - No file descriptor of the database file itself is ever opened beside SQLite's: closing it would drop SQLite's locks.
"""
