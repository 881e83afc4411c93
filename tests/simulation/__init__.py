"""Transactions over shards on a model of shards and coordinator, with a seed: messages late or lost, time-outs, crashes between any two
actions.  What runs is the product's own `step` and `recover`.

    python -m tests.simulation --seed N      the story of one seed, line by line
    python -m tests.simulation --seeds 10000
"""
