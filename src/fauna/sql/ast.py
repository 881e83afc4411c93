"""What the parser makes of a statement's text: names and syntax, nothing resolved, nothing typed.

Every literal carries `index`, its number in the order of the statement's liftable literals (numbers, strings, hex and
bit literals, counted by the lexer from 0); None when it has no slot of its own.  `sql/shape.py` lifts them in the same
order, so that a plan made for one text serves every text of the same shape.

All node classes are frozen dataclasses; the parser never returns anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal as OneOf

from fauna.txn.xid import Xid

# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────


class LiteralKind(Enum):
    INTEGER = "integer"  # value: int (any size)
    DECIMAL = "decimal"  # value: str, as written: '1.50'
    FLOAT = "float"  # value: float, written with an exponent
    STRING = "string"  # value: str
    HEX = "hex"  # value: bytes (x'41', 0x41)
    BIT = "bit"  # value: bytes (b'101', 0b101)
    NULL = "null"
    TRUE = "true"
    FALSE = "false"
    DATE = "date"  # value: str, from DATE '…'; not checked yet
    TIME = "time"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Expr:
    pass


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    kind: LiteralKind
    value: int | float | str | bytes | None = None
    index: int | None = None
    charset: str | None = None  # introducer: _utf8mb4'…', N'…' gives 'utf8'


@dataclass(frozen=True, slots=True)
class Marker(Expr):
    """`?` of a prepared statement; index counts markers from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A column reference: (column,), (table, column) or (database, table, column)."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Star(Expr):
    """`*`, `t.*` or `db.t.*`: parts names the table, empty for a bare star."""

    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """op: '-', '+', '~', '!', 'NOT', 'BINARY'.  ('!' and NOT mean the same.)"""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """op, upper case: OR XOR AND = <=> <> < <= > >= | & << >> + - * / DIV % ^ REGEXP (RLIKE gives REGEXP),
    'SOUNDS LIKE'.  ('||' gives OR, or CONCAT() under PIPES_AS_CONCAT; != gives <>; MOD gives %.)"""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class IsTest(Expr):
    operand: Expr
    what: OneOf["NULL", "TRUE", "FALSE", "UNKNOWN"]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Expr):
    operand: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InList(Expr):
    operand: Expr
    items: tuple[Expr, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery(Expr):
    operand: Expr
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Expr):
    operand: Expr
    pattern: Expr
    escape: Expr | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Case(Expr):
    operand: Expr | None
    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None = None


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function call, name upper case, arguments in order.

    Special syntaxes become plain calls: SUBSTRING(s FROM a FOR b) -> SUBSTRING(s,a,b); POSITION(a IN b) -> LOCATE(a,b);
    a->'$.x' -> JSON_EXTRACT(a,'$.x'); a->>'$.x' -> JSON_UNQUOTE(JSON_EXTRACT(a,'$.x')); CURRENT_TIMESTAMP, LOCALTIME,
    NOW(3) -> NOW(…); CURRENT_DATE -> CURDATE(); CURRENT_TIME -> CURTIME(…); CURRENT_USER -> CURRENT_USER();
    EXTRACT(YEAR FROM d) -> EXTRACT(UnitArg('YEAR'), d); TIMESTAMPADD/TIMESTAMPDIFF(unit, …) -> UnitArg first;
    DATE_ADD(d, INTERVAL n u), d + INTERVAL n u, INTERVAL n u + d -> DATE_ADD(d, n, UnitArg(u)), DATE_SUB likewise;
    TRIM(BOTH x FROM s) -> TRIM(s, x) / LTRIM / RTRIM (name says which: TRIM, TRIM_LEADING, TRIM_TRAILING);
    CHAR(n,… USING cs) -> CHAR(n,…, UnitArg(cs)); GET_FORMAT(DATE,'EUR') -> GET_FORMAT(UnitArg('DATE'),'EUR');
    WEIGHT_STRING(s AS CHAR(n)) -> 1235; INTERVAL(a,b,c) the function -> Call('INTERVAL').
    schema: db.func(...) -- 'database' prefix or None.
    written: the name as the statement spells it, for error 1305; no part of what the call is.
    """

    name: str
    args: tuple[Expr, ...] = ()
    schema: str | None = None
    written: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UnitArg(Expr):
    """A bare keyword as an argument: an interval unit (upper case), a character set, DATE/TIME/DATETIME."""

    name: str


@dataclass(frozen=True, slots=True)
class AggregateCall(Expr):
    """COUNT SUM AVG MIN MAX GROUP_CONCAT BIT_AND BIT_OR BIT_XOR STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP
    VAR_SAMP JSON_ARRAYAGG JSON_OBJECTAGG ANY_VALUE.  COUNT(*) has star=True and no args.  With OVER it is inside a WindowCall."""

    name: str
    args: tuple[Expr, ...] = ()
    distinct: bool = False
    star: bool = False
    order_by: tuple[OrderItem, ...] = ()
    separator: str | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class WindowCall(Expr):
    """function OVER (…) or OVER name; function is an AggregateCall or a Call (ROW_NUMBER, RANK, LAG, …)."""

    function: AggregateCall | Call
    window: WindowSpec


@dataclass(frozen=True, slots=True)
class WindowSpec:
    name: str | None = None  # OVER w, or (w ORDER BY …)
    partition_by: tuple[Expr, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    unit: OneOf["ROWS", "RANGE"]
    start: FrameBound
    end: FrameBound | None = None


@dataclass(frozen=True, slots=True)
class FrameBound:
    kind: OneOf["UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"]
    offset: Expr | None = None


@dataclass(frozen=True, slots=True)
class Cast(Expr):
    """CAST(x AS type) and CONVERT(x, type); `to` uses CAST's type words (SIGNED gives BIGINT; CHAR(n) gives CHAR)."""

    operand: Expr
    to: TypeName


@dataclass(frozen=True, slots=True)
class ConvertUsing(Expr):
    operand: Expr
    charset: str


@dataclass(frozen=True, slots=True)
class Collate(Expr):
    operand: Expr
    collation: str


@dataclass(frozen=True, slots=True)
class Exists(Expr):
    query: Query


@dataclass(frozen=True, slots=True)
class Subquery(Expr):
    query: Query


@dataclass(frozen=True, slots=True)
class Quantified(Expr):
    """left op ANY|ALL (query).  SOME gives ANY."""

    op: str
    left: Expr
    quantifier: OneOf["ANY", "ALL"]
    query: Query


@dataclass(frozen=True, slots=True)
class RowExpr(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class UserVariable(Expr):
    name: str


@dataclass(frozen=True, slots=True)
class AssignVariable(Expr):
    """@a := expr"""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class SystemVariable(Expr):
    name: str
    scope: OneOf["GLOBAL", "SESSION"] | None = None


@dataclass(frozen=True, slots=True)
class DefaultValue(Expr):
    """DEFAULT in VALUES/SET (column None), or DEFAULT(column)."""

    column: Name | None = None


@dataclass(frozen=True, slots=True)
class InsertedValue(Expr):
    """VALUES(col) / VALUE(col) in ON DUPLICATE KEY UPDATE."""

    column: Name


@dataclass(frozen=True, slots=True)
class NextValue(Expr):
    """NEXT VALUE FOR s / NEXTVAL(s); previous: PREVIOUS VALUE FOR s / LASTVAL(s)."""

    sequence: TableName
    previous: bool = False


@dataclass(frozen=True, slots=True)
class SetValue(Expr):
    """SETVAL(s, value [, used])."""

    sequence: TableName
    value: Expr
    used: Expr | None = None


@dataclass(frozen=True, slots=True)
class Match(Expr):
    columns: tuple[Name, ...]
    against: Expr
    mode: str = ""


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OrderItem:
    expr: Expr
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """ties: FETCH … WITH TIES, rows that sort equal to the last one too."""

    count: Expr  # Literal or Marker or UserVariable
    offset: Expr | None = None
    ties: bool = False


@dataclass(frozen=True, slots=True)
class SelectItem:
    expr: Expr
    alias: str | None
    text: str  # the expression as written: the column's name when there is no alias


@dataclass(frozen=True, slots=True)
class TableName:
    name: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class TableRef:
    """One item of FROM: exactly one of the subclasses."""


@dataclass(frozen=True, slots=True)
class SystemTime:
    """FOR SYSTEM_TIME …: the time that the rows are read as of.  start: of AS OF, the time itself."""

    kind: OneOf["AS OF", "BETWEEN", "FROM", "ALL"]
    start: Expr | None = None
    end: Expr | None = None


@dataclass(frozen=True, slots=True)
class NamedTable(TableRef):
    table: TableName
    alias: str | None = None
    partitions: tuple[str, ...] = ()
    system_time: SystemTime | None = None
    index_hints: tuple[str, ...] = ()  # the indexes that USE, FORCE and IGNORE INDEX name; no effect, but they must exist


@dataclass(frozen=True, slots=True)
class DerivedTable(TableRef):
    query: Query
    alias: str | None
    columns: tuple[str, ...] = ()
    lateral: bool = False
    system_time: SystemTime | None = None


@dataclass(frozen=True, slots=True)
class Join(TableRef):
    """kind: INNER (also CROSS and comma), LEFT, RIGHT; natural or using or on or nothing."""

    left: TableRef
    right: TableRef
    kind: OneOf["INNER", "LEFT", "RIGHT"] = "INNER"
    on: Expr | None = None
    using: tuple[str, ...] = ()
    natural: bool = False
    straight: bool = False


@dataclass(frozen=True, slots=True)
class Cte:
    name: str
    columns: tuple[str, ...]
    query: Query


@dataclass(frozen=True, slots=True)
class With:
    ctes: tuple[Cte, ...]
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Locking:
    """FOR UPDATE / FOR SHARE / LOCK IN SHARE MODE."""

    mode: OneOf["UPDATE", "SHARE"]
    of: tuple[str, ...] = ()
    wait: OneOf["", "NOWAIT", "SKIP LOCKED"] = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Select, SetOperation or ValuesQuery."""


@dataclass(frozen=True, slots=True)
class Select(Query):
    items: tuple[SelectItem, ...]
    source: TableRef | None = None  # comma lists are left-deep INNER joins; FROM DUAL is None
    where: Expr | None = None
    group_by: tuple[OrderItem, ...] = ()
    rollup: bool = False
    having: Expr | None = None
    windows: tuple[tuple[str, WindowSpec], ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    distinct: bool = False
    calc_found_rows: bool = False
    locking: Locking | None = None
    with_: With | None = None
    into_variables: tuple[str, ...] = ()  # SELECT … INTO @a, @b
    into_outfile: str | None = None


@dataclass(frozen=True, slots=True)
class SetOperation(Query):
    op: OneOf["UNION", "EXCEPT", "INTERSECT"]
    all: bool
    left: Query
    right: Query
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    with_: With | None = None
    locking: Locking | None = None


@dataclass(frozen=True, slots=True)
class ValuesQuery(Query):
    """VALUES (1,2),(3,4) as a query; ROW(…) accepted."""

    rows: tuple[tuple[Expr, ...], ...]
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    with_: With | None = None


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Statement:
    pass


@dataclass(frozen=True, slots=True)
class QueryStatement(Statement):
    query: Query


@dataclass(frozen=True, slots=True)
class Assignment:
    column: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Insert(Statement):
    """INSERT and REPLACE.  Exactly one of rows and query is given.  SET a=1 gives columns and one row.
    VALUES () gives an empty row tuple."""

    table: TableName
    columns: tuple[str, ...] | None
    rows: tuple[tuple[Expr, ...], ...] = ()
    query: Query | None = None
    replace: bool = False
    ignore: bool = False
    on_duplicate: tuple[Assignment, ...] = ()
    row_alias: str | None = None  # INSERT … VALUES … AS new
    row_alias_columns: tuple[str, ...] = ()
    returning: tuple[SelectItem, ...] = ()
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update(Statement):
    source: TableRef
    assignments: tuple[Assignment, ...]
    where: Expr | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    ignore: bool = False
    with_: With | None = None


@dataclass(frozen=True, slots=True)
class Delete(Statement):
    """targets: empty for the one-table form, else the names or aliases whose rows go."""

    source: TableRef
    targets: tuple[TableName, ...] = ()
    where: Expr | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: Limit | None = None
    ignore: bool = False
    returning: tuple[SelectItem, ...] = ()
    with_: With | None = None


@dataclass(frozen=True, slots=True)
class LoadData(Statement):
    filename: str
    local: bool
    table: TableName
    duplicates: OneOf["", "IGNORE", "REPLACE"] = ""
    charset: str | None = None
    fields_terminated: str = "\t"
    fields_enclosed: str = ""
    fields_optionally: bool = False
    fields_escaped: str = "\\"
    lines_starting: str = ""
    lines_terminated: str = "\n"
    ignore_lines: int = 0
    columns: tuple[Expr, ...] = ()  # Name or UserVariable
    assignments: tuple[Assignment, ...] = ()


# ── data definition ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: name upper case with synonyms folded (INTEGER -> INT, NUMERIC/DEC/FIXED -> DECIMAL,
    BOOL/BOOLEAN -> TINYINT(1), REAL/DOUBLE PRECISION -> DOUBLE, NVARCHAR -> VARCHAR charset utf8, CHARACTER VARYING
    -> VARCHAR, LONG VARCHAR -> MEDIUMTEXT, SERIAL is left as SERIAL, INT4 -> INT …, UUID/INET6 left as such)."""

    name: str
    length: int | None = None
    scale: int | None = None
    unsigned: bool = False
    zerofill: bool = False
    charset: str | None = None
    collation: str | None = None
    binary: bool = False  # CHAR(3) BINARY
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceClause:
    table: TableName
    columns: tuple[str, ...]
    on_delete: str = ""  # '', 'RESTRICT', 'CASCADE', 'SET NULL', 'NO ACTION', 'SET DEFAULT'
    on_update: str = ""
    match: str = ""


@dataclass(frozen=True, slots=True)
class CheckClause:
    name: str | None
    expr: Expr
    text: str  # the expression as written
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class ColumnDef:
    name: str
    type: TypeName
    nullable: bool | None = None  # None: not said
    default: Expr | None = None  # Literal NULL for DEFAULT NULL
    default_text: str = ""
    on_update: Expr | None = None  # Call('NOW', …)
    auto_increment: bool = False
    primary_key: bool = False
    unique: bool = False
    comment: str = ""
    generated: Expr | None = None
    generated_text: str = ""
    stored: bool = False
    checks: tuple[CheckClause, ...] = ()
    references: ReferenceClause | None = None  # InnoDB ignores an inline REFERENCES in MySQL; MariaDB honours it, and so do we
    invisible: bool = False
    hashed: bool = False
    encrypted: OneOf["", "RANDOM", "DETERMINISTIC"] = ""


@dataclass(frozen=True, slots=True)
class KeyPart:
    column: str
    length: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class KeyDef:
    kind: OneOf["PRIMARY", "UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"]
    name: str | None
    parts: tuple[KeyPart, ...]
    using: str = ""
    comment: str = ""
    constraint_name: str | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKeyDef:
    name: str | None
    columns: tuple[str, ...]
    reference: ReferenceClause
    index_name: str | None = None


TableElement = ColumnDef | KeyDef | ForeignKeyDef | CheckClause


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What follows the parenthesis.

    shard_key, partitions   of PARTITION BY KEY (…) PARTITIONS n; () is KEY ()
    partition_by            any other PARTITION BY, as text (1235)"""

    engine: str | None = None
    charset: str | None = None
    collation: str | None = None
    comment: str | None = None
    auto_increment: int | None = None
    shard_key: tuple[str, ...] | None = None
    partitions: int | None = None
    placement: OneOf["", "BROADCAST", "SINGLE"] = ""
    partition_by: str = ""
    row_format: str | None = None
    retention: str | None = None  # as written: '90 days'
    other: tuple[tuple[str, str], ...] = ()  # accepted without effect, e.g. STATS_PERSISTENT, KEY_BLOCK_SIZE, AVG_ROW_LENGTH …


@dataclass(frozen=True, slots=True)
class CreateTable(Statement):
    table: TableName
    elements: tuple[TableElement, ...] = ()
    options: TableOptions = field(default_factory=TableOptions)
    if_not_exists: bool = False
    or_replace: bool = False
    temporary: bool = False
    like: TableName | None = None
    query: Query | None = None  # CREATE TABLE … AS SELECT
    query_duplicates: OneOf["", "IGNORE", "REPLACE"] = ""


@dataclass(frozen=True, slots=True)
class AddColumn:
    column: ColumnDef
    first: bool = False
    after: str | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    """CHANGE old new…, MODIFY (old == column.name)."""

    old_name: str
    column: ColumnDef
    first: bool = False
    after: str | None = None
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameColumn:
    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class AlterColumnDefault:
    """ALTER COLUMN c SET DEFAULT x (default given) or DROP DEFAULT (None)."""

    column: str
    default: Expr | None
    default_text: str = ""


@dataclass(frozen=True, slots=True)
class DropColumn:
    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddKey:
    key: KeyDef


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    foreign_key: ForeignKeyDef
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class AddCheck:
    check: CheckClause


@dataclass(frozen=True, slots=True)
class DropKey:
    """DROP INDEX/KEY name; DROP PRIMARY KEY has name 'PRIMARY'."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """DROP CONSTRAINT / DROP CHECK: a check, a foreign key or a unique key."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameKey:
    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class RenameTableTo:
    table: TableName


@dataclass(frozen=True, slots=True)
class ConvertCharset:
    charset: str
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class SetTableOptions:
    options: TableOptions


@dataclass(frozen=True, slots=True)
class OrderTable:
    order_by: tuple[OrderItem, ...]


@dataclass(frozen=True, slots=True)
class EnableKeys:
    """ENABLE KEYS / DISABLE KEYS: no effect in InnoDB and none here."""

    enable: bool


AlterAction = (
    AddColumn | ChangeColumn | RenameColumn | AlterColumnDefault | DropColumn | AddKey | AddForeignKey | AddCheck | DropKey
    | DropForeignKey | DropConstraint | RenameKey | RenameTableTo | ConvertCharset | SetTableOptions | OrderTable | EnableKeys
)


@dataclass(frozen=True, slots=True)
class AlterTable(Statement):
    """ALGORITHM= and LOCK= are accepted and dropped.  Also CREATE INDEX (AddKey) and DROP INDEX (DropKey)."""

    table: TableName
    actions: tuple[AlterAction, ...]
    if_exists: bool = False
    ignore: bool = False


@dataclass(frozen=True, slots=True)
class DropTable(Statement):
    tables: tuple[TableName, ...]
    if_exists: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class TruncateTable(Statement):
    table: TableName


@dataclass(frozen=True, slots=True)
class RenameTable(Statement):
    renames: tuple[tuple[TableName, TableName], ...]


@dataclass(frozen=True, slots=True)
class CreateView(Statement):
    view: TableName
    columns: tuple[str, ...]
    query: Query
    text: str  # the SELECT as written
    or_replace: bool = False
    if_not_exists: bool = False
    alter: bool = False  # ALTER VIEW
    check_option: OneOf["", "CASCADED", "LOCAL"] = ""
    algorithm: str = "UNDEFINED"
    security: OneOf["DEFINER", "INVOKER"] = "DEFINER"


@dataclass(frozen=True, slots=True)
class DropView(Statement):
    views: tuple[TableName, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateDatabase(Statement):
    name: str
    if_not_exists: bool = False
    or_replace: bool = False
    charset: str | None = None
    collation: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class AlterDatabase(Statement):
    name: str | None
    charset: str | None = None
    collation: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DropDatabase(Statement):
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateSequence(Statement):
    sequence: TableName
    if_not_exists: bool = False
    or_replace: bool = False
    start: int | None = None
    increment: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    cache: int | None = None
    cycle: bool | None = None
    restart: int | None = None
    alter: bool = False


@dataclass(frozen=True, slots=True)
class DropSequence(Statement):
    sequences: tuple[TableName, ...]
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class ProcedureParameter:
    """An IN parameter; text is its type as written."""

    name: str
    type: TypeName
    text: str


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What a procedure says of itself.  Of these only its SECURITY could matter, and here every account may do all."""

    comment: str = ""
    security: str = "DEFINER"
    deterministic: bool = False
    data_access: str = "CONTAINS SQL"


@dataclass(frozen=True, slots=True)
class CreateProcedure(Statement):
    """body and text are the same: the statements, and how they were written; so are parameters and parameter_list."""

    procedure: TableName
    parameters: tuple[ProcedureParameter, ...]
    body: tuple[Statement, ...]
    text: str
    or_replace: bool = False
    if_not_exists: bool = False
    parameter_list: str = ""
    characteristics: Characteristics = field(default_factory=lambda: Characteristics())


@dataclass(frozen=True, slots=True)
class DropProcedure(Statement):
    procedure: TableName
    if_exists: bool = False


# ── transactions, session, administration ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StartTransaction(Statement):
    """BEGIN and START TRANSACTION."""

    read_only: bool | None = None
    consistent_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Commit(Statement):
    chain: bool = False
    release: bool = False


@dataclass(frozen=True, slots=True)
class Rollback(Statement):
    chain: bool = False
    release: bool = False
    savepoint: str | None = None


@dataclass(frozen=True, slots=True)
class Savepoint(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class ReleaseSavepoint(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class XaStart(Statement):
    """option: JOIN, RESUME or ''."""

    xid: Xid
    option: str = ""


@dataclass(frozen=True, slots=True)
class XaEnd(Statement):
    xid: Xid
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class XaPrepare(Statement):
    xid: Xid


@dataclass(frozen=True, slots=True)
class XaCommit(Statement):
    xid: Xid
    one_phase: bool = False


@dataclass(frozen=True, slots=True)
class XaRollback(Statement):
    xid: Xid


@dataclass(frozen=True, slots=True)
class XaRecover(Statement):
    """format: RAW or SQL, as it was written; HEX for CONVERT XID."""

    format: str = "RAW"


@dataclass(frozen=True, slots=True)
class SetTransaction(Statement):
    """scope None: the next transaction only."""

    scope: OneOf["GLOBAL", "SESSION"] | None
    isolation: str | None = None  # 'READ COMMITTED' …
    read_only: bool | None = None


@dataclass(frozen=True, slots=True)
class SetUserVariable:
    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class SetSystemVariable:
    """value None: DEFAULT.  A bare word (SET x = on, SET sql_mode = ANSI) arrives as a Name of one part."""

    name: str
    value: Expr | None
    scope: OneOf["GLOBAL", "SESSION"] | None = None


@dataclass(frozen=True, slots=True)
class SetNames:
    """charset None: DEFAULT.  character_set_only: SET CHARACTER SET."""

    charset: str | None
    collation: str | None = None
    character_set_only: bool = False


@dataclass(frozen=True, slots=True)
class SetStatement(Statement):
    items: tuple[SetUserVariable | SetSystemVariable | SetNames, ...]


@dataclass(frozen=True, slots=True)
class SetForStatement(Statement):
    """SET STATEMENT a = 1, b = 2 FOR statement: the settings hold while the statement runs.

    literals: how many the settings have; those of the statement have the numbers after them."""

    settings: tuple[SetSystemVariable, ...]
    statement: Statement
    literals: int


@dataclass(frozen=True, slots=True)
class SetPassword(Statement):
    """SET PASSWORD, and ALTER USER … IDENTIFIED; no user is the session's own account.

    hashed: `password` is an authentication string as MySQL stores it; with either_way (SET PASSWORD = 'x') it is one
    if it looks like one.  plugin: None keeps the account's.
    """

    user: str | None
    host: str | None
    password: str
    hashed: bool = False
    plugin: str | None = None
    either_way: bool = False


@dataclass(frozen=True, slots=True)
class Use(Statement):
    database: str


@dataclass(frozen=True, slots=True)
class Show(Statement):
    """what, upper case words: DATABASES TABLES 'TABLE STATUS' COLUMNS INDEX 'CREATE TABLE' 'CREATE VIEW' 'CREATE DATABASE'
    'CREATE SEQUENCE' VARIABLES STATUS WARNINGS ERRORS 'COUNT WARNINGS' 'COUNT ERRORS' PROCESSLIST ENGINES 'CHARACTER SET'
    COLLATION GRANTS 'CREATE USER' PRIVILEGES PLUGINS TRIGGERS EVENTS 'PROCEDURE STATUS' 'FUNCTION STATUS' 'CREATE PROCEDURE'
    'CREATE FUNCTION' 'CREATE TRIGGER' 'MASTER STATUS' 'BINARY LOGS' 'SLAVE STATUS' 'OPEN TABLES' 'ENGINE STATUS' PROFILES
    PACKAGE STATUS …
    SCHEMAS gives DATABASES; FIELDS gives COLUMNS; KEYS, INDEXES give INDEX; CHARSET gives 'CHARACTER SET'."""

    what: str
    table: TableName | None = None
    database: str | None = None
    like: str | None = None
    where: Expr | None = None
    full: bool = False
    scope: OneOf["GLOBAL", "SESSION"] | None = None
    limit: Limit | None = None
    user: tuple[str, str] | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class Describe(Statement):
    """DESCRIBE t [column|'pattern']; EXPLAIN t."""

    table: TableName
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Explain(Statement):
    statement: Statement
    analyze: bool = False
    format: str = ""  # '', 'JSON', 'TRADITIONAL', 'TREE'
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Kill(Statement):
    connection: Expr
    query_only: bool = False


@dataclass(frozen=True, slots=True)
class PrepareStatement(Statement):
    name: str
    source: Expr  # Literal string or UserVariable


@dataclass(frozen=True, slots=True)
class ExecuteStatement(Statement):
    name: str
    using: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecuteImmediate(Statement):
    source: Expr
    using: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class DeallocateStatement(Statement):
    name: str


@dataclass(frozen=True, slots=True)
class Do(Statement):
    exprs: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class CallProcedure(Statement):
    name: tuple[str, ...]  # ('fauna', 'verify')
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class LockTables(Statement):
    tables: tuple[tuple[NamedTable, str], ...]  # (table, 'READ' | 'WRITE' …)


@dataclass(frozen=True, slots=True)
class UnlockTables(Statement):
    pass


@dataclass(frozen=True, slots=True)
class AdminTables(Statement):
    """ANALYZE, CHECK, OPTIMIZE, REPAIR, CHECKSUM TABLE: action is the verb."""

    action: str
    tables: tuple[TableName, ...]
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlashbackTable(Statement):
    """FLASHBACK TABLE … TO TIMESTAMP moment"""

    table: TableName
    moment: Expr


@dataclass(frozen=True, slots=True)
class FlashbackTransaction(Statement):
    """FLASHBACK TRANSACTION name"""

    name: str


@dataclass(frozen=True, slots=True)
class Flush(Statement):
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsupported(Statement):
    """Understood as far as its first words and not supported: answered with error 1235 naming `what`
    (CREATE TRIGGER, CREATE PROCEDURE, GRANT, CREATE USER …)."""

    what: str
