"""Change streams: what has been committed, row by row, in the order of the commits.

What it is for: turning the shards' chains into one sequence of events in Debezium's envelope, from any position, for as long as
somebody reads.  `CALL fauna.changes`, `faunadb changes`, `db.changes` and HTTPS all read from here.
What it is not for: keeping anything.  The chain is the log; a consumer keeps its position.

    reader.py        `ChangeSource`, `ChangeReader`: the chains merged, from a position, in bounded work    (read this first)
    transaction.py   the events of one transaction, from its blocks
    netting.py       rows that a transaction has removed in one place and put in another
    definitions.py   what tables there are at a block, and in which order their columns are stored
    event.py         an event as JSON
    json_values.py   stored values as JSON
    position.py      a place in the stream, as text
    chain_rows.py    the same chains as rows of the tables fauna.blocks, fauna.changes and fauna.transactions
    row_history.py   the versions of one row

Invariants
  - An event is given out once its commit is durable, and no earlier commit can still come: what was given is the same and in the
    same order whenever it is read again.
  - Whoever applies the events in order, a transaction at a time, has the rows of the tables exactly, also after DDL.
  - No transaction is open on a shard's file between two calls; a reader never keeps a writer waiting or the log from being reset.
  - Memory: one batch, and one part of a block (about 1 MiB) for each shard.  What has to be netted goes to a temporary file.
"""
