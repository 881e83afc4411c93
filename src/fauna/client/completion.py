"""What Tab offers in the shell: keywords, and the tables and columns of the current database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from fauna.client.exceptions import Error
from fauna.client.link import Link

NAMES_MAX: Final = 5000
OFFERED_MAX: Final = 200
KEYWORDS: Final = tuple(
    """ADD ALL ALTER ANALYZE AND AS ASC AUTO_INCREMENT AVG BEGIN BETWEEN BIGINT BLOB BY CASCADE CASE CAST CHECK COALESCE
    COLLATE COLUMN COMMIT CONCAT CONSTRAINT COUNT CREATE CROSS CURRENT_TIMESTAMP DATABASE DATE DATETIME DECIMAL DEFAULT DELETE
    DESC DESCRIBE DISTINCT DOUBLE DROP DUPLICATE ELSE END ENUM EXISTS EXPLAIN FALSE FOR FOREIGN FROM GROUP GROUP_CONCAT HAVING
    IF IFNULL IGNORE IN INDEX INNER INSERT INT INTERVAL INTO IS JOIN JSON JSON_EXTRACT KEY LEFT LIKE LIMIT MAX MIN MODIFY NOT
    NOW NULL OFFSET ON OR ORDER OUTER OVER PARTITION PRIMARY RECURSIVE REFERENCES REGEXP RELEASE RENAME REPLACE RIGHT ROLLBACK
    ROW_NUMBER SAVEPOINT SELECT SERIALIZABLE SET SHOW START STATUS SUM TABLE TABLES TEXT THEN TIMESTAMP TO TRANSACTION TRUE
    TRUNCATE UNION UNIQUE UNSIGNED UPDATE USE USING VALUES VARCHAR VARIABLES VIEW WARNINGS WHEN WHERE WITH""".split()
)
_WORD: Final = re.compile(r"[\w$.]+$")
_CHANGES_NAMES: Final = re.compile(r"^\s*(create|alter|drop|rename|use)\b", re.IGNORECASE)


class NameCompleter(Completer):
    """Completes words.  Names are read from the server before the prompt, when they may have changed."""

    def __init__(self) -> None:
        self._tables: dict[str, list[str]] = {}
        self._stale = True

    def saw(self, sql: str) -> None:
        """Note a statement that ran: after DDL and USE the names are read again."""
        if _CHANGES_NAMES.match(sql):
            self._stale = True

    def refresh(self, link: Link) -> None:
        """Read the names if they may have changed; without them (no database chosen) only keywords are offered."""
        if not self._stale:
            return
        self._stale = False
        self._tables = {}
        try:
            rows = link.run(
                "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
                f"ORDER BY TABLE_NAME, ORDINAL_POSITION LIMIT {NAMES_MAX}"
            ).rows
        except Error:
            return  # completion is a help, and no reason to disturb
        for table, column in rows:
            self._tables.setdefault(str(table), []).append(str(column))

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        match = _WORD.search(document.text_before_cursor)
        word = match[0] if match else ""
        if not word and not complete_event.completion_requested:
            return
        table, dot, start = word.rpartition(".")
        found = self._columns(table) if dot else self._words()
        lowered = start.lower()
        hits = [text for text in found if text.lower().startswith(lowered)][:OFFERED_MAX]
        for text in hits:
            yield Completion(text.lower() if text in _KEYWORD_SET and start.islower() else text, -len(start))

    def _columns(self, table: str) -> Iterator[str]:
        return iter(self._tables.get(table.strip("`"), ()))

    def _words(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._tables, *(c for columns in self._tables.values() for c in columns)])
        yield from KEYWORDS


_KEYWORD_SET: Final = frozenset(KEYWORDS)
