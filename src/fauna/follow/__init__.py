"""Followers: a second server that has the blocks of another, its source, and so all that the source has.

What it is for: both sides of it.  The source tells what is settled (`cut`), wakes who waits for more (`growth`), hands blocks
out (`fauna.session.block_procedures`) and its files (`file_copies`).  The follower fetches those first (`first_copy`), then asks
for blocks (`source`), keeps them until they are applied (`inbox`), applies them (`applier`) and goes on with that as long as it
runs (`follower`); `start` begins it.
What it is not for: checking a block and applying it to one shard; that is the engine's `replay`.

Invariants
  - What clients read on a follower is what they would have read on its source at some moment, over all shards.
  - A follower's chain is the source's, byte by byte.  Nothing else writes there.
  - A block that does not fit is not applied, nor is anything after it.

Known limits: retention at the source does not wait for a follower; one that was away for too long begins anew.
"""
