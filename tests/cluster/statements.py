"""Random SQL over the tables t and u of the fuzz tests: a small grammar, and mutations of texts."""

from __future__ import annotations

import random
import re

LITERALS = (
    "0", "1", "-1", "2", "3.14", "1e5", "'a'", "'2024-02-29'", "'10:11:12'", "''", "NULL", "TRUE", "x'ff'", "b'101'", "18446744073709551615",
    "9223372036854775807", "-9223372036854775808", "0.1", "'日本'", "99999999999999999999.99", "'x''y'", "DATE '2024-01-01'", "'{\"a\":1}'",
    "1e308", "'1abc'", "@v", "'%'", "'😀'",
)  # fmt: skip
COLUMNS = ("a", "b", "c", "d", "e", "f", "t.a", "u.b", "x.a")
BINARY = (
    "+", "-", "*", "/", "%", "DIV", "MOD", "=", "<>", "<", ">", "<=", ">=", "<=>", "AND", "OR", "XOR", "&", "|", "^", "<<", ">>", "LIKE", "REGEXP",
    "IS NOT", "COLLATE",
)  # fmt: skip
FUNCTIONS = {
    "ABS": 1, "ROUND": 2, "FLOOR": 1, "MOD": 2, "POW": 2, "SQRT": 1, "CONCAT": 3, "LENGTH": 1, "UPPER": 1, "SUBSTRING": 3, "REPLACE": 3,
    "LPAD": 3, "TRIM": 1, "LOCATE": 2, "HEX": 1, "UNHEX": 1, "CONV": 3, "FORMAT": 2, "IF": 3, "IFNULL": 2, "NULLIF": 2, "COALESCE": 2,
    "GREATEST": 2, "LEAST": 2, "DATE": 1, "YEAR": 1, "DATE_FORMAT": 2, "STR_TO_DATE": 2, "DATEDIFF": 2, "FROM_UNIXTIME": 1, "LAST_DAY": 1,
    "TIMEDIFF": 2, "SEC_TO_TIME": 1, "MAKEDATE": 2, "JSON_EXTRACT": 2, "JSON_OBJECT": 2, "JSON_SET": 3, "MD5": 1, "CRC32": 1, "INSTR": 2,
    "FIELD": 3, "ELT": 2, "REPEAT": 2, "SPACE": 1, "CHAR": 1, "ASCII": 1, "BIN": 1, "SUBSTRING_INDEX": 3, "REGEXP_REPLACE": 3, "TRUNCATE": 2,
    "WEEK": 1, "PERIOD_ADD": 2, "INET_ATON": 1, "UNIX_TIMESTAMP": 1, "TO_BASE64": 1, "JSON_VALUE": 2, "ATAN": 2, "LOG": 2, "EXP": 1,
}  # fmt: skip
AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX", "GROUP_CONCAT", "STD", "BIT_OR", "JSON_ARRAYAGG")
TYPES = (
    "INT",
    "VARCHAR(10)",
    "DECIMAL(8,3)",
    "DATE",
    "DATETIME(3)",
    "TEXT",
    "BLOB",
    "DOUBLE",
    "BIGINT UNSIGNED",
    "TIME",
    "YEAR",
    "BIT(5)",
    "JSON",
)
CASTS = ("SIGNED", "UNSIGNED", "CHAR", "CHAR(3)", "DECIMAL(5,2)", "DATE", "TIME(2)", "DATETIME", "BINARY", "DOUBLE")
JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "CROSS JOIN", "NATURAL JOIN", ",")
OTHERS = (
    "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "SHOW TABLES", "SHOW CREATE TABLE t", "DESCRIBE u", "SHOW WARNINGS",
    "SHOW VARIABLES LIKE 'a%'", "SET @v = 5", "SELECT @v", "SHOW INDEX FROM t", "TRUNCATE TABLE u", "SET autocommit = 1", "EXPLAIN SELECT * FROM t",
    "SELECT * FROM information_schema.columns LIMIT 3", "SHOW STATUS LIKE 'T%'", "SHOW PROCESSLIST", "DO 1",
)  # fmt: skip


class Grammar:
    """Statements most of which parse, many of which run."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def statement(self) -> str:
        make = self.dice.choices(
            (self.select, self.insert, self.update, self.delete, self.ddl, lambda: self.dice.choice(OTHERS)), (10, 3, 2, 1, 2, 2)
        )[0]
        return make()

    def expression(self, depth: int = 3) -> str:
        d = self.dice
        if depth <= 0 or d.random() < 0.25:
            return d.choice(LITERALS) if d.random() < 0.5 else d.choice(COLUMNS[:6])
        sub = depth - 1
        kind = d.randrange(13)
        if kind < 4:
            return f"({self.expression(sub)} {d.choice(BINARY[:-2])} {self.expression(sub)})"
        if kind < 7:
            name = d.choice(list(FUNCTIONS))
            return f"{name}({', '.join(self.expression(sub) for _ in range(FUNCTIONS[name]))})"
        if kind == 7:
            return f"CAST({self.expression(sub)} AS {d.choice(CASTS)})"
        if kind == 8:
            return f"CASE WHEN {self.expression(sub)} THEN {self.expression(sub)} ELSE {self.expression(sub)} END"
        if kind == 9:
            return f"{self.expression(sub)} {d.choice(('IN', 'NOT IN'))} ({self.expression(sub)}, {self.expression(sub)})"
        if kind == 10:
            return f"({self.expression(sub)} {d.choice(('IS NULL', 'IS NOT TRUE', 'BETWEEN 1 AND 5', 'COLLATE utf8mb4_bin'))})"
        if kind == 11:
            return d.choice(
                (f"(SELECT {self.expression(sub)} FROM u LIMIT 1)", f"EXISTS (SELECT 1 FROM t WHERE {self.expression(sub)})")
            )
        return d.choice(("-", "NOT ", "~", "!", "BINARY ")) + self.expression(sub)

    def select(self, depth: int = 2) -> str:
        d = self.dice
        grouped = d.random() < 0.3
        column = (lambda: f"{d.choice(AGGREGATES)}({self.expression(2)})") if grouped else self.expression
        text = f"SELECT {d.choice(('', '', 'DISTINCT '))}{', '.join(column() for _ in range(d.randint(1, 3)))}"
        text += f" FROM {self.source(depth)}"
        if d.random() < 0.5:
            text += f" WHERE {self.expression(3)}"
        if grouped and d.random() < 0.7:
            text += f" GROUP BY {self.expression(1)}" + (f" HAVING {self.expression(1)}" if d.random() < 0.4 else "")
        if d.random() < 0.4:
            text += f" ORDER BY {d.choice(('1', self.expression(2)))}{d.choice(('', ' DESC'))}"
        if d.random() < 0.3:
            text += f" LIMIT {d.randint(0, 5)}"
        if depth and d.random() < 0.1:
            text = f"({text}) {d.choice(('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'))} ({self.select(0)})"
        return text

    def source(self, depth: int) -> str:
        d = self.dice
        roll = d.random()
        if roll < 0.55 or depth <= 0:
            return d.choice(("t", "u"))
        if roll < 0.85:
            join = d.choice(JOINS)
            on = f" ON {self.expression(2)}" if join.endswith("JOIN") and join[:2] not in ("CR", "NA") else ""
            return f"t {join} u{on}"
        return f"({self.select(depth - 1)}) AS x"

    def insert(self) -> str:
        d = self.dice
        table = d.choice(("t", "u"))
        names = d.sample(COLUMNS[:6], d.randint(1, 4))
        values = ", ".join(f"({', '.join(self.expression(2) for _ in names)})" for _ in range(d.randint(1, 3)))
        verb = d.choice(("INSERT INTO", "INSERT INTO", "REPLACE INTO", "INSERT IGNORE INTO"))
        end = f" ON DUPLICATE KEY UPDATE {names[0]} = {self.expression(2)}" if verb == "INSERT INTO" and d.random() < 0.3 else ""
        return f"{verb} {table} ({', '.join(names)}) VALUES {values}{end}"

    def update(self) -> str:
        d = self.dice
        return (
            f"UPDATE {d.choice(('t', 'u'))} SET {d.choice(COLUMNS[:6])} = {self.expression(2)} WHERE {self.expression(2)} LIMIT 3"
        )

    def delete(self) -> str:
        return f"DELETE FROM {self.dice.choice(('t', 'u'))} WHERE {self.expression(2)} LIMIT 1"

    def ddl(self) -> str:
        d = self.dice
        name = d.choice(("z1", "z2", "z3"))
        column = d.choice(("p", "q", "r"))
        return d.choice((
            f"CREATE TABLE {name} (p {d.choice(TYPES)}, q {d.choice(TYPES)} DEFAULT {d.choice(LITERALS)}, KEY (p))",
            f"ALTER TABLE {name} ADD COLUMN {column} {d.choice(TYPES)}", f"ALTER TABLE {name} DROP COLUMN {column}",
            f"ALTER TABLE {name} MODIFY {column} {d.choice(TYPES)}", f"DROP TABLE IF EXISTS {name}", f"DROP TABLE {name}",
            f"INSERT INTO {name} VALUES ({self.expression(1)}, {self.expression(1)})", f"SELECT * FROM {name} ORDER BY {column}",
            f"CREATE OR REPLACE VIEW v1 AS {self.select(1)}", "SELECT * FROM v1", f"CREATE INDEX i ON {name} ({column})",
            f"ALTER TABLE {name} ADD CONSTRAINT k CHECK ({self.expression(2)})", f"CREATE TABLE {name} AS {self.select(1)}",
        ))  # fmt: skip


_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\w+|\s+|[^\w\s]")


def mutated(dice: random.Random, text: str, others: list[str]) -> str:
    """The text with one to four pieces removed, doubled, swapped, replaced or broken."""
    tokens = _TOKEN.findall(text)
    for _ in range(dice.randint(1, 4)):
        if not tokens:
            break
        at = dice.randrange(len(tokens))
        kind = dice.randrange(7)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[at])
        elif kind == 2:
            other = dice.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3:
            tokens[at] = dice.choice(LITERALS)
        elif kind == 4:
            tokens[at] = dice.choice(_TOKEN.findall(dice.choice(others)) or ["x"])
        elif kind == 5:
            tokens[at] = dice.choice(
                ("(", ")", ",", "'", '"', "`", "\\", "\0", ";", "/*", "--", "\U0001f600", "\ufffd", "?", "%", "@", "@@")
            )
        else:
            tokens = tokens[:at] + [" "] + tokens[at : at + dice.randint(1, 5)] * dice.randint(1, 3) + tokens[at:]
    return "".join(tokens)


# Values that functions may not expect.
ODD = (
    *LITERALS, *COLUMNS[:6], "'%Y-%m-%d'", "'$.a'", "'[1,2,{\"a\":null}]'", "4294967296", "-5", "'2024-01-31 23:59:59.999999'", "'838:59:59'",
    "x'c328'", "'(a'", "'+05:30'", "'Europe/Berlin'", "1e-300", "'a,b,c'", "256", "CAST(1 AS UNSIGNED)", "CAST('10:00' AS TIME)",
    "CAST('2024-01-01' AS DATE)", "CAST(1.5 AS DECIMAL(65,30))", "JSON_ARRAY(1,2)", "REPEAT('ab', 70000)",
)  # fmt: skip
WINDOWS = (
    "ROW_NUMBER()",
    "RANK()",
    "LAG({0}, 1)",
    "LEAD(b, 1, {0})",
    "NTILE({0})",
    "FIRST_VALUE({0})",
    "NTH_VALUE(b, {0})",
    "CUME_DIST()",
)


class Library:
    """Calls of every function of the library with arguments of every kind, in every place that takes an expression."""

    def __init__(self, dice: random.Random) -> None:
        from fauna.sql.functions import load
        from fauna.sql.functions.registry import AGGREGATES as aggregates
        from fauna.sql.functions.registry import FUNCTIONS as functions

        load()
        self.dice = dice
        self.functions = [f for name, f in functions.items() if name not in ("SLEEP", "BENCHMARK", "GET_LOCK")]
        self.aggregates = (*aggregates, "COUNT", "SUM", "AVG", "MIN", "MAX")

    def call(self, depth: int = 1) -> str:
        function = self.dice.choice(self.functions)
        most = function.max_args if function.max_args is not None else function.min_args + 3
        return f"{function.name}({', '.join(self.argument(depth) for _ in range(self.dice.randint(function.min_args, most)))})"

    def argument(self, depth: int = 1) -> str:
        return self.call(depth - 1) if depth and self.dice.random() < 0.2 else self.dice.choice(ODD)

    def statement(self) -> str:
        d, x = self.dice, self.argument
        kinds = (
            lambda: f"SELECT {self.call(2)}, {self.call()} FROM t",
            lambda: (
                f"SELECT {d.choice(self.aggregates)}({d.choice(('', 'DISTINCT '))}{x(2)}) FROM u {d.choice(('', 'GROUP BY ' + x()))}"
            ),
            lambda: f"SELECT {d.choice(WINDOWS).format(x())} OVER (PARTITION BY {x()} ORDER BY {x()}) FROM t",
            lambda: f"INSERT INTO u (a, b, c, d, e, f) VALUES (NULL, {x()}, {x()}, {x()}, {x()}, {x(2)})",
            lambda: f"SELECT CAST({x(2)} AS {d.choice(CASTS)}), {x(2)} {d.choice(BINARY[:-2])} {x(2)}",
            lambda: (
                f"SELECT * FROM t WHERE {self.call()} {d.choice(('=', '<', 'LIKE', 'REGEXP'))} {x()} ORDER BY {self.call(0)} LIMIT 3"
            ),
            lambda: f"UPDATE u SET {d.choice('abcdef')} = {x(2)} WHERE {d.choice('abcdef')} = {x()}",
            lambda: f"SET @v = {x(2)}",
            lambda: f"SELECT {x()} UNION SELECT {x()} ORDER BY 1",
        )
        return d.choices(kinds, (10, 2, 1, 1, 2, 1, 1, 1, 1))[0]()
