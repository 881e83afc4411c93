"""The chain: every commit of a shard as a block, whatever the engine.

For: the canonical encoding of row changes and block headers, Merkle trees over them, what can be proved and verified from them.
Not for: where blocks are stored (the engine seals them in the transaction that they record), SQL, or who may read them.

Invariants: a block's bytes are a function of what was committed alone; each header holds the hash of the one before; nothing
here reads a clock, a file or a network except the modules whose name says so.

Proofs and checkpoints: docs/architecture/proofs.md.

Known limits: a transaction that changes more rows than fit in memory is recorded change by change, so one row may appear in its
block more than once; a smaller one says of each row what it was before and is after.
"""
