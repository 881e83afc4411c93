"""Transactions: the write lock's queue and the rules by which snapshots move, mix or conflict.

For      deciding (`conflict`) and waiting (`locks`, `row_locks`): code without SQL, files or sockets.
Not for  running statements: that is `shard`, which asks this package what it may do.

Invariants
    - `conflict` is pure: values in, values out; the same question always has the same answer.
    - A ticket (`fauna.ticket`) is completed exactly once, and its callbacks run exactly once each, outside every lock.
    - The write lock is handed directly from its holder to the longest waiter: nobody polls, nobody overtakes.

Known limits
    - Row locks are of rows and values of unique keys, not of ranges.
    - Transactions over several shards (`spread`, `committer`, `two_phase`) are all of one process.
"""
