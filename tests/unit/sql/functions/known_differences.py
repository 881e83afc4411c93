"""Where the library is known not to answer as MariaDB 10.11 does, and why."""

from __future__ import annotations

_FRACTION = "a DATETIME from a string or a double has six digits here; MariaDB drops them when they are zero"
_FOLDED = "MariaDB folds the nested call to a constant first and takes the result's digits from its value"
_ZERO_WEEK = "MariaDB prints an overflowed unsigned number for the week of the zero date; here it is NULL"
_WHOLE = "the document is checked as a whole; MariaDB stops reading once the answer is clear"
_LENGTH = "the column's length only: MariaDB has a rule of its own for this call"
_JSON_TYPE = "the column's length only: type rules do not know that an argument is JSON or a boolean"

VALUES = {
    "from_unixtime(1e9)": _FRACTION,
    "from_unixtime('x')": _FRACTION,
    "from_unixtime('1704067200')": _FRACTION,
    "unix_timestamp(concat('2024-01-01',''))": _FOLDED,
    "date_format('0000-00-00','%Y-%m-%d %H %U')": _ZERO_WEEK,
    "json_contains('{\"a\":1','1')": _WHOLE,
    "json_array(date'2024-01-01', timestamp'2024-01-01 10:00:00.5', time'10:00:00.5')": "a TIME's fraction has six digits inside JSON",
}
WARNINGS = {
    "json_contains('{\"a\":1','1')": _WHOLE,
    "left('abc','1x')": "MariaDB converts the argument twice and warns twice",
}
# The length follows the server's max_allowed_packet.
TYPE_UNCHECKED = ("sformat",)
TYPES = {
    "unix_timestamp(concat('2024-01-01',''))": _FOLDED,
    "str_to_date(concat('2024-01-01',''),concat('%Y-%m-%d',''))": _FOLDED,
    "json_set('{\"a\":1}','$.a',2,'$.b','x')": _LENGTH,
    "json_insert('{\"a\":1}','$.a',2,'$.b','x')": _LENGTH,
    "json_replace('{\"a\":1}','$.a',2,'$.b','x')": _LENGTH,
    "json_set('{\"a\":{}}','$.a.c',json_array(1))": _JSON_TYPE,
    "json_set(null,'$.a',5)": _LENGTH,
    "json_object('a', json_extract('{\"a\":[1,  2]}','$.a'))": _JSON_TYPE,
    "json_array(json_query('{\"a\":{}}','$.a'))": _JSON_TYPE,
    "json_object('a',json_query('{\"x\":[1,  2]}','$.x'))": _JSON_TYPE,
    "json_array(json_search('[\"a\"]','one','a'))": _JSON_TYPE,
    "json_array(json_extract('[1,  2]','$'), json_set('{}','$.a',1), json_merge('[1]','2'), json_object('k',json_array(true,false)))": _JSON_TYPE,
    "json_set('{}','$.a',json_query('{\"x\":[1,  2]}','$.x'))": _JSON_TYPE,
    "json_array(true)": _JSON_TYPE,
    "json_array(-1.50, 12345678901234567890, 1e15, 1.5e-20, 123456789012345678)": _LENGTH,
    "json_insert('{\"a\":1}','$.b',json_object('x',1),'$.c',true,'$.d',1.50,'$.e',null)": _JSON_TYPE,
    "concat(1e0,true)": "the test's own literal: a DOUBLE is taken to be 22 wide",
    "left('abc','1x')": _LENGTH,
    "repeat('ab',null)": _LENGTH,
    "hex(null)": _LENGTH,
    "quote(null)": _LENGTH,
    "natural_sort_key('a9')": _LENGTH,
    "natural_sort_key('img12.png')": _LENGTH,
    "natural_sort_key('x')": _LENGTH,
    "sha2('abc',1)": _LENGTH,
    "sha2('abc',null)": _LENGTH,
    "timestamp('2024-01-01',null)": _LENGTH,
}
