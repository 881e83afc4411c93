"""Verification: is everything that is stored what was sealed?

What it is for: checking the files of a data directory against their chains, at rest (`faunadb verify`) or while a server goes on
writing (`CALL fauna.verify`), and naming what differs: shard, block, table, row.
What it is not for: proofs for outsiders, and checkpoints (chain); repairing.

Invariants
  - Nothing in the data directory is changed, and nobody who writes is kept waiting.
  - Memory is bounded, however long the chain is and however large the tables are.
  - What is told is so: whatever a crash, a checkpoint of the log, or a server that goes on can leave behind is no finding.

Known limits: a chain that was rewritten from some block to its end, with the rows that follow from it, is consistent in itself,
and so is one whose end was cut off: only a checkpoint that somebody has kept tells.  What no block seals cannot be compared:
statistics of ANALYZE; definition_script, the records of prepared transactions and the rows of coordinator.db have a digest of
their own, and decisions must fit the shards.
"""
