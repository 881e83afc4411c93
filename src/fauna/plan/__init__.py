"""Plans: what to run on a shard for one statement shape, ready to run again with other arguments.

For: plain values that `execute` carries out.  Not for: deciding types (`sql.bind`) or touching a shard.  A plan holds no
argument values; parameters are described by `ParamSource`s and computed for each run by `parameters`.
"""
