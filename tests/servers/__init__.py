"""Private servers for the tests: a real MariaDB (the oracle) and FaunaDB, both as a user would start them.

Each runs as a process of its own in a temporary directory, on loopback and a free port, with a root password, and is
stopped by its own process id.  Nothing here talks to a server that was already running.
"""

from tests.servers.server import NotAvailable, Server, free_port

__all__ = ["NotAvailable", "Server", "free_port"]
