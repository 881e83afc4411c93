"""What a MariaDB 10.11 can do, in SQLAlchemy's words; what is not said here is as SuiteRequirements says."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

CAN = (
    "table_ddl_if_exists", "index_ddl_if_exists", "uuid_data_type", "unique_index_reflect_as_unique_constraints",
    "unique_constraints_reflect_as_index", "foreign_keys_reflect_as_index", "create_table_as", "create_temp_table_as",
    "intersect", "except_", "window_functions", "window_range", "window_range_numeric", "ctes", "tuple_in", "emulated_lastrowid",
    "dbapi_lastrowid", "views", "implicit_default_schema", "comment_reflection", "comment_reflection_full_unicode",
    "column_collation_reflection", "foreign_key_constraint_name_reflection", "cross_schema_fk_reflection", "schemas",
    "foreign_key_constraint_option_reflection_ondelete", "fk_constraint_option_reflection_ondelete_noaction",
    "foreign_key_constraint_option_reflection_onupdate", "has_temp_table", "create_or_replace_view",
    "inline_check_constraint_reflection", "check_constraint_reflection", "nvarchar_types", "unicode_ddl", "datetime_literals",
    "datetime_historic", "date_historic", "autocommit", "isolation_level", "json_type", "precision_numerics_enotation_small",
    "precision_numerics_many_significant_digits", "server_defaults", "expression_server_defaults", "aggregate_order_by",
    "precision_numerics_retains_significant_digits", "savepoints", "delete_from", "update_from", "mod_operator_as_percent_sign",
    "percent_schema_names", "order_by_label_with_expression", "computed_columns", "computed_columns_stored", "computed_columns_virtual",
    "computed_columns_default_persisted", "regexp_match", "regexp_replace", "fetch_first", "fetch_no_order_by", "fetch_ties",
    "reflect_table_options", "supports_bitwise_or", "supports_bitwise_and", "supports_bitwise_not", "supports_bitwise_xor",
    "supports_bitwise_shift", "boolean_col_expressions", "repeated_column_foreign_keys", "non_updating_cascade", "sequences",
    "insert_returning", "delete_returning", "insert_executemany_returning", "table_value_constructor", "infinity_floats",
    "float_or_double_precision_behaves_generically", "temp_table_reflection", "two_phase_transactions", "schema_create_delete",
    "indexes_check_column_order", "sequences_optional",
)  # fmt: skip
CANNOT = (
    "update_returning", "no_sequences", "infinity_floats", "timestamp_microseconds", "time_timezone", "temp_table_reflect_indexes",
    "two_phase_transactions", "table_value_constructor", "schema_create_delete", "percent_schema_names", "fetch_percent", "infinity_floats",
    "ctes_on_dml", "supports_distinct_on", "identity_columns", "nullsordering", "deferrable_fks", "reflect_tables_no_columns",
    "sequences_optional", "float_or_double_precision_behaves_generically", "json_deserializer_binary", "expression_server_defaults",
)  # fmt: skip


class Requirements(SuiteRequirements):
    def get_order_by_collation(self, config: Any) -> str:
        return "utf8mb4_bin"

    def get_isolation_levels(self, config: Any) -> dict[str, Any]:
        levels = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"}
        return {"default": "REPEATABLE READ", "supported": levels}


for _names, _rule in ((CAN, exclusions.open), (CANNOT, exclusions.closed)):
    for _name in _names:
        setattr(Requirements, _name, property(lambda self, rule=_rule: rule()))
