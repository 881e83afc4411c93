"""Backup: a database in a directory of files, to which increments are added, and from which any moment is restored.

For: taking backups while clients write, archiving by itself, verifying, restoring; the files' format and their encryption.
Not for: how blocks are applied to a shard (the engine's `Replay`), SQL, the command line.

Invariants
  - A backup directory is what its manifest says, and the manifest is written last: whoever is killed leaves the backup before.
  - All shards are restored to one time of the hybrid logical clock, and with it to one instant; the chain comes back block by
    block as it was.
  - Nothing is held in memory but a chunk, or one block's changes up to a limit; larger ones go to a temporary file.
  - A restored directory has its name only when it is complete.

Known limits: the copy of a shard's file is made beside it first, which needs as much free space; transactions that are prepared
at the instant are not restored, nor is a reshard that was going on continued; small increments are not merged.
"""
