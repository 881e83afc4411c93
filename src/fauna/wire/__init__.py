"""Bytes <-> commands: the MySQL client/server protocol.

For: listening, TLS, authentication, packets and compression, one object per client, the text and the binary
protocol, flow control and time-outs.  Not for: anything a statement means.  A command becomes a call on the
`Session` of `backend.py` and its `Result` becomes bytes; this package imports nothing above `session/result.py`,
`catalog/types.py` and `errors.py`.

Reading order: `backend` (what it needs from above), `server`, `connection` (bytes in, bytes out), `command_phase`
(one function per COM_*), `login`, `rows`, `infile`, then the pure modules `framing`, `handshake`, `commands`,
`values`, `replies`, `auth`, `charset`, `tls`, `protocol`.

A COM_QUERY that is short, in one straight call chain and with no task made:

    Connection.data_received -> CommandPhase.com_query -> session.execute(text, inline=True) -> Result
      -> ResultFormat (column definitions and one encoder per column, cached) -> transport.write

Invariants
- One command at a time for each client.  While one waits (for a worker thread, a lock, a sync to disk, a slow
  reader) further bytes are kept, at most `PIPELINE_BYTES_MAX` and one packet, and reading pauses beyond that.
- A session is used by one thread at a time; only `interrupt()` may come from another.
- Success is told only after `Result.durable` is done.
- A result that is not in memory is pulled in batches of about `BATCH_BYTES` in a worker thread, and the next batch
  only when the client has taken the last: memory does not grow with the result.
- A client that leaves its replies unread gets no further command run: replies do not pile up.
- No exception leaves `data_received`.  What is not an `SqlError` is logged and told as error 1105 without details.

Known limits
- `Result.more` is not read: several results come only from `Session.split`.
- Compression is zlib only.  Session tracking, query attributes and MariaDB's extended capabilities are not offered.
- An account whose plugin is not the default one can be told from a missing one by its AuthSwitchRequest.
- Numbers and temporal values are sent as ASCII whatever `character_set_results` says (UTF-16 and UTF-32 clients).
- While reading is paused (more than `PIPELINE_BYTES_MAX` waits), a vanished client is noticed only when its command
  ends or a time-out strikes.
"""
