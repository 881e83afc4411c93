"""What all nodes agree on: topology, leases, decisions of cross-shard transactions.

For      values that must be the same for everybody and survive everybody.
Not for  rows, and not for anything on a statement's way: no statement waits for the coordinator, except a cross-shard commit for
         its decision.

    protocol.py   `Coordinator`, the one class that every implementation keeps, and its values
    local.py      for a node that is alone: a SQLite file in its data directory

Invariants (tests/compliance/coordinator holds every implementation to them)
    - A decision that was told, or can be read, is durable.  The first one written for a gtrid stands.
    - A value's version only goes up; of two writers that saw the same version, one wins.
    - A lease's epoch only goes up, also over restarts; two holders never have the same one.

Example
    ticket = coordinator.decide("7-1042", Decision(Verdict.COMMIT, (0, 2)))
    ticket.wait()                       # one sync to disk, shared by all decisions that wait
    ticket.standing.verdict             # COMMIT, unless somebody had settled it as ABORT before
"""
