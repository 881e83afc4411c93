"""Golden scripts: SQL stories with the answers a real MariaDB gave, run on MariaDB and on FaunaDB.

    # a comment
    > CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10))
    OK
    > INSERT INTO t VALUES (1, 'x'),
    >> (2, 'y')
    OK 2 affected
    > SELECT a, b FROM t ORDER BY a
    a INT | b VARCHAR
    1 | 'x'
    2 | 'y'
    > INSERT INTO t VALUES (1, 'z')
    ERROR 1062 (23000): Duplicate entry '1' for key 'PRIMARY'

`>` begins a statement, `>>` goes on with it, what follows is its answer.  `?>` is a query without a useful order: its
rows are sorted before they are compared.  `b>` is a statement of a second client called b; `BLOCKED` says that it waits,
and its answer is shown as `b: …` below the statement that let it go on.  Lines of warnings begin with `warning`.

The line `@metadata full` adds length, flags and character set of each column to the answers of the rest of the script.

`python -m tests.scripts.run --rewrite` records the answers anew, always from MariaDB; what FaunaDB answers otherwise on
purpose is in known_differences.toml, each with its reason, and nowhere else.
"""
