"""Golden stories of two-phase commit: what `fauna.txn.two_phase` asks for, message by message.  File name = behaviour.

    > begin g1 on 0 1
    -> shard 0: prepare g1
    -> shard 1: prepare g1
    preparing, waiting for 0 1
    > prepared 0
    preparing, waiting for 1
    > prepared 1
    -> coordinator: decide commit g1 (0 1)
    deciding

`>` is what happened; below it stand the messages that `step` sends because of it, and the state it is in then.  Events are
those of the module: prepared, refused, committed, rolled back, lost, back (each with a shard), decided, decision failed, decision
unknown, timed out, cancelled; an error is named as in `fauna.errors`.  `crash` loses the state; then

    > recover decisions g1=commit(0,1) prepared 0:g1 1:

gives `recover` what is on disk: the records, and what is prepared on each shard that answers.  `held g2` may follow.

`python -m tests.scripts.two_phase.run` shows what differs, with `--rewrite` it writes it into the stories.
"""
