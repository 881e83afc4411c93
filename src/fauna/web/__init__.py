"""The second front door: HTTPS, beside the MySQL port and in the same event loop.

For      what is no SQL over a socket: whether the server lives, and the stream of changes.
Not for  anything a statement means, and not the MySQL protocol; from `wire` it takes the certificate, the
         check of accounts, and TLS.

    server.py         listening, the limit on connections, the sweep for time-outs, an orderly stop
    connection.py     one socket: TLS records to requests, responses to TLS records, flow control
    messages.py       requests, responses and errors as values
    app.py            what is answered at which address
    login.py          HTTP Basic with the MySQL port's accounts
    changes.py        what a change stream reads from: `ChangeSource`, `ChangeReader`, `ChangeEvent`
    change_stream.py  GET /changes: server-sent events

Invariants
- Never without TLS, also on loopback.
- One request at a time for each client; it is whole, and bounded, before it is looked at.
- What a client does not take is not made: at most one batch of changes is under way on each stream, and its reader holds nothing
  that a writer waits for.
- Every connection has a deadline, or a request that is being answered.
- Nothing blocks the event loop: passwords are hashed, and changes are read, in threads whose number is bounded.
- No exception leaves a callback.  What is neither an HttpError nor an SqlError is logged and told as 500 without details.

Example
    server = WebServer(node, settings, wire_server.keys, wire_server.authenticator)
    await server.start()
    $ curl --cacert DATA/server-cert.pem https://127.0.0.1:8443/health
    {"status": "ok"}

Known limits
- HTTP/1.1 only.
- Every account may read every table's changes: there are no privileges yet.
- A stream that ends while its reader waits is noticed within a quarter of a second.
"""
