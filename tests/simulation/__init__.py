"""Transactions over shards, with a seed.  A seed that fails says how to replay it.

model    shards and coordinator are a model: messages late or lost, time-outs, crashes between any two actions.  What runs is
         the product's own `step` and `recover`.
engine   the product's own shards, coordinator, committer and transactions on real files, in one thread: the seed says which of
         them goes on, when the process is killed or the machine loses power, and what is left of what was not synced.

python -m tests.simulation --seed N                      the story of one seed, line by line
python -m tests.simulation --engine sqlite --seed N
python -m tests.simulation --engine sqlite --seeds 10000
"""
