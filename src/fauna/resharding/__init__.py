"""Resharding: hash slots, with the rows that are on them, go to other shards while clients read and write.

For      `goal`        pure: which slots are to be where, and what is left to do
         `candidates`  which rows of a shard are on slots that are to leave it: read once, then kept up to date
         `mover`       the thread that moves slots, a few at a time, each time in one transaction over shards
         `new_shards`  the files of shards that are added
         `homes`       which rows are whose now, for transactions that began before a move
Not for  deciding where a row belongs (catalog.slot_map, catalog.shard_slots), or what a client is told (session).

Invariants
    - Where slots are and the rows on them change in one commit: after a crash both are as before or both as after.
    - The goal is on disk (coordinator) before anything moves, and is forgotten when it is reached: a start goes on with it.
    - What a move has locked it holds for one batch; it waits for nobody longer than LOCK_WAIT_S with anything locked.
    - A statement that has looked for rows by an older map is planned anew; a transaction that would write by one ends with 1213.

Known limits
    - The rows of one slot move together, however many they are.
    - When the first is to be alone no longer, transactions that are open then end with 1213.
    - Shards are added and filled, never taken away.
"""
