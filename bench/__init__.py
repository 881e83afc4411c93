"""`make bench`: FaunaDB beside MariaDB, and several shards beside MariaDB Spider, on this machine, in the same run.

What it is for: ratios.  Machines are noisy and differ; what one server does compared with another, one after the other on
the same machine with the same durability, is what can be trusted.
What it is not for: absolute figures, or comparing runs on different days.

  sysbench   Debian's sysbench drives both servers, each alone, both flushing at each commit
  loops      in one Python process: PyMySQL on MariaDB, `fauna` embedded, and raw SQLite, the same statements
  shards     1,000,000 rows over four shards, over two Spider data servers and on one shard: GROUP BY, JOIN, transactions
  chain      commits with the chain and without; how large it is; opening, AS OF, verify, restore with 1,000,000 blocks
  report     one table, a JSON file and a plot under bench/results/

    python -m bench --time 10 --threads 1,8,32 --tests oltp_point_select,oltp_write_only
    python -m bench --quick                     a minute, to see whether something broke
    python -m bench --shards-only               several shards alone, five or six minutes; --no-shards leaves them out
    python -m bench --chain-only                the chain alone, about ten minutes; --no-chain leaves it out
    python -m bench --write-docs                also docs/benchmarks.md
"""
