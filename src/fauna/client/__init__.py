"""Clients of FaunaDB in Python: the SDK (`database`), a PEP 249 module (`dbapi`) and the SQL shell (`shell`).

What it is for: one set of calls over two links.  A *link* is one connection: to a server over the MySQL protocol
(`server_link`, on PyMySQL, with prepared statements of our own), or to a session in this process (`embedded_link`).
What it is not for: parsing or planning SQL; a statement leaves here as text with `?` and bound values.

Invariants
  - A parameter is never pasted into statement text: `parameters` turns `%s` and `%(name)s` into `?`, once per text.
  - The same call gives the same Python values on both links (Decimal, date, datetime, timedelta, bytes …).
  - Errors are the classes of `exceptions`, made from MySQL's error number; `retryable` says whether to try again.
  - A connection belongs to one thread at a time (PEP 249 threadsafety 1); several embedded connections to one path
    share one open node.

Known limits: one process at a time opens a path.
"""
