"""What exists: databases, tables, columns, keys, views, sequences, as one immutable snapshot.

A `Catalog` is never changed; DDL makes the next one with a higher `version`.  Names are found without regard to case
for columns and keys; database and table names are case-sensitive, as MySQL's on Linux (lower_case_table_names=0).

Physical names: table `t<id>`, column `c<number>`; numbers are never used twice within a table, so a rename changes the
catalog alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal as OneOf

from fauna.catalog.slot_map import ONE_SHARD, SlotMap
from fauna.catalog.types import DEFAULT_COLLATION, INTEGERS, Kind, SqlType, Stored


@dataclass(frozen=True, slots=True)
class Column:
    """default       stored value of a constant default (None: NULL or no default; see has_default)
    default_expr     text of a default expression, MariaDB's normalised form, e.g. 'current_timestamp(3)', 'uuid()'
    default_text     as SHOW CREATE TABLE prints it ('' when there is no DEFAULT clause)
    on_update_now    ON UPDATE CURRENT_TIMESTAMP
    generated        text of the generating expression; stored: STORED/PERSISTENT rather than VIRTUAL
    declared         'uuid', 'point' …: a type that is kept as another one (sql.declared), and printed as this"""

    name: str
    number: int
    sql_type: SqlType
    nullable: bool = True
    has_default: bool = False
    default: Stored = None
    default_expr: str = ""
    default_text: str = ""
    on_update_now: bool = False
    auto_increment: bool = False
    generated: str = ""
    stored: bool = False
    comment: str = ""
    invisible: bool = False
    declared_json: bool = False
    declared: str = ""

    @property
    def physical(self) -> str:
        return f"c{self.number}"


@dataclass(frozen=True, slots=True)
class IndexPart:
    column: str  # name
    length: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """kind PRIMARY has name 'PRIMARY'.  physical: name of the SQLite index, '' when the rowid itself is the key."""

    name: str
    kind: OneOf["PRIMARY", "UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"]
    parts: tuple[IndexPart, ...]
    physical: str = ""
    comment: str = ""
    using: str = ""
    generated: bool = False  # came with a foreign key: goes when another index serves as well

    @property
    def unique(self) -> bool:
        return self.kind in ("PRIMARY", "UNIQUE")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    ref_schema: str
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: OneOf["RESTRICT", "CASCADE", "SET NULL", "NO ACTION"] = "RESTRICT"
    on_update: OneOf["RESTRICT", "CASCADE", "SET NULL", "NO ACTION"] = "RESTRICT"
    number: int = 0  # within its table: names the triggers fk<table id>_<number>_…


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    text: str  # MariaDB's normalised text, as SHOW CREATE TABLE prints it
    column: str = ""  # set for a column check (printed with its column)


@dataclass(frozen=True, slots=True)
class Table:
    """rowid_column: name of the column that is the SQLite rowid (the one-column integer primary key), '' when hidden.
    shard_key, placement: as declared; `placement.placement_of` says what they come to.  shard_key: columns of
    PARTITION BY KEY, empty for the default (the primary key)."""

    schema: str
    name: str
    id: int
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    collation: str = DEFAULT_COLLATION
    comment: str = ""
    engine: str = "InnoDB"
    shard_key: tuple[str, ...] = ()
    placement: OneOf["", "BROADCAST", "SINGLE"] = ""
    next_column: int = 1
    created: str = ""  # UTC
    temporary: bool = False
    row_format: str = ""  # as written: 'DYNAMIC' …
    retention: str = ""  # how long its changes are kept: '90 days', see catalog.retention; '' for good
    by_name: Mapping[str, Column] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({c.name.lower(): c for c in self.columns}))

    @property
    def physical(self) -> str:
        return f"t{self.id}"

    def column(self, name: str) -> Column | None:
        return self.by_name.get(name.lower())

    @property
    def primary_key(self) -> Index | None:
        for index in self.indexes:
            if index.kind == "PRIMARY":
                return index
        return None

    @property
    def rowid_column(self) -> Column | None:
        """The column that is SQLite's rowid: a primary key of one integer column that is not BIGINT UNSIGNED."""
        key = self.primary_key
        if key is None or len(key.parts) != 1:
            return None
        column = self.column(key.parts[0].column)
        assert column is not None
        fits = column.sql_type.kind in INTEGERS and not (column.sql_type.kind is Kind.BIGINT and column.sql_type.unsigned)
        return column if fits and not column.generated else None

    @property
    def auto_column(self) -> Column | None:
        return next((c for c in self.columns if c.auto_increment), None)


@dataclass(frozen=True, slots=True)
class View:
    schema: str
    name: str
    text: str  # the SELECT as written (re-parsed when used, names resolved against `schema`)
    columns: tuple[str, ...] = ()
    check_option: OneOf["", "CASCADED", "LOCAL"] = ""
    algorithm: str = "UNDEFINED"
    security: OneOf["DEFINER", "INVOKER"] = "DEFINER"
    definer: str = "root@localhost"
    result_columns: tuple[Column, ...] = ()  # names and types, as of creation
    updatable: bool = True  # by its form: rows of it are rows of base tables


@dataclass(frozen=True, slots=True)
class Sequence:
    """The next value itself lives beside the rows (physical table `s<id>`), not in the catalog."""

    schema: str
    name: str
    id: int
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 9223372036854775806
    cache: int = 1000
    cycle: bool = False

    @property
    def physical(self) -> str:
        return f"s{self.id}"


Relation = Table | View | Sequence


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of a procedure; text is its type as written."""

    name: str
    sql_type: SqlType
    text: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """body: its text, parsed again when called, under the sql_mode it was made with.

    parameter_list  the parameters as written, for SHOW CREATE PROCEDURE"""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    body: str
    sql_mode: str = ""
    security: str = "DEFINER"
    comment: str = ""
    definer: str = "root@localhost"
    created: str = ""  # UTC
    parameter_list: str = ""
    deterministic: bool = False
    data_access: str = "CONTAINS SQL"


@dataclass(frozen=True, slots=True)
class Database:
    """procedures: by lower-case name."""

    name: str
    collation: str = DEFAULT_COLLATION
    comment: str = ""
    relations: Mapping[str, Relation] = field(default_factory=dict)
    procedures: Mapping[str, Procedure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """slots: which shard has which rows of every table that is spread."""

    version: int = 0
    next_id: int = 1
    databases: Mapping[str, Database] = field(default_factory=dict)
    slots: SlotMap = ONE_SHARD

    def with_slots(self, slots: SlotMap) -> Catalog:
        return replace(self, version=self.version + 1, slots=slots)

    def database(self, name: str) -> Database | None:
        return self.databases.get(name)

    def relation(self, schema: str, name: str) -> Relation | None:
        database = self.databases.get(schema)
        return database.relations.get(name) if database else None

    def with_relation(self, relation: Relation) -> Catalog:
        """The next version, with `relation` added or put in the place of the one of that name."""
        database = self.databases[relation.schema]
        changed = replace(database, relations={**database.relations, relation.name: relation})
        return replace(self, version=self.version + 1, databases={**self.databases, database.name: changed})

    def without_relation(self, schema: str, name: str) -> Catalog:
        database = self.databases[schema]
        left = {key: value for key, value in database.relations.items() if key != name}
        return replace(
            self, version=self.version + 1, databases={**self.databases, schema: replace(database, relations=left)}
        )

    def procedure(self, schema: str, name: str) -> Procedure | None:
        database = self.databases.get(schema)
        return database.procedures.get(name.lower()) if database else None

    def with_database(self, database: Database) -> Catalog:
        return replace(self, version=self.version + 1, databases={**self.databases, database.name: database})

    def without_database(self, name: str) -> Catalog:
        left = {key: value for key, value in self.databases.items() if key != name}
        return replace(self, version=self.version + 1, databases=left)

    def tables(self) -> Iterator[Table]:
        """Every base table of every database."""
        for database in self.databases.values():
            for relation in database.relations.values():
                if isinstance(relation, Table):
                    yield relation

    def table_by_id(self, table_id: int) -> Table | None:
        return next((table for table in self.tables() if table.id == table_id), None)

    def references_to(self, schema: str, name: str) -> list[tuple[Table, ForeignKey]]:
        """The foreign keys that name this table as their parent, with their child tables."""
        return [
            (table, key) for table in self.tables() for key in table.foreign_keys
            if key.ref_table == name and key.ref_schema == schema
        ]

    def with_temporaries(self, temporaries: Mapping[tuple[str, str], Table]) -> Catalog:
        """This catalog as one session sees it: its temporary tables hide base tables of the same name."""
        databases = dict(self.databases)
        for (schema, name), table in temporaries.items():
            if schema in databases:
                database = databases[schema]
                databases[schema] = replace(database, relations={**database.relations, name: table})
        return replace(self, databases=databases)
