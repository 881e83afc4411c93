"""Carrying out plans on a shard's branch.

For: rows out of a QueryPlan, counts out of the writing plans.  Not for: deciding anything a plan should have decided, or
when a transaction begins and ends (session).  A writing function first takes the lock (`MustWait` leaves nothing done),
and either does all of its statement or undoes it.
"""
