"""Every error a client can see, with MySQL's number and SQLSTATE.

    FaunaError
    ├── SqlError            the statement failed; the connection goes on
    │   ├── RetryableError  the same transaction, tried again, may succeed (1205, 1213)
    │   └── FatalError      the connection ends after it (1040, 1045, 1153, 1158, 1927 …)
    └── StartError          the server or the embedded database cannot open its data directory

Deterministic errors (a syntax error, a duplicate key) come back the same every time; `retryable` says which
do not.  Messages are MariaDB's own, because ORMs parse them; the numbers are the manual's
(MariaDB Knowledge Base, "MariaDB Error Codes").
"""

from __future__ import annotations

from typing import Final


class FaunaError(Exception):
    """Base of all errors raised on purpose."""


class StartError(FaunaError):
    """The data directory cannot be opened: in use, newer, damaged or not writable.  `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class SqlError(FaunaError):
    """A statement failed.

    errno     MySQL's error number
    sqlstate  five characters
    message   what was wrong, in MariaDB's words
    retryable the same transaction may succeed when it is tried again
    """

    retryable: bool = False

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(f"{errno} ({sqlstate}): {message}")
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


class RetryableError(SqlError):
    retryable = True


class FatalError(SqlError):
    """Sent to the client, after which the server closes the connection."""


# name -> (errno, SQLSTATE, MariaDB's text).  One row per condition; raise with `error("NAME", …)`.
CONDITIONS: Final[dict[str, tuple[int, str, str]]] = {
    "CANT_CREATE_TABLE": (1005, "HY000", 'Can\'t create table `{}`.`{}` (errno: {} "{}")'),
    "DB_CREATE_EXISTS": (1007, "HY000", "Can't create database '{}'; database exists"),
    "DB_DROP_EXISTS": (1008, "HY000", "Can't drop database '{}'; database doesn't exist"),
    "CHECKREAD": (1020, "HY000", "Record has changed since last read in table '{}'"),
    "DISK_FULL": (1021, "HY000", "Disk full ({}); the change was rolled back. Free some space and try again"),
    "CON_COUNT": (1040, "08004", "Too many connections"),
    "OUT_OF_RESOURCES": (1041, "HY000", "Out of memory: {}"),
    "HANDSHAKE": (1043, "08S01", "Bad handshake"),
    "DBACCESS_DENIED": (1044, "42000", "Access denied for user '{}'@'{}' to database '{}'"),
    "ACCESS_DENIED": (1045, "28000", "Access denied for user '{}'@'{}' (using password: {})"),
    "NO_DB": (1046, "3D000", "No database selected"),
    "UNKNOWN_COM": (1047, "08S01", "Unknown command"),
    "BAD_NULL": (1048, "23000", "Column '{}' cannot be null"),
    "BAD_DB": (1049, "42000", "Unknown database '{}'"),
    "TABLE_EXISTS": (1050, "42S01", "Table '{}' already exists"),
    "BAD_TABLE": (1051, "42S02", "Unknown table '{}'"),
    "NON_UNIQ": (1052, "23000", "Column '{}' in {} is ambiguous"),
    "BAD_FIELD": (1054, "42S22", "Unknown column '{}' in '{}'"),
    "WRONG_FIELD_WITH_GROUP": (1055, "42000", "'{}' isn't in GROUP BY"),
    "WRONG_GROUP_FIELD": (1056, "42000", "Can't group on '{}'"),
    "WRONG_SUM_SELECT": (1057, "42000", "Statement has sum functions and columns in same statement"),
    "WRONG_VALUE_COUNT": (1058, "21S01", "Column count doesn't match value count"),
    "TOO_LONG_IDENT": (1059, "42000", "Identifier name '{}' is too long"),
    "DUP_FIELDNAME": (1060, "42S21", "Duplicate column name '{}'"),
    "DUP_KEYNAME": (1061, "42000", "Duplicate key name '{}'"),
    "DUP_ENTRY": (1062, "23000", "Duplicate entry '{}' for key '{}'"),
    "WRONG_FIELD_SPEC": (1063, "42000", "Incorrect column specifier for column '{}'"),
    "PARSE": (
        1064,
        "42000",
        "You have an error in your SQL syntax; check the manual that corresponds to your "
        "FaunaDB server version for the right syntax to use near '{}' at line {}",
    ),
    "EMPTY_QUERY": (1065, "42000", "Query was empty"),
    "NONUNIQ_TABLE": (1066, "42000", "Not unique table/alias: '{}'"),
    "INVALID_DEFAULT": (1067, "42000", "Invalid default value for '{}'"),
    "MULTIPLE_PRI_KEY": (1068, "42000", "Multiple primary key defined"),
    "KEY_COLUMN_DOES_NOT_EXIST": (1072, "42000", "Key column '{}' doesn't exist in table"),
    "TOO_BIG_FIELDLENGTH": (1074, "42000", "Column length too big for column '{}' (max = {}); use BLOB or TEXT instead"),
    "WRONG_AUTO_KEY": (
        1075,
        "42000",
        "Incorrect table definition; there can be only one auto column and it must be defined as a key",
    ),
    "NO_SUCH_INDEX": (1082, "42S12", "Table '{}' has no index like the one used in CREATE INDEX; recreate the table"),
    "CANT_REMOVE_ALL_FIELDS": (1090, "42000", "You can't delete all columns with ALTER TABLE; use DROP TABLE instead"),
    "CANT_DROP_FIELD_OR_KEY": (1091, "42000", "Can't DROP {} `{}`; check that it exists"),
    "NO_SUCH_THREAD": (1094, "HY000", "Unknown thread id: {}"),
    "NO_TABLES_USED": (1096, "HY000", "No tables used"),
    "BLOB_CANT_HAVE_DEFAULT": (1101, "42000", "BLOB, TEXT, GEOMETRY or JSON column '{}' can't have a default value"),
    "WRONG_DB_NAME": (1102, "42000", "Incorrect database name '{}'"),
    "WRONG_TABLE_NAME": (1103, "42000", "Incorrect table name '{}'"),
    "UNKNOWN_ERROR": (1105, "HY000", "{}"),
    "UNKNOWN_PROCEDURE": (1106, "42000", "Unknown procedure '{}'"),
    "WRONG_PARAMCOUNT_TO_PROCEDURE": (1107, "42000", "Incorrect parameter count to procedure '{}'"),
    "UNKNOWN_TABLE": (1109, "42S02", "Unknown table '{}' in {}"),
    "FIELD_SPECIFIED_TWICE": (1110, "42000", "Column '{}' specified twice"),
    "INVALID_GROUP_FUNC_USE": (1111, "HY000", "Invalid use of group function"),
    "TABLE_MUST_HAVE_COLUMNS": (1113, "42000", "A table must have at least 1 column"),
    "UNKNOWN_CHARACTER_SET": (1115, "42000", "Unknown character set: '{}'"),
    "TOO_MANY_FIELDS": (1117, "42000", "Too many columns"),
    "TOO_BIG_ROWSIZE": (1118, "42000", "Row size too large"),
    "WRONG_VALUE_COUNT_ON_ROW": (1136, "21S01", "Column count doesn't match value count at row {}"),
    "INVALID_USE_OF_NULL": (1138, "22004", "Invalid use of NULL value"),
    "REGEXP": (1139, "42000", "Regex error '{}'"),
    "MIX_OF_GROUP_FUNC_AND_FIELDS": (
        1140,
        "42000",
        "Mixing of GROUP columns (MIN(),MAX(),COUNT(),...) with no GROUP columns is illegal if there is no GROUP BY clause",
    ),
    "TABLEACCESS_DENIED": (1142, "42000", "{} command denied to user '{}'@'{}' for table `{}`.`{}`"),
    "NO_SUCH_TABLE": (1146, "42S02", "Table '{}.{}' doesn't exist"),
    "TOO_LONG_STRING": (1162, "42000", "Result string is longer than 'max_allowed_packet' bytes"),
    "SERVER_SHUTDOWN": (1053, "08S01", "Server shutdown in progress"),
    "NET_PACKET_TOO_LARGE": (1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"),
    "NET_READ_ERROR": (1158, "08S01", "Got an error reading communication packets"),
    "NET_READ_INTERRUPTED": (1159, "08S01", "Got timeout reading communication packets"),
    "NET_PACKETS_OUT_OF_ORDER": (1156, "08S01", "Got packets out of order"),
    "WRONG_COLUMN_NAME": (1166, "42000", "Incorrect column name '{}'"),
    "BLOB_KEY_WITHOUT_LENGTH": (1170, "42000", "BLOB/TEXT column '{}' used in key specification without a key length"),
    "PRIMARY_CANT_HAVE_NULL": (
        1171,
        "42000",
        "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead",
    ),
    "TOO_MANY_ROWS": (1172, "42000", "Result consisted of more than one row"),
    "REQUIRES_PRIMARY_KEY": (1173, "42000", "This table type requires a primary key"),
    "KEY_DOES_NOT_EXIST": (1176, "42000", "Key '{}' doesn't exist in table '{}'"),
    "UNKNOWN_SYSTEM_VARIABLE": (1193, "HY000", "Unknown system variable '{}'"),
    "CHECK_NOT_IMPLEMENTED": (1178, "42000", "The storage engine for the table doesn't support {}"),
    "LOCK_WAIT_TIMEOUT": (1205, "HY000", "Lock wait timeout exceeded; try restarting transaction"),
    "STMT_HAS_NO_OPEN_CURSOR": (1421, "HY000", "The statement ({}) has no open cursor."),
    "WRONG_ARGUMENTS": (1210, "HY000", "Incorrect arguments to {}"),
    "LOCK_DEADLOCK": (1213, "40001", "Deadlock found when trying to get lock; try restarting transaction"),
    "TABLE_CANT_HANDLE_FT": (1214, "HY000", "The table type doesn't support FULLTEXT indexes"),
    "WRONG_FK_DEF": (1239, "42000", "Incorrect foreign key definition for '{}': {}"),
    "ROW_IS_REFERENCED": (1451, "23000", "Cannot delete or update a parent row: a foreign key constraint fails ({})"),
    "NO_REFERENCED_ROW": (1452, "23000", "Cannot add or update a child row: a foreign key constraint fails ({})"),
    "WRONG_NUMBER_OF_COLUMNS_IN_SELECT": (1222, "21000", "The used SELECT statements have a different number of columns"),
    "SPECIFIC_ACCESS_DENIED": (1227, "42000", "Access denied; you need (at least one of) the {} privilege(s) for this operation"),
    "LOCAL_VARIABLE": (1228, "HY000", "Variable '{}' is a SESSION variable and can't be used with SET GLOBAL"),
    "GLOBAL_VARIABLE": (1229, "HY000", "Variable '{}' is a GLOBAL variable and should be set with SET GLOBAL"),
    "NO_DEFAULT": (1230, "42000", "Variable '{}' doesn't have a default value"),
    "WRONG_RETENTION": (1231, "42000", "SYSTEM_VERSIONING_RETENTION can't be set to '{}': write '90 days' (or seconds, minutes, "
                        "hours, weeks, months, years), or 'forever'"),
    "WRONG_VALUE_FOR_VAR": (1231, "42000", "Variable '{}' can't be set to the value of '{}'"),
    "WRONG_TYPE_FOR_VAR": (1232, "42000", "Incorrect argument type to variable '{}'"),
    "CANT_USE_OPTION_HERE": (1234, "42000", "Incorrect usage/placement of '{}'"),
    "TABLE_NOT_LOCKED_FOR_WRITE": (1099, "HY000", "Table '{}' was locked with a READ lock and can't be updated"),
    "VERS_NOT_VERSIONED": (4124, "HY000", "Table `{}` is not system-versioned"),
    "NOT_SUPPORTED_YET": (1235, "42000", "This version of FaunaDB doesn't yet support '{}'"),
    "INCORRECT_GLOBAL_LOCAL_VAR": (1238, "HY000", "Variable '{}' is a {} variable"),
    "OPERAND_COLUMNS": (1241, "21000", "Operand should contain {} column(s)"),
    "SUBQUERY_NO_1_ROW": (1242, "21000", "Subquery returns more than 1 row"),
    "UNKNOWN_STMT_HANDLER": (1243, "HY000", "Unknown prepared statement handler ({}) given to {}"),
    "NOT_SUPPORTED_AUTH_MODE": (
        1251,
        "08004",
        "Client does not support authentication protocol requested by server; consider upgrading MariaDB client",
    ),
    "ILLEGAL_REFERENCE": (1247, "42S22", "Reference '{}' not supported ({})"),
    "DERIVED_MUST_HAVE_ALIAS": (1248, "42000", "Every derived table must have its own alias"),
    "TABLENAME_NOT_ALLOWED_HERE": (1250, "42000", "Table '{}' from one of the SELECTs cannot be used in {}"),
    "WARN_TOO_FEW_RECORDS": (1261, "01000", "Row {} doesn't contain data for all columns"),
    "WARN_TOO_MANY_RECORDS": (1262, "01000", "Row {} was truncated; it contained more data than there were input columns"),
    "WARN_NULL_TO_NOTNULL": (1263, "22004", "Column set to default value; NULL supplied to NOT NULL column '{}' at row {}"),
    "WARN_DATA_OUT_OF_RANGE": (1264, "22003", "Out of range value for column '{}' at row {}"),
    "WARN_DATA_TRUNCATED": (1265, "01000", "Data truncated for column '{}' at row {}"),
    "CANT_AGGREGATE_COLLATIONS": (1267, "HY000", "Illegal mix of collations ({},{}) and ({},{}) for operation '{}'"),
    "VARIABLE_IS_NOT_STRUCT": (1272, "HY000", "Variable '{}' is not a variable component (can't be used as XXXX.variable_name)"),
    "UNKNOWN_COLLATION": (1273, "HY000", "Unknown collation: '{}'"),
    "COLLATION_CHARSET_MISMATCH": (1253, "42000", "COLLATION '{}' is not valid for CHARACTER SET '{}'"),
    "SP_FETCH_NO_DATA": (1329, "02000", "No data - zero rows fetched, selected, or processed"),
    "NO_SUCH_ROW": (1032, "HY000", "Table '{}' has never had a row with the key {}"),
    "WRONG_POSITION": (1236, "HY000", "Incorrect position in the change stream: '{}' ({})"),
    "UNKNOWN_STORAGE_ENGINE": (1286, "42000", "Unknown storage engine '{}'"),
    "TRUNCATED_WRONG_VALUE": (1292, "22007", "Truncated incorrect {} value: '{}'"),
    "INCORRECT_VALUE": (1292, "22007", "Incorrect {} value: '{}' for column `{}`.`{}`.`{}` at row {}"),
    "ROWS_HAVE_CHANGED": (1020, "HY000", "Record has changed since transaction '{}': {}"),
    "NO_SUCH_TRANSACTION": (1397, "XAE04", "XAER_NOTA: Unknown transaction '{}'; fauna.transactions lists them"),
    "WRONG_SYSTEM_TIME": (1525, "HY000", "Incorrect SYSTEM_TIME value: '{}' ({})"),
    "WRONG_VALUE": (1292, "22007", "Incorrect {} value: '{}'"),
    "INVALID_ON_UPDATE": (1294, "HY000", "Invalid ON UPDATE clause for '{}' column"),
    "UNKNOWN_EXPLAIN_FORMAT": (1791, "HY000", "Unknown {} format name: '{}'"),
    "UNSUPPORTED_PS": (1295, "HY000", "This command is not supported in the prepared statement protocol yet"),
    "UNKNOWN_TIME_ZONE": (1298, "HY000", "Unknown or incorrect time zone: '{}'"),
    "INVALID_CHARACTER_STRING": (1300, "HY000", "Invalid {} character string: '{}'"),
    "SP_DOES_NOT_EXIST": (1305, "42000", "{} {} does not exist"),
    "QUERY_INTERRUPTED": (1317, "70100", "Query execution was interrupted"),
    "VIEW_SELECT_DERIVED": (1349, "HY000", "View's SELECT contains a subquery in the FROM clause"),
    "NON_INSERTABLE_TABLE": (1471, "HY000", "The target table {} of the {} is not insertable-into"),
    "NON_UPDATABLE_TABLE": (1288, "HY000", "The target table {} of the {} is not updatable"),
    "WRONG_OBJECT": (1347, "HY000", "'{}.{}' is not of type '{}'"),
    "VIEW_INVALID": (
        1356,
        "HY000",
        "View '{}.{}' references invalid table(s) or column(s) or function(s) or definer/invoker of view lack rights to use them",
    ),
    "NO_DEFAULT_FOR_FIELD": (1364, "HY000", "Field '{}' doesn't have a default value"),
    "DIVISION_BY_ZERO": (1365, "22012", "Division by 0"),
    "INCORRECT_FIELD_VALUE": (1366, "22007", "Incorrect {} value: '{}' for column `{}`.`{}`.`{}` at row {}"),
    "XAER_NOTA": (1397, "XAE04", "XAER_NOTA: Unknown XID"),
    "XAER_INVAL": (1398, "XAE05", "XAER_INVAL: Invalid arguments (or unsupported command)"),
    "XAER_RMFAIL": (1399, "XAE07", "XAER_RMFAIL: The command cannot be executed when global transaction is in the  {} state"),
    "XAER_OUTSIDE": (1400, "XAE09", "XAER_OUTSIDE: Some work is done outside global transaction"),
    "TRANS_CACHE_FULL": (
        1197, "HY000", "The transaction has changed more rows on one shard than can be committed together with other shards; "
        "change fewer rows in one transaction"),
    "XA_RBROLLBACK": (1402, "XA100", "XA_RBROLLBACK: Transaction branch was rolled back"),
    "XA_RBTIMEOUT": (1613, "XA106", "XA_RBTIMEOUT: Transaction branch was rolled back: took too long"),
    "XA_RBDEADLOCK": (1614, "XA102", "XA_RBDEADLOCK: Transaction branch was rolled back: deadlock was detected"),
    "XAER_DUPID": (1440, "XAE08", "XAER_DUPID: The XID already exists"),
    "DATA_TOO_LONG": (1406, "22001", "Data too long for column '{}' at row {}"),
    "TRUNCATED_WRONG_VALUE_FOR_TYPE": (1411, "HY000", "Incorrect {} value: '{}' for function {}"),
    "TOO_BIG_SCALE": (1425, "42000", "Too big scale specified for '{}'. Maximum is {}"),
    "TOO_BIG_PRECISION": (1426, "42000", "Too big precision specified for '{}'. Maximum is {}"),
    "M_BIGGER_THAN_D": (1427, "42000", "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '{}')"),
    "TOO_BIG_DISPLAYWIDTH": (1439, "42000", "Display width out of range for '{}' (max = {})"),
    "STACK_OVERRUN_NEED_MORE": (1436, "HY000", "The statement is nested too deeply: FaunaDB allows {} levels"),
    "DATETIME_FUNCTION_OVERFLOW": (1441, "22008", "Datetime function: {} field overflow"),
    "CUT_VALUE_GROUP_CONCAT": (1260, "HY000", "Row {} was cut by {}"),
    "WRONG_TEMPORAL_LITERAL": (1525, "HY000", "Incorrect {} value: '{}'"),
    "ILLEGAL_VALUE_FOR_TYPE": (1367, "22007", "Illegal {} '{}' value found during parsing"),
    "DUP_QUERY_NAME": (4004, "HY000", "Duplicate query name `{}` in WITH clause"),
    "WRONG_WINDOW_SPEC_NAME": (4009, "HY000", "Window specification with name '{}' is not defined"),
    "INVALID_NTILE_ARGUMENT": (4024, "HY000", "Argument of NTILE must be greater than 0"),
    "WRONG_PLACEMENT_OF_WINDOW_FUNCTION": (4015, "HY000", "Window function is allowed only in SELECT list and ORDER BY clause"),
    "WRONG_USAGE": (1221, "HY000", "Incorrect usage of {} and {}"),
    "DROP_INDEX_FK": (1553, "HY000", "Cannot drop index '{}': needed in a foreign key constraint"),
    "MAX_PREPARED_STMT_COUNT": (1461, "42000", "Can't create more than max_prepared_stmt_count statements (current value: {})"),
    "WRONG_PARAMCOUNT_TO_NATIVE_FCT": (1582, "42000", "Incorrect parameter count in the call to native function '{}'"),
    "WRONG_PARAMETERS_TO_NATIVE_FCT": (1583, "42000", "Incorrect parameters in the call to native function '{}'"),
    "CANT_CHANGE_TX_CHARACTERISTICS": (
        1568,
        "25001",
        "Transaction characteristics can't be changed while a transaction is in progress",
    ),
    "DUP_ENTRY_AUTOINCREMENT_CASE": (
        1569,
        "HY000",
        "ALTER TABLE causes auto_increment resequencing, resulting in duplicate entry '{}' for key '{}'",
    ),
    "DUP_UNKNOWN_IN_INDEX": (1859, "23000", "Duplicate entry for key '{}'"),
    "AUTOINC_READ_FAILED": (1467, "HY000", "Failed to read auto-increment value from storage engine"),
    "DATA_OUT_OF_RANGE": (1690, "22003", "{} value is out of range in '{}'"),
    "READ_ONLY_TRANSACTION": (1792, "25006", "Cannot execute statement in a READ ONLY transaction"),
    "FK_CANNOT_OPEN_PARENT": (1824, "HY000", "Failed to open the referenced table '{}'"),
    "FK_COLUMN_CANNOT_DROP": (1828, "HY000", "Cannot drop column '{}': needed in a foreign key constraint '{}'"),
    "FK_COLUMN_CANNOT_CHANGE": (1833, "HY000", "Cannot change column '{}': used in a foreign key constraint '{}' of table '{}'"),
    "DUP_CONSTRAINT_NAME": (1826, "HY000", "Duplicate {} constraint name '{}'"),
    "CANNOT_DROP_PARENT": (1451, "23000", "Cannot delete or update a parent row: a foreign key constraint fails"),
    "OPTION_PREVENTS_STATEMENT": (1290, "HY000", "The server is running with the {} option so it cannot execute this statement"),
    "CANT_CREATE_GEOMETRY_OBJECT": (1416, "22003", "Cannot get geometry object from data you send to the GEOMETRY field"),
    "SP_WRONG_NAME": (1458, "42000", "Incorrect routine name '{}'"),
    "SP_DUP_PARAM": (1330, "42000", "Duplicate parameter: {}"),
    "SP_WRONG_NO_OF_ARGS": (1318, "42000", "Incorrect number of arguments for {} {}; expected {}, got {}"),
    "SP_ALREADY_EXISTS": (1304, "42000", "{} {} already exists"),
    "SAVEPOINT_DOES_NOT_EXIST": (1305, "42000", "SAVEPOINT {} does not exist"),
    "ERROR_DURING_COMMIT": (1180, "HY000", "Got error {} during COMMIT"),
    "TOO_MANY_CONCURRENT_TRXS": (1637, "HY000", "Too many active concurrent transactions (at most {}); finish or close some"),
    "GENERATED_COLUMN_NON_DEFAULT": (
        1906,
        "HY000",
        "The value specified for generated column '{}' in table '{}' has been ignored",
    ),
    "WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN": (
        1906,
        "HY000",
        "The value specified for generated column '{}' in table '{}' has been ignored",
    ),
    "MALFORMED_COMMUNICATION_PACKET": (1835, "HY000", "Malformed communication packet: {}"),
    "DATA_OVERFLOW": (1916, "22003", "Got overflow when converting '{}' to {}. Value truncated"),
    "CONNECTION_KILLED": (1927, "70100", "Connection was killed"),
    "STATEMENT_TIMEOUT": (1969, "70100", "Query execution was interrupted (max_statement_time exceeded)"),
    "INSECURE_TRANSPORT": (
        3159,
        "HY000",
        "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
    ),
    "LOCAL_INFILE_DISABLED": (
        4166,
        "HY000",
        "The used command is not allowed because the MariaDB server or client has disabled the local infile capability",
    ),
    "CONSTRAINT_FAILED": (4025, "23000", "CONSTRAINT `{}` failed for `{}`.`{}`"),
    "ZLIB_TOO_BIG": (
        1256,
        "HY000",
        "Uncompressed data size too large; the maximum size is {} (probably, length of uncompressed data was corrupted)",
    ),
    "ZLIB_BUFFER": (
        1258,
        "HY000",
        "ZLIB: Not enough room in the output buffer (probably, length of uncompressed data was corrupted)",
    ),
    "ZLIB_DATA": (1259, "HY000", "ZLIB: Input data corrupted"),
    "WARN_ALLOWED_PACKET_OVERFLOWED": (1301, "HY000", "Result of {}() was larger than max_allowed_packet ({}) - truncated"),
    "BAD_BASE64_DATA": (1958, "HY000", "Bad base64 data as position {}"),
    "USER_LOCK_WRONG_NAME": (3057, "42000", "Incorrect user-level lock name '{}'"),
    "JSON_BAD_CHARACTER": (4036, "HY000", "Character disallowed in JSON in argument {} to function '{}' at position {}"),
    "JSON_END": (4037, "HY000", "Unexpected end of JSON text in argument {} to function '{}'"),
    "JSON_ESCAPING": (4039, "HY000", "Incorrect escaping in JSON string in argument {} to function '{}' at position {}"),
    "JSON_DEPTH": (
        4040,
        "HY000",
        "Limit of {} on JSON nested structures depth is reached in argument {} to function '{}' at position {}",
    ),
    "JSON_PATH_END": (4041, "HY000", "Unexpected end of JSON path in argument {} to function '{}'"),
    "JSON_PATH_NO_WILDCARD": (4044, "HY000", "Wildcards or range in JSON path not allowed in argument {} to function '{}'"),
    "JSON_ONE_OR_ALL": (4046, "HY000", 'Argument 2 to function \'{}\' must be "one" or "all".'),
    "JSON_PATH_ROOT": (4051, "HY000", "Path expression '{}' is not allowed in argument {} to function '{}'."),
    "JSON_PATH_ARRAY": (4052, "HY000", "JSON path should end with an array identifier in argument {} to function '{}'"),
    "SFORMAT_ERROR": (4183, "HY000", "SFORMAT error: {}"),
    "UNKNOWN_LOCALE": (1649, "HY000", "Unknown locale: '{}'"),
    "JSON_SYNTAX": (4038, "HY000", "Syntax error in JSON text in argument {} to function '{}' at position {}"),
    "JSON_PATH_SYNTAX": (4042, "HY000", "Syntax error in JSON path in argument {} to function '{}' at position {}"),
    "WITH_TIES_NEEDS_ORDER": (4180, "HY000", "FETCH ... WITH TIES requires ORDER BY clause to be present"),
    "SEQUENCE_RUN_OUT": (4084, "HY000", "Sequence '{}.{}' has run out"),
    "UNKNOWN_SEQUENCES": (4091, "42S02", "Unknown SEQUENCE: '{}'"),
    "SEQUENCE_ACCESS": (4086, "HY000", "Sequence '{}.{}' table structure is invalid"),
    "WRONG_NUMBER_OF_VALUES_IN_TVC": (4099, "HY000", "The used table value constructor has a different number of values"),
    # data definition
    "ERROR_ON_RENAME": (1025, "HY000", "Error on rename of '{}' to '{}' (errno: {} \"{}\")"),
    "ILLEGAL_HA": (1031, "HY000", "Storage engine {} of the table `{}`.`{}` doesn't have this option"),
    "TOO_LONG_KEY": (1071, "42000", "Specified key was too long; max key length is {} bytes"),
    "TOO_MANY_KEYS": (1069, "42000", "Too many keys specified; max {} keys allowed"),
    "TOO_MANY_KEY_PARTS": (1070, "42000", "Too many key parts specified; max {} parts allowed"),
    "WRONG_SUB_KEY": (
        1089,
        "HY000",
        "Incorrect prefix key; the used key part isn't a string, the used length is longer than the key part, "
        "or the storage engine doesn't support unique prefix keys",
    ),
    "ROW_SIZE_LIMIT": (
        1118,
        "42000",
        "Row size too large. The maximum row size for the used table type, not counting BLOBs, is 65535. This includes "
        "storage overhead, check the manual. You have to change some columns to TEXT or BLOBs",
    ),
    "CANNOT_ADD_FOREIGN": (1215, "HY000", "Cannot add foreign key constraint for `{}`"),
    "AUTO_CONVERT": (1246, "HY000", "Converting column '{}' from {} to {}"),
    "WRONG_NAME_FOR_INDEX": (1280, "42000", "Incorrect index name '{}'"),
    "NAME_IGNORED_FOR_PRIMARY": (1280, "42000", "Name '{}' ignored for PRIMARY key."),
    "DEPRECATED": (1287, "HY000", "'{}' is deprecated and will be removed in a future release. Please use {} instead"),
    "DUPLICATED_VALUE_IN_TYPE": (1291, "HY000", "Column '{}' has duplicated value '{}' in {}"),
    "VIEW_SELECT_VARIABLE": (1351, "HY000", "View's SELECT contains a variable or parameter"),
    "VIEW_SELECT_CLAUSE": (1350, "HY000", "View's SELECT contains a '{}' clause"),
    "VIEW_SELECT_TMPTABLE": (1352, "HY000", "View's SELECT refers to a temporary table '{}'"),
    "VIEW_WRONG_LIST": (1353, "HY000", "View's SELECT and view's field list have different column counts"),
    "TOO_MANY_MEMBERS": (1097, "HY000", "Too many strings for column {} and {}"),
    "FK_COLUMN_NOT_NULL": (1830, "HY000", "Column '{}' cannot be NOT NULL: needed in a foreign key constraint '{}' SET NULL"),
    "TABLE_NAME_NOT_BASE": (1347, "HY000", "'{}.{}' is not of type 'BASE TABLE'"),
    "CANT_DROP": (1091, "42000", "Can't DROP {} `{}`; check that it exists"),
    "NO_BINARY_LOGGING": (1381, "HY000", "You are not using binary logging"),
    "KEY_PART_0": (1391, "HY000", "Key part '{}' length cannot be 0"),
    "TRUNCATE_ILLEGAL_FK": (1701, "42000", "Cannot truncate a table referenced in a foreign key constraint ({})"),
    "TOO_LONG_TABLE_COMMENT": (1628, "HY000", "Comment for table '{}' is too long (max = {})"),
    "TOO_LONG_FIELD_COMMENT": (1629, "HY000", "Comment for field '{}' is too long (max = {})"),
    "TOO_LONG_INDEX_COMMENT": (1688, "HY000", "Comment for index '{}' is too long (max = {})"),
    "FK_COLUMN_CANNOT_DROP_CHILD": (
        1829,
        "HY000",
        "Cannot drop column '{}': needed in a foreign key constraint '{}' of table {}",
    ),
    "DUP_INDEX": (1831, "HY000", "Duplicate index `{}`. This is deprecated and will be disallowed in a future release"),
    "FK_COLUMN_CANNOT_CHANGE_OWN": (1832, "HY000", "Cannot change column '{}': used in a foreign key constraint '{}'"),
    "GENERATED_FUNCTION_NOT_ALLOWED": (1901, "HY000", "Function or expression '{}' cannot be used in the {} clause of {}"),
    "GENERATED_PRIMARY_KEY": (1903, "HY000", "Primary key cannot be defined upon a generated column"),
    "GENERATED_UNSUPPORTED_ALTER": (1907, "HY000", "This is not yet supported for generated columns"),
    "IT_IS_A_VIEW": (1965, "42S02", "'{}' is a view"),
    "SUBQUERIES_NOT_SUPPORTED": (1970, "42000", "{} does not support subqueries or stored functions"),
    "UNINITIALIZED_FIELD": (4029, "01000", "Expression for field `{}` is referring to uninitialized field `{}`"),
    "SEQUENCE_INVALID_DATA": (4085, "HY000", "Sequence '{}.{}' has out of range value for options"),
    "NOT_SEQUENCE": (4089, "42S02", "'{}.{}' is not a SEQUENCE"),
    "NOT_SEQUENCE2": (4090, "42S02", "'{}.{}' is not a SEQUENCE"),
    "UNKNOWN_VIEW": (4092, "42S02", "Unknown VIEW: '{}'"),
    "UNKNOWN_OPTION": (1911, "HY000", "Unknown option '{}'"),
    "UNKNOWN_DATA_TYPE": (4161, "HY000", "Unknown data type: '{}'"),
    "NONEXISTING_GRANT": (1141, "42000", "There is no such grant defined for user '{}' on host '{}'"),
    "NOT_VALID_PASSWORD": (1819, "HY000", "Your password does not satisfy the current policy requirements: it must not be empty"),
    "PLUGIN_IS_NOT_LOADED": (1524, "HY000", "Plugin '{}' is not loaded"),
    "PASSWORD_FORM": (1827, "HY000", "The password hash doesn't have the expected format."),
    "PASSWORD_NO_MATCH": (1133, "28000", "Can't find any matching row in the user table"),
    "TRG_DOES_NOT_EXIST": (1360, "HY000", "Trigger does not exist"),
    "EVENT_DOES_NOT_EXIST": (1539, "HY000", "Unknown event '{}'"),
    "VIEW_DUP": (1050, "42S01", "Table '{}' already exists"),
    "FIELD_NOT_FOUND_PART": (1488, "HY000", "Field in list of fields for partition function not found in table"),
    "TOO_MANY_PARTITIONS": (1499, "HY000", "Too many partitions (including subpartitions) were defined"),
    "BLOB_FIELD_IN_PART_FUNC": (1502, "HY000", "A BLOB field is not allowed in partition function"),
    "NO_PARTS": (1504, "HY000", "Number of {} = 0 is not an allowed value"),
    "FEATURE_NOT_SUPPORTED_WITH_PARTITIONING": (1506, "HY000", "Partitioned tables do not support {}"),
    "SAME_NAME_PARTITION_FIELD": (1652, "HY000", "Duplicate partition field name '{}'"),
    "TOO_MANY_PARTITION_FIELDS": (1655, "HY000", "Too many fields in '{}'"),
}

_RETRYABLE: Final = frozenset({"LOCK_WAIT_TIMEOUT", "LOCK_DEADLOCK", "CHECKREAD"})
_FATAL: Final = frozenset(
    {
        "CON_COUNT",
        "HANDSHAKE",
        "ACCESS_DENIED",
        "NET_PACKET_TOO_LARGE",
        "NET_READ_ERROR",
        "NET_READ_INTERRUPTED",
        "CONNECTION_KILLED",
    }
)


def error(condition: str, *args: object) -> SqlError:
    """The error for `condition`, a key of CONDITIONS, its text filled with `args`.

    Returned, not raised, so that callers read `raise error("NO_SUCH_TABLE", db, table)`.
    """
    errno, sqlstate, template = CONDITIONS[condition]
    message = template.format(*args)
    if condition in _RETRYABLE:
        return RetryableError(errno, sqlstate, message)
    if condition in _FATAL:
        return FatalError(errno, sqlstate, message)
    return SqlError(errno, sqlstate, message)


def unsupported(what: str) -> SqlError:
    """Error 1235: nothing is silently ignored."""
    return error("NOT_SUPPORTED_YET", what)
