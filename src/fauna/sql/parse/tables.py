"""CREATE TABLE, ALTER TABLE, CREATE/DROP INDEX, DROP, TRUNCATE and RENAME TABLE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from typing import Literal as OneOf

from fauna.errors import error, unsupported
from fauna.sql.ast import (
    AddCheck,
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    AlterColumnDefault,
    AlterTable,
    ChangeColumn,
    ColumnDef,
    ConvertCharset,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropForeignKey,
    DropKey,
    DropTable,
    EnableKeys,
    ForeignKeyDef,
    KeyDef,
    OrderTable,
    Query,
    RenameColumn,
    RenameKey,
    RenameTable,
    RenameTableTo,
    SetTableOptions,
    TableElement,
    TableName,
    TableOptions,
    TruncateTable,
)
from fauna.sql.lexer import DECIMAL, INTEGER, QUOTED, STRING, WORD
from fauna.sql.parse.clauses import order_items
from fauna.sql.parse.columns import (
    column_definition,
    constraint,
    default_value,
    key_options,
    key_parts,
    system_versioning,
    table_element,
    unknown_option,
)
from fauna.sql.parse.core import Stream
from fauna.sql.parse.query import query
from fauna.sql.parse.types import accept_charset_keyword, charset_name

# ── CREATE TABLE ──


def create_table(p: Stream, or_replace: bool, temporary: bool) -> CreateTable:
    """What follows CREATE [OR REPLACE] [TEMPORARY] TABLE."""
    if_not_exists = p.if_not_exists()
    table = p.table_name()
    if p.accept("LIKE"):
        return CreateTable(table, (), TableOptions(), if_not_exists, or_replace, temporary, p.table_name())
    if p.at_words("(", "LIKE"):
        p.advance()
        p.advance()
        like = p.table_name()
        p.expect(")")
        return CreateTable(table, (), TableOptions(), if_not_exists, or_replace, temporary, like)
    elements: tuple[TableElement, ...] = ()
    if p.at("(") and not p.at_query():
        elements = p.parenthesised(lambda: table_element(p))
    options = table_options(p)
    duplicates: OneOf["", "IGNORE", "REPLACE"] = ""
    if p.accept("IGNORE"):
        duplicates = "IGNORE"
    elif p.accept("REPLACE"):
        duplicates = "REPLACE"
    p.accept("AS")
    source: Query | None = query(p) if p.at("SELECT") or p.at("WITH") or p.at("(") or p.at("VALUES") else None
    if not elements and source is None:
        raise error("TABLE_MUST_HAVE_COLUMNS")
    return CreateTable(table, elements, options, if_not_exists, or_replace, temporary, None, source, duplicates)


# ── table options ──

_LOCK_WORDS: Final = frozenset({"ALGORITHM", "LOCK"})
_PLACEMENTS: Final = ("BROADCAST", "SINGLE")
_OTHER_OPTIONS: Final = frozenset(
    """
    AUTOEXTEND_SIZE AVG_ROW_LENGTH CHECKSUM COMPRESSION CONNECTION DELAY_KEY_WRITE ENCRYPTED ENCRYPTION ENCRYPTION_KEY_ID
    ENGINE_ATTRIBUTE IETF_QUOTES
    INSERT_METHOD KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS PAGE_CHECKSUM PAGE_COMPRESSED PAGE_COMPRESSION_LEVEL
    PASSWORD SECONDARY_ENGINE SECONDARY_ENGINE_ATTRIBUTE SEQUENCE STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES
    TABLESPACE TABLE_CHECKSUM TRANSACTIONAL
    """.split()
)


def table_options(p: Stream) -> TableOptions:
    """Options in any order, with or without = and commas; PARTITION BY comes among them.

    A comma before what is no option (a further action of ALTER TABLE) is left to the caller.
    """
    found: dict[str, Any] = {"other": []}
    while _table_option(p, found):
        following = p.peek()
        if p.at(",") and following.kind in (WORD, QUOTED) and following.key not in _NOT_AFTER_COMMA:
            p.advance()
    found["other"] = tuple(found["other"])
    return TableOptions(**found)


def _table_option(p: Stream, found: dict[str, Any]) -> bool:
    key = p.token.key
    if "shard_key" in found and key not in (*_PLACEMENTS, "SYSTEM_VERSIONING_RETENTION"):
        return False  # nothing may follow; what contradicts it is the catalog's to refuse
    parse = _OPTIONS.get(key)
    if parse is not None:
        return parse(p, found)
    if key in _OTHER_OPTIONS:
        name = p.word()
        p.accept("=")
        found["other"].append((name, _option_value(p)))
        return True
    if p.at_name():
        unknown_option(p)
    return False


def _option_value(p: Stream) -> str:
    if p.token.kind in (INTEGER, DECIMAL, STRING, WORD, QUOTED):
        return str(p.advance().value)
    p.fail()


def _engine(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["engine"] = p.word()
    return True


def _default(p: Stream, found: dict[str, Any]) -> bool:
    """DEFAULT before CHARSET or COLLATE."""
    if p.peek().key not in ("CHARSET", "CHARACTER", "CHAR", "COLLATE"):
        return False
    p.advance()
    return _table_option(p, found)


def _charset(p: Stream, found: dict[str, Any]) -> bool:
    if not accept_charset_keyword(p):
        return False
    p.accept("=")
    found["charset"] = None if p.accept("DEFAULT") else charset_name(p)
    return True


def _collate(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["collation"] = None if p.accept("DEFAULT") else p.word().lower()
    return True


def _comment(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["comment"] = p.string()
    return True


def _auto_increment(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["auto_increment"] = p.integer()
    return True


def _row_format(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["row_format"] = p.word().upper()
    return True


def _retention(p: Stream, found: dict[str, Any]) -> bool:
    p.advance()
    p.accept("=")
    found["retention"] = p.string()
    return True


def _placement(p: Stream, found: dict[str, Any]) -> bool:
    word = p.advance().key
    if found.setdefault("placement", word) != word:
        raise error("WRONG_USAGE", found["placement"], word)
    return True


def _directory(p: Stream, found: dict[str, Any]) -> bool:
    """DATA DIRECTORY, INDEX DIRECTORY: accepted without effect, as MariaDB with NO_DIR_IN_CREATE."""
    name = p.advance().key
    p.expect("DIRECTORY")
    p.accept("=")
    found["other"].append((f"{name} DIRECTORY", p.string()))
    return True


def _union(p: Stream, found: dict[str, Any]) -> bool:
    raise unsupported("UNION in CREATE TABLE")


def _with(p: Stream, found: dict[str, Any]) -> bool:
    if p.peek().key != "SYSTEM":
        return False
    system_versioning(p)
    return True


def _partition(p: Stream, found: dict[str, Any]) -> bool:
    """PARTITION BY KEY (columns) [PARTITIONS n] is the shard key; any other partitioning is kept as text."""
    if p.peek().key != "BY":
        return False
    start = p.token.start
    p.advance()
    p.advance()
    if not p.at("KEY") or p.peek().key == "ALGORITHM":
        _skip_partitioning(p)
        found["partition_by"] = p.source(start)
        return True
    p.advance()
    found["shard_key"] = _partition_columns(p)
    if p.accept("PARTITIONS"):
        found["partitions"] = p.integer()
    if p.at("SUBPARTITION") or p.at_words("(", "PARTITION"):
        raise unsupported("PARTITION BY KEY with named partitions")
    return True


def _partition_columns(p: Stream) -> tuple[str, ...]:
    if not p.at_words("(", ")"):
        return p.parenthesised(p.name)
    p.advance()
    p.advance()
    return ()


def _skip_partitioning(p: Stream) -> None:
    depth = 0
    while not p.at_end():
        depth += {"(": 1, ")": -1}.get(p.token.key, 0)
        if depth < 0 or (depth == 0 and p.token.key in ("SELECT", "AS")):
            break
        p.advance()


_OPTIONS: Final[dict[str, Callable[[Stream, dict[str, Any]], bool]]] = {
    "ENGINE": _engine,
    "TYPE": _engine,
    "DEFAULT": _default,
    "CHARSET": _charset,
    "CHARACTER": _charset,
    "CHAR": _charset,
    "COLLATE": _collate,
    "COMMENT": _comment,
    "AUTO_INCREMENT": _auto_increment,
    "ROW_FORMAT": _row_format,
    "SYSTEM_VERSIONING_RETENTION": _retention,
    **dict.fromkeys(_PLACEMENTS, _placement),
    "DATA": _directory,
    "INDEX": _directory,
    "UNION": _union,
    "WITH": _with,
    "WITHOUT": _with,
    "PARTITION": _partition,
}


# ── ALTER TABLE ──


def alter_table(p: Stream, ignore: bool) -> AlterTable:
    """What follows ALTER [ONLINE] [IGNORE] TABLE."""
    if_exists = p.if_exists()
    table = p.table_name()
    if p.accept("WAIT"):
        p.integer()
    else:
        p.accept("NOWAIT")
    actions: list[AlterAction] = []
    while not p.at_end():
        actions.extend(_alter_item(p))
        if p.accept(","):
            if p.at_words("PARTITION", "BY"):
                p.fail()
        elif not p.at_words("PARTITION", "BY"):  # stands last, without a comma
            break
    return AlterTable(table, tuple(actions), if_exists, ignore)


def _alter_item(p: Stream) -> list[AlterAction]:
    parse = _ACTIONS.get(p.token.key)
    if parse is not None:
        return parse(p)
    if p.token.key in _LOCK_WORDS:
        _algorithm_or_lock(p)
        return []
    options = table_options(p)
    if options == TableOptions():
        p.fail()
    return [SetTableOptions(options)]


def _algorithm_or_lock(p: Stream) -> None:
    """ALGORITHM = x, LOCK = x"""
    p.advance()
    p.accept("=")
    p.word()


def _position(p: Stream) -> tuple[bool, str | None]:
    """[FIRST | AFTER column]"""
    if p.accept("FIRST"):
        return True, None
    return False, p.name() if p.accept("AFTER") else None


_CONSTRAINT_WORDS: Final = frozenset(
    {"PRIMARY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "FOREIGN", "CONSTRAINT", "CHECK"}
)


def _add(p: Stream) -> list[AlterAction]:
    p.advance()
    if p.token.key in _CONSTRAINT_WORDS:
        return [_added(constraint(p))]
    if p.accept_words("SYSTEM", "VERSIONING"):  # every table has it
        return []
    if p.token.key in ("PARTITION", "PERIOD", "SYSTEM") and p.peek().key in ("(", "FOR", "VERSIONING", "IF", "PARTITIONS"):
        raise unsupported(f"ALTER TABLE ADD {p.token.key}")
    p.accept("COLUMN")
    if_not_exists = p.if_not_exists()
    if p.accept("("):
        columns = p.list_of(lambda: table_element(p))
        p.expect(")")
        return [_added(column, if_not_exists) for column in columns]
    column = column_definition(p)
    first, after = _position(p)
    return [AddColumn(column, first, after, if_not_exists)]


def _added(element: TableElement, if_not_exists: bool = False) -> AlterAction:
    if isinstance(element, ColumnDef):
        return AddColumn(element, if_not_exists=if_not_exists)
    if isinstance(element, KeyDef):
        return AddKey(element)
    if isinstance(element, ForeignKeyDef):
        return AddForeignKey(element)
    return AddCheck(element)


def _change(p: Stream) -> list[AlterAction]:
    p.advance()
    p.accept("COLUMN")
    if_exists = p.if_exists()
    old_name = p.name()
    column = column_definition(p)
    first, after = _position(p)
    return [ChangeColumn(old_name, column, first, after, if_exists)]


def _modify(p: Stream) -> list[AlterAction]:
    p.advance()
    p.accept("COLUMN")
    if_exists = p.if_exists()
    column = column_definition(p)
    first, after = _position(p)
    return [ChangeColumn(column.name, column, first, after, if_exists)]


def _drop(p: Stream) -> list[AlterAction]:
    p.advance()
    if p.accept("PRIMARY"):
        p.expect("KEY")
        return [DropKey("PRIMARY")]
    if p.accept_any("INDEX", "KEY"):
        if_exists = p.if_exists()
        return [DropKey("PRIMARY" if p.accept("PRIMARY") else p.name(), if_exists)]
    if p.accept("FOREIGN"):
        p.expect("KEY")
        if_exists = p.if_exists()
        return [DropForeignKey(p.name(), if_exists)]
    if p.accept("CONSTRAINT") or p.accept("CHECK"):
        if_exists = p.if_exists()
        return [DropKey("PRIMARY", if_exists) if p.accept("PRIMARY") else DropConstraint(p.name(), if_exists)]
    if p.at("PARTITION") or p.at_words("PERIOD", "FOR") or p.at_words("SYSTEM", "VERSIONING"):
        raise unsupported(f"ALTER TABLE DROP {p.token.key}")
    p.accept("COLUMN")
    if_exists = p.if_exists()
    name = p.name()
    p.accept_any("RESTRICT", "CASCADE")
    return [DropColumn(name, if_exists)]


def _alter(p: Stream) -> list[AlterAction]:
    """ALTER [COLUMN] c SET DEFAULT x, DROP DEFAULT; ALTER INDEX i [NOT] IGNORED | [IN]VISIBLE (no effect)."""
    p.advance()
    if p.accept_any("INDEX", "KEY"):
        p.if_exists()
        p.name()
        if not p.accept_any("VISIBLE", "INVISIBLE", "IGNORED"):
            p.expect_words("NOT", "IGNORED")
        return []
    p.accept("COLUMN")
    p.if_exists()
    column = p.name()
    if p.accept("DROP"):
        p.expect("DEFAULT")
        return [AlterColumnDefault(column, None)]
    p.expect_words("SET", "DEFAULT")
    default, text = default_value(p)
    return [AlterColumnDefault(column, default, text)]


def _rename(p: Stream) -> list[AlterAction]:
    p.advance()
    if p.accept("COLUMN"):
        p.if_exists()
        old = p.name()
        p.expect("TO")
        return [RenameColumn(old, p.name())]
    if p.accept_any("INDEX", "KEY"):
        p.if_exists()
        old = p.name()
        p.expect("TO")
        return [RenameKey(old, p.name())]
    p.accept_any("TO", "AS", "=")
    return [RenameTableTo(p.table_name())]


def _convert(p: Stream) -> list[AlterAction]:
    p.advance()
    if p.at("PARTITION") or p.at("TABLE"):
        raise unsupported("ALTER TABLE CONVERT PARTITION")
    p.expect("TO")
    if not accept_charset_keyword(p):
        p.fail()
    charset = "default" if p.accept("DEFAULT") else charset_name(p)
    return [ConvertCharset(charset, p.word().lower() if p.accept("COLLATE") else None)]


def _order(p: Stream) -> list[AlterAction]:
    p.advance()
    p.expect("BY")
    return [OrderTable(order_items(p))]


def _keys(p: Stream) -> list[AlterAction]:
    enable = p.advance().key == "ENABLE"
    p.expect("KEYS")
    return [EnableKeys(enable)]


def _force(p: Stream) -> list[AlterAction]:
    """FORCE rebuilds the table in MariaDB; there is nothing to rebuild."""
    p.advance()
    return []


def _no_tablespace(p: Stream) -> list[AlterAction]:
    raise unsupported(f"ALTER TABLE {p.token.key}")


def _validation(p: Stream) -> list[AlterAction]:
    p.advance()
    p.expect("VALIDATION")
    return []


_ACTIONS: Final[dict[str, Callable[[Stream], list[AlterAction]]]] = {
    "ADD": _add,
    "CHANGE": _change,
    "MODIFY": _modify,
    "DROP": _drop,
    "ALTER": _alter,
    "RENAME": _rename,
    "CONVERT": _convert,
    "ORDER": _order,
    "ENABLE": _keys,
    "DISABLE": _keys,
    "FORCE": _force,
    "WITHOUT": _validation,
    **dict.fromkeys(
        (
            "DISCARD",
            "IMPORT",
            "TRUNCATE",
            "COALESCE",
            "REORGANIZE",
            "EXCHANGE",
            "REMOVE",
            "ANALYZE",
            "CHECK",
            "OPTIMIZE",
            "REBUILD",
            "REPAIR",
        ),
        _no_tablespace,
    ),
}


# Words after a comma that do not go on with the options before it.
_NOT_AFTER_COMMA: Final = frozenset(_ACTIONS) | _LOCK_WORDS | {"PARTITION"}

# ── indexes ──


def create_index(p: Stream, or_replace: bool) -> AlterTable:
    """What follows CREATE [OR REPLACE]: [UNIQUE|FULLTEXT|SPATIAL] INDEX name ON t (…)."""
    kind: OneOf["UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"] = "INDEX"
    word = p.accept_any("UNIQUE", "FULLTEXT", "SPATIAL")
    if word:
        kind = "UNIQUE" if word == "UNIQUE" else "FULLTEXT" if word == "FULLTEXT" else "SPATIAL"
    p.expect("INDEX")
    if_not_exists = p.if_not_exists()
    name = p.name()
    using = p.expect_any("BTREE", "HASH", "RTREE") if p.accept_any("USING", "TYPE") else ""
    p.expect("ON")
    table = p.table_name()
    parts = key_parts(p)
    using, comment = key_options(p, using)
    _skip_lock_options(p)
    actions: list[AlterAction] = [DropKey(name, if_exists=True)] if or_replace else []
    actions.append(AddKey(KeyDef(kind, name, parts, using, comment, None, if_not_exists)))
    return AlterTable(table, tuple(actions))


def drop_index(p: Stream) -> AlterTable:
    """What follows DROP INDEX."""
    if_exists = p.if_exists()
    name = "PRIMARY" if p.accept("PRIMARY") else p.name()
    p.expect("ON")
    table = p.table_name()
    _skip_lock_options(p)
    return AlterTable(table, (DropKey(name, if_exists),))


def _skip_lock_options(p: Stream) -> None:
    """[ALGORITHM=x] [LOCK=x] [WAIT n | NOWAIT]"""
    while p.token.key in _LOCK_WORDS:
        _algorithm_or_lock(p)
    if p.accept("WAIT"):
        p.integer()
    else:
        p.accept("NOWAIT")


# ── the rest ──


def drop_table(p: Stream, temporary: bool) -> DropTable:
    """What follows DROP [TEMPORARY] TABLE."""
    if_exists = p.if_exists()
    tables = p.list_of(p.table_name)
    _skip_lock_options(p)
    p.accept_any("RESTRICT", "CASCADE")
    return DropTable(tables, if_exists, temporary)


def truncate(p: Stream) -> TruncateTable:
    p.advance()
    p.accept("TABLE")
    table = p.table_name()
    _skip_lock_options(p)
    return TruncateTable(table)


def rename_table(p: Stream) -> RenameTable:
    """What follows RENAME TABLE."""
    p.if_exists()
    return RenameTable(p.list_of(lambda: _renaming(p)))


def _renaming(p: Stream) -> tuple[TableName, TableName]:
    old = p.table_name()
    _skip_lock_options(p)
    p.expect("TO")
    return old, p.table_name()
