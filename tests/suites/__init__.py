"""Other people's test suites, run on MariaDB and on FaunaDB, and compared.

  sqlalchemy    the compliance suite that SQLAlchemy ships for dialects (sqlalchemy.testing.suite)
  mysqlclient   the tests in mysqlclient's source distribution

Each run writes a JSON file of outcomes under results/; `python -m tests.suites` runs all, prints what passes on MariaDB
and not on FaunaDB, and with --write-docs puts it into docs/reference/compliance.md.
"""
