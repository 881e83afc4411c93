"""Date and time functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fauna.catalog.types import DATE_TYPE, INT64_MAX, STRINGS, TEMPORAL, Kind, SqlType, datetime_type, time_type
from fauna.catalog.values import format_time
from fauna.errors import error
from fauna.sql.context import current
from fauna.sql.functions.calendar import (
    DAY_NUMBER_MAX,
    US_PER_SECOND,
    date_of,
    day_number,
    last_day,
    microseconds_of,
    set_from_microseconds,
    week_of,
    weekday,
)
from fauna.sql.functions.intervals import DATE_UNITS, SIMPLE, TIME_UNITS, add_interval, add_to_time, interval_of
from fauna.sql.functions.registry import Arg, ArgInfo, Function, TypeRule, register
from fauna.sql.functions.results import (
    FRACTION_MAX,
    constant_int,
    date_rule,
    decimals_of,
    fixed,
    fraction_of,
    int_type,
    integer_or_decimal,
    string_type,
    text_of,
    width,
)
from fauna.sql.functions.temporal_arguments import (
    as_datetime,
    as_text,
    as_time,
    split_number,
    warn_incorrect,
    warn_truncated,
)
from fauna.sql.functions.temporal_format import (
    DAYS,
    GET_FORMATS,
    MONTHS,
    format_fields,
    format_parts,
    format_width,
    parse_by_format,
)
from fauna.sql.functions.temporal_parse import TIME_MAX_US, Fields, datetime_fields, fields_from_number, fields_of, time_fields
from fauna.sql.functions.time_zone import (
    UNIX_SECONDS_MAX,
    convert,
    local_from_unix,
    unix_from_local,
    utc_now_fields,
    zone_of,
)

_PLAIN_MAX: Final = 10_000_000  # interval quantities that Python's dates take without a thought
FRACTION_UNITS: Final = (1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)  # microseconds of the last digit of DATETIME(n)
_STAMPS: Final = (Kind.DATETIME, Kind.TIMESTAMP)
_LOOKS_LIKE_DATE = re.compile(r"\s*\d+[^\w\s:.]\d")

# --- the current time -------------------------------------------------------------------------------------------


def _fsp_rule(make: Callable[[int], SqlType]) -> TypeRule:
    def rule(args: Sequence[ArgInfo]) -> SqlType:
        digits = (constant_int(args[0]) or 0) if args else 0
        if digits < 0:
            raise error("TOO_BIG_PRECISION", "now", FRACTION_MAX)
        return make(min(digits, FRACTION_MAX))

    return rule


def _cut(text: str, scale: int) -> str:
    return text[: 20 + scale] if scale else text[:19]


def _now(*values: Any) -> str:
    return _cut(values[-2], values[-1])


def _time_of(text: str, scale: int) -> int:
    total = fields_of(text).time_us()
    return total - total % FRACTION_UNITS[scale]


def _curtime(*values: Any) -> int:
    return _time_of(values[-2], values[-1])


def _sysdate(*values: Any) -> str | None:
    zone = zone_of(values[-2])
    now = utc_now_fields()
    local = convert(now, zone_of("UTC") or time_zone_missing(), zone or time_zone_missing())
    return _cut(local.text(6), values[-1])


def time_zone_missing() -> Any:
    raise AssertionError("a session's time zone is always known")


register(
    Function(
        "NOW",
        (Arg.INTEGER,),
        0,
        1,
        _fsp_rule(datetime_type),
        _now,
        nullable=False,
        deterministic=False,
        session=("now",),
        pass_scale=True,
    ),
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
)
register(
    Function(
        "UTC_TIMESTAMP",
        (Arg.INTEGER,),
        0,
        1,
        _fsp_rule(datetime_type),
        _now,
        nullable=False,
        deterministic=False,
        session=("utc_now",),
        pass_scale=True,
    )
)
register(
    Function("CURDATE", (), 0, 0, date_rule, lambda now: now[:10], nullable=False, deterministic=False, session=("now",)),
    "CURRENT_DATE",
)
register(
    Function("UTC_DATE", (), 0, 0, date_rule, lambda now: now[:10], nullable=False, deterministic=False, session=("utc_now",))
)
register(
    Function(
        "CURTIME",
        (Arg.INTEGER,),
        0,
        1,
        _fsp_rule(time_type),
        _curtime,
        nullable=False,
        deterministic=False,
        session=("now",),
        pass_scale=True,
    ),
    "CURRENT_TIME",
)
register(
    Function(
        "UTC_TIME",
        (Arg.INTEGER,),
        0,
        1,
        _fsp_rule(time_type),
        _curtime,
        nullable=False,
        deterministic=False,
        session=("utc_now",),
        pass_scale=True,
    )
)
register(
    Function(
        "SYSDATE",
        (Arg.INTEGER,),
        0,
        1,
        _fsp_rule(datetime_type),
        _sysdate,
        nullable=False,
        deterministic=False,
        session=("time_zone",),
        pass_scale=True,
    )
)

# --- parts of a date --------------------------------------------------------------------------------------------


def _substr(first: int, count: int) -> Callable[[Sequence[str], Sequence[SqlType]], str | None]:
    """SQLite text that takes a number out of a stored DATE or DATETIME."""

    def sql_for(args: Sequence[str], types: Sequence[SqlType]) -> str | None:
        if types[0].kind in (Kind.DATE, *_STAMPS):
            return f"CAST(substr({args[0]},{first},{count}) AS INTEGER)"
        return None

    return sql_for


def _date_part(name: str, length: int, first: int, count: int, *synonyms: str) -> None:
    def sql(args: Sequence[str]) -> str:
        return f"CAST(substr({args[0]},{first},{count}) AS INTEGER)"

    register(
        Function(
            name,
            (Arg.DATE,),
            1,
            1,
            int_type(length),
            lambda date: int(date[first - 1 : first - 1 + count]),
            sql=sql,
            sql_for=_substr(first, count),
        ),
        *synonyms,
    )


_date_part("YEAR", 4, 1, 4)
_date_part("MONTH", 2, 6, 2)
_date_part("DAYOFMONTH", 2, 9, 2, "DAY")


def _quarter_sql(args: Sequence[str]) -> str:
    return f"(CAST(substr({args[0]},6,2) AS INTEGER)+2)/3"


register(Function("QUARTER", (Arg.DATE,), 1, 1, int_type(1), lambda date: (int(date[5:7]) + 2) // 3, sql=_quarter_sql))


def _whole(date: str) -> bool:
    """Whether a date has no zero parts; a warning when it has."""
    if date[5:7] == "00" or date[8:10] == "00":
        warn_incorrect("datetime", date[:10])
        return False
    return True


def _ymd(date: str) -> tuple[int, int, int]:
    return int(date[:4]), int(date[5:7]), int(date[8:10])


def _day(text: str) -> int:
    """TO_DAYS of a date without zero parts."""
    try:
        return date.fromisoformat(text[:10]).toordinal() + 365
    except ValueError:  # the year 0
        return day_number(*_ymd(text))


def _on_whole(compute: Callable[..., Any]) -> Callable[..., Any]:
    """`compute` over dates without zero parts; others give NULL and a warning."""
    return lambda date, *rest: compute(date, *rest) if _whole(date) else None


def _with_mode(compute: Callable[[str, int], int]) -> Callable[..., int | None]:
    """WEEK and YEARWEEK: no mode is the default (the last value), a NULL mode is 0."""
    return lambda date, *modes: compute(date, (modes[0] or 0) if modes else 0) if date is not None and _whole(date) else None


def _week(date: str, mode: int) -> int:
    return week_of(*_ymd(date), mode)[0]


def _yearweek(date: str, mode: int) -> int:
    week, year = week_of(*_ymd(date), mode | 2)
    return year * 100 + week


def _monthname(date: str) -> str | None:
    month = int(date[5:7])
    return MONTHS[month - 1] if month else None


def _last_day(date: str) -> str | None:
    if date[5:7] == "00":
        return None
    return last_day(date[:10])


def _datediff(left: str, right: str) -> int | None:
    if not _whole(left) or not _whole(right):
        return None
    return _day(left) - _day(right)


def _to_seconds(text: str) -> int:
    return microseconds_of(fields_of(text)) // US_PER_SECOND


def _sql_date(args: Sequence[str], types: Sequence[SqlType]) -> str | None:
    if types[0].kind in _STAMPS:
        return f"substr({args[0]},1,10)"
    return args[0] if types[0].kind is Kind.DATE else None


register(
    Function(
        "DATE", (Arg.DATE,), 1, 1, date_rule, lambda date: date[:10], sql=lambda a: f"substr({a[0]},1,10)", sql_for=_sql_date
    )
)
register(Function("DAYNAME", (Arg.DATE,), 1, 1, text_of(9), _on_whole(lambda d: DAYS[weekday(_day(d))])))
register(Function("DAYOFWEEK", (Arg.DATE,), 1, 1, int_type(1), _on_whole(lambda d: weekday(_day(d), sunday_first=True) + 1)))
register(Function("WEEKDAY", (Arg.DATE,), 1, 1, int_type(1), _on_whole(lambda d: weekday(_day(d)))))
register(
    Function(
        "DAYOFYEAR", (Arg.DATE,), 1, 1, int_type(3), _on_whole(lambda d: day_number(*_ymd(d)) - day_number(int(d[:4]), 1, 1) + 1)
    )
)
register(Function("MONTHNAME", (Arg.DATE,), 1, 1, text_of(9), _monthname))
register(
    Function(
        "WEEK", (Arg.DATE, Arg.INTEGER), 1, 2, int_type(2), _with_mode(_week), null_aware=True, session=("default_week_format",)
    )
)
register(Function("YEARWEEK", (Arg.DATE, Arg.INTEGER), 1, 2, int_type(6), _with_mode(_yearweek), null_aware=True))
register(Function("WEEKOFYEAR", (Arg.DATE,), 1, 1, int_type(2), _on_whole(lambda d: _week(d, 3))))
register(Function("LAST_DAY", (Arg.DATE,), 1, 1, date_rule, _last_day))
register(Function("TO_DAYS", (Arg.DATE,), 1, 1, int_type(6), _on_whole(_day)))
register(Function("TO_SECONDS", (Arg.DATETIME,), 1, 1, fixed(SqlType(Kind.BIGINT, 12)), _on_whole(_to_seconds)))
register(Function("DATEDIFF", (Arg.DATE, Arg.DATE), 2, 2, int_type(8), _datediff))


def _from_days(days: int) -> str:
    year, month, day = date_of(days)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _makedate(year: int, day: int) -> str | None:
    if not 0 <= year <= 9999 or day <= 0:
        return None
    if year < 100:
        year += 2000 if year < 70 else 1900
    number = day_number(year, 1, 1) + day - 1
    return _from_days(number) if 0 < number <= DAY_NUMBER_MAX else None


register(Function("FROM_DAYS", (Arg.INTEGER,), 1, 1, date_rule, _from_days))
register(Function("MAKEDATE", (Arg.INTEGER, Arg.INTEGER), 2, 2, date_rule, _makedate))

# --- parts of a time --------------------------------------------------------------------------------------------


def _time_part(name: str, length: int, first: int, divisor: int, modulus: int) -> None:
    def sql_for(args: Sequence[str], types: Sequence[SqlType]) -> str | None:
        kind = types[0].kind
        if kind in _STAMPS:
            return f"CAST(substr({args[0]},{first},2) AS INTEGER)"
        return f"abs({args[0]})/{divisor}%{modulus}" if kind is Kind.TIME else None

    register(
        Function(name, (Arg.TIME,), 1, 1, int_type(length), lambda time_us: abs(time_us) // divisor % modulus, sql_for=sql_for)
    )


_time_part("HOUR", 2, 12, 3_600_000_000, 1 << 30)
_time_part("MINUTE", 2, 15, 60_000_000, 60)
_time_part("SECOND", 2, 18, 1_000_000, 60)
register(Function("MICROSECOND", (Arg.TIME,), 1, 1, int_type(6), lambda time_us: abs(time_us) % 1_000_000))


def _time_rule(args: Sequence[ArgInfo]) -> SqlType:
    return time_type(fraction_of(args[0], as_time=True))


def _time(value: Any, scale: int, letters: str) -> int | None:
    found = as_time(value, letters[0])
    return None if found is None else _clip_fraction(found, scale)


def _clip_fraction(time_us: int, scale: int) -> int:
    """Cut digits beyond `scale`, towards zero."""
    unit = FRACTION_UNITS[scale]
    return time_us - time_us % unit if time_us >= 0 else -(-time_us - -time_us % unit)


register(Function("TIME", (Arg.TEMPORAL,), 1, 1, _time_rule, _time, pass_scale=True, pass_types=True))


def _warn_clip(total: int, what: str, value: object) -> int:
    if abs(total) <= TIME_MAX_US:
        return total
    warn_truncated(what, value)
    return TIME_MAX_US if total > 0 else -TIME_MAX_US


def _maketime(hour: int, minute: int, second: Any, scale: int) -> int | None:
    microseconds = _decimal_us(second)
    if microseconds >= 60_000_000:
        warn_truncated("seconds", second)
        return None
    if not 0 <= minute <= 59 or microseconds < 0:
        return None
    size = abs(hour) * 3_600_000_000 + minute * 60_000_000 + microseconds
    if size > TIME_MAX_US:
        warn_truncated("time", f"{hour:02d}:{minute:02d}:{microseconds // 1_000_000:02d}")
        size = TIME_MAX_US
    return _clip_fraction(-size if hour < 0 else size, scale)


def _decimal_us(value: Any) -> int:
    """Microseconds of a number of seconds, cut after six digits."""
    if isinstance(value, int):
        return value * 1_000_000
    return int(Decimal(repr(value) if isinstance(value, float) else value) * 1_000_000)


def _decimals_rule(index: int) -> TypeRule:
    return lambda args: time_type(min(decimals_of(args[index]), FRACTION_MAX))


register(Function("MAKETIME", (Arg.INTEGER, Arg.INTEGER, Arg.DECIMAL), 3, 3, _decimals_rule(2), _maketime, pass_scale=True))


def _sec_to_time(seconds: Any, scale: int) -> int:
    total = _decimal_us(seconds)
    if abs(total) > TIME_MAX_US:
        warn_truncated("seconds", seconds)
        total = TIME_MAX_US if total > 0 else -TIME_MAX_US
    return _clip_fraction(total, scale)


register(Function("SEC_TO_TIME", (Arg.DECIMAL,), 1, 1, _decimals_rule(0), _sec_to_time, pass_scale=True))


def _time_to_sec(value: Any, scale: int, letters: str) -> int | None:
    found = as_time(value, letters[0])
    if found is None:
        return None
    size = abs(found) // FRACTION_UNITS[scale]
    return -size if found < 0 else size


def _seconds_rule(args: Sequence[ArgInfo]) -> SqlType:
    return integer_or_decimal(16, fraction_of(args[0], as_time=True), 17)


register(Function("TIME_TO_SEC", (Arg.TEMPORAL,), 1, 1, _seconds_rule, _time_to_sec, pass_scale=True, pass_types=True))

# --- adding and subtracting -------------------------------------------------------------------------------------


def _interval_scale(info: ArgInfo, unit: str) -> int:
    if unit.endswith("MICROSECOND"):
        return FRACTION_MAX
    return min(decimals_of(info), FRACTION_MAX) if unit == "SECOND" else 0


def _unit_of(args: Sequence[ArgInfo]) -> str:
    return str(args[2].constant()) if len(args) > 2 else "DAY"


def _date_add_rule(args: Sequence[ArgInfo]) -> SqlType:
    return _date_add_type(args[0], args[1], _unit_of(args))


def _date_add_type(base: ArgInfo, quantity: ArgInfo, unit: str) -> SqlType:
    kind = base.type.kind
    scale = _interval_scale(quantity, unit)
    if kind in _STAMPS:
        return datetime_type(max(base.type.scale, scale))
    if kind is Kind.DATE:
        return DATE_TYPE if unit in DATE_UNITS else datetime_type(scale)
    if kind is Kind.TIME:
        scale = max(base.type.scale, scale)
        return time_type(scale) if unit in TIME_UNITS else datetime_type(scale)
    scale = max(fraction_of(base), scale)
    return SqlType(Kind.CHAR, 19 + (scale + 1 if scale else 0), scale)


def _date_add(sign: int) -> Callable[..., Any]:
    def call(base: Any, quantity: Any, *rest: Any) -> Any:
        *keyword, scale, letters = rest
        return _add(base, quantity, keyword[0] if keyword else "DAY", sign, scale, letters)

    return call


def _add_plain(base: str, days_or_time: timedelta, scale: int, date_only: bool) -> str | None:
    """The common case, by Python's own dates; None: zero parts, or out of range, which `_add` looks at closely."""
    try:
        if date_only:
            return (date.fromisoformat(base) + days_or_time).isoformat()
        moved = datetime.fromisoformat(base) + days_or_time
        return moved.isoformat(" ", "microseconds")[: 20 + scale] if scale else moved.isoformat(" ", "seconds")
    except (ValueError, OverflowError):
        return None


def _add(base: Any, quantity: Any, unit: str, sign: int, scale: int, letters: str) -> Any:
    if letters[0] in "DT" and type(quantity) is int and unit in SIMPLE and abs(quantity) < _PLAIN_MAX:
        plain = _add_plain(
            base, timedelta(microseconds=sign * quantity * SIMPLE[unit]), scale, letters[0] == "D" and unit in DATE_UNITS
        )
        if plain is not None:
            return plain
    interval = interval_of(quantity, letters[1], unit)
    if interval is None:
        return None
    months, microseconds = interval
    if letters[0] == "t":
        if unit not in TIME_UNITS:
            current().warn("DATETIME_FUNCTION_OVERFLOW", "time")
            return None
        return add_to_time(base, sign * microseconds)
    fields = as_datetime(base, letters[0])
    if fields is None or not add_interval(fields, sign * months, sign * microseconds):
        return None
    if letters[0] == "T" or (letters[0] == "D" and unit not in DATE_UNITS):
        return fields.text(scale)
    if not fields.has_time and unit in DATE_UNITS:
        return fields.date_text()
    return fields.text(scale if fields.microsecond else 0)


_DATE_ADD_ARGS: Final = (Arg.ANY, Arg.ANY, Arg.KEYWORD)
register(Function("DATE_ADD", _DATE_ADD_ARGS, 3, 3, _date_add_rule, _date_add(1), pass_scale=True, pass_types=True))
register(Function("DATE_SUB", _DATE_ADD_ARGS, 3, 3, _date_add_rule, _date_add(-1), pass_scale=True, pass_types=True))
register(Function("ADDDATE", _DATE_ADD_ARGS, 2, 3, _date_add_rule, _date_add(1), pass_scale=True, pass_types=True))
register(Function("SUBDATE", _DATE_ADD_ARGS, 2, 3, _date_add_rule, _date_add(-1), pass_scale=True, pass_types=True))


def _timestampadd_rule(args: Sequence[ArgInfo]) -> SqlType:
    return _date_add_type(args[2], args[1], str(args[0].constant()))


def _timestampadd(unit: str, quantity: Any, base: Any, scale: int, letters: str) -> Any:
    return _add(base, quantity, unit, 1, scale, letters[2] + letters[1])


register(
    Function(
        "TIMESTAMPADD", (Arg.KEYWORD, Arg.ANY, Arg.ANY), 3, 3, _timestampadd_rule, _timestampadd, pass_scale=True, pass_types=True
    )
)

_UNIT_US: Final = {
    "MICROSECOND": 1,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
    "WEEK": 604_800_000_000,
}
_UNIT_MONTHS: Final = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def _timestampdiff(unit: str, start: str, end: str) -> int | None:
    size = _UNIT_US.get(unit)
    if size is not None:
        try:
            gap = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        except ValueError:  # zero parts, or the year 0
            pass
        else:
            exact = (gap.days * 86_400 + gap.seconds) * US_PER_SECOND + gap.microseconds
            return exact // size if exact >= 0 else -(-exact // size)
    if not _whole(start) or not _whole(end):
        return None
    first, last = fields_of(start), fields_of(end)
    difference = microseconds_of(last) - microseconds_of(first)
    if size is not None:
        return difference // size if difference >= 0 else -(-difference // size)
    negative = difference < 0
    if negative:
        first, last = last, first
    months = (last.year - first.year) * 12 + last.month - first.month
    if (last.day, last.time_us()) < (first.day, first.time_us()):
        months -= 1
    if unit not in _UNIT_MONTHS:
        raise error("WRONG_ARGUMENTS", "timestampdiff")
    months //= _UNIT_MONTHS[unit]
    return -months if negative else months


register(
    Function("TIMESTAMPDIFF", (Arg.KEYWORD, Arg.DATETIME, Arg.DATETIME), 3, 3, fixed(SqlType(Kind.BIGINT, 21)), _timestampdiff)
)


def _add_time_rule(args: Sequence[ArgInfo]) -> SqlType:
    kind = args[0].type.kind
    scale = max(fraction_of(args[0], as_time=True), fraction_of(args[1], as_time=True))
    if kind in _STAMPS or kind is Kind.DATE:
        return datetime_type(scale)
    if kind is Kind.TIME:
        return time_type(scale)
    scale = max(min(decimals_of(args[0]), FRACTION_MAX), min(decimals_of(args[1]), FRACTION_MAX) if kind in STRINGS else 0)
    return SqlType(Kind.CHAR, 19 + (scale + 1 if scale else 0), scale)


def interval_time(value: Any, letter: str) -> int | None:
    """The second argument of ADDTIME and TIMESTAMP: a time, never a datetime."""
    if letter == "t":
        return int(value)
    if letter in "DT":
        warn_incorrect("INTERVAL DAY TO SECOND", value)
        return None
    if letter in "sxj":
        text = as_text(value)
        found = time_fields(text) if datetime_like(text) is None else None
        if found is None:
            warn_incorrect("INTERVAL DAY TO SECOND", text)
            return None
        if found.truncated:
            warn_truncated("INTERVAL DAY TO SECOND", text)
        return found.microseconds
    return as_time(value, letter)


def datetime_like(text: str) -> Fields | None:
    """`text` as a datetime where a time would do too: only when it has both parts."""
    if len(text.strip()) < 12 or text.lstrip().startswith("-"):
        return None
    found = datetime_fields(text)
    return found if found is not None and found.has_time else None


def _add_time(sign: int) -> Callable[..., Any]:
    def call(base: Any, quantity: Any, scale: int, letters: str) -> Any:
        added = interval_time(quantity, letters[1])
        if added is None:
            return None
        if letters[0] in "DT":
            return _add_to_datetime(fields_of(base), sign * added, scale)
        if letters[0] in "sxj":
            fields = datetime_like(as_text(base))
        else:
            fields = fields_from_number(*split_number(base)) if letters[0] != "t" and abs(float(base)) > 9_999_999_999 else None
        if fields is not None:
            return _add_to_datetime(fields, sign * added, None)
        found = as_time(base, letters[0])
        if found is None:
            return None
        total = found + sign * added
        total = _warn_clip(total, "time", format_time(total, 0))
        if letters[0] == "t":
            return total
        return format_time(total, scale if total % 1_000_000 else 0)

    return call


def _add_to_datetime(fields: Fields, microseconds: int, scale: int | None) -> str | None:
    if fields.month == 0 or fields.day == 0 or not set_from_microseconds(fields, microseconds_of(fields) + microseconds):
        return None
    return fields.text(scale if scale is not None else 6 if fields.microsecond else 0)


register(Function("ADDTIME", (Arg.ANY, Arg.ANY), 2, 2, _add_time_rule, _add_time(1), pass_scale=True, pass_types=True))
register(Function("SUBTIME", (Arg.ANY, Arg.ANY), 2, 2, _add_time_rule, _add_time(-1), pass_scale=True, pass_types=True))


def _timediff_rule(args: Sequence[ArgInfo]) -> SqlType:
    return time_type(max(fraction_of(arg, as_time=True) for arg in args[:2]))


def _moment(value: Any, letter: str) -> tuple[bool, int] | None:
    """(is a datetime, microseconds)."""
    if letter in "DT":
        return True, microseconds_of(fields_of(value))
    if letter in "sxj":
        fields = datetime_like(as_text(value))
        if fields is not None:
            return True, microseconds_of(fields)
    found = as_time(value, letter)
    return None if found is None else (False, found)


def _timediff(left: Any, right: Any, scale: int, letters: str) -> int | None:
    first, second = _moment(left, letters[0]), _moment(right, letters[1])
    if first is None or second is None or first[0] != second[0]:
        return None
    difference = first[1] - second[1]
    return _clip_fraction(_warn_clip(difference, "time", format_time(difference, 0)), scale)


register(Function("TIMEDIFF", (Arg.ANY, Arg.ANY), 2, 2, _timediff_rule, _timediff, pass_scale=True, pass_types=True))


def _timestamp_rule(args: Sequence[ArgInfo]) -> SqlType:
    scale = fraction_of(args[0])
    return datetime_type(max(scale, fraction_of(args[1], as_time=True)) if len(args) > 1 else scale)


def _timestamp(value: Any, *rest: Any) -> str | None:
    *added, now, scale, letters = rest
    fields = as_datetime(value, letters[0], now, zero_ok=True)
    if fields is None:
        return None
    if added and fields.month and fields.day:
        interval = interval_time(added[0], letters[1])
        if interval is None or not set_from_microseconds(fields, microseconds_of(fields) + interval):
            return None
    return fields.text(scale) if not added or fields.month else None


register(
    Function(
        "TIMESTAMP", (Arg.ANY, Arg.ANY), 1, 2, _timestamp_rule, _timestamp, session=("now",), pass_scale=True, pass_types=True
    )
)


def _period_months(period: int) -> int:
    if period == 0:
        return 0
    year, month = divmod(period, 100)
    if year < 70:
        year += 2000
    elif year < 100:
        year += 1900
    return year * 12 + month - 1


def _period_add(period: int, months: int) -> int:
    if period == 0:
        return 0
    total = _period_months(period) + months
    if total <= 0:
        return 0
    year, month = divmod(total, 12)
    if year < 100:
        year += 2000 if year < 70 else 1900
    return (year * 100 + month + 1) & INT64_MAX


register(Function("PERIOD_ADD", (Arg.INTEGER, Arg.INTEGER), 2, 2, int_type(6), _period_add, nullable=False))
register(
    Function(
        "PERIOD_DIFF",
        (Arg.INTEGER, Arg.INTEGER),
        2,
        2,
        int_type(6),
        lambda a, b: _period_months(a) - _period_months(b),
        nullable=False,
    )
)

# --- EXTRACT ----------------------------------------------------------------------------------------------------

_EXTRACT_TYPES: Final = {
    "YEAR": (4, False),
    "YEAR_MONTH": (6, False),
    "QUARTER": (1, False),
    "MONTH": (2, False),
    "WEEK": (2, False),
    "DAY": (8, False),
    "DAY_HOUR": (10, False),
    "DAY_MINUTE": (12, True),
    "DAY_SECOND": (14, True),
    "HOUR": (3, False),
    "HOUR_MINUTE": (5, False),
    "HOUR_SECOND": (7, False),
    "MINUTE": (3, False),
    "MINUTE_SECOND": (5, False),
    "SECOND": (3, False),
    "MICROSECOND": (7, False),
    "DAY_MICROSECOND": (20, True),
    "HOUR_MICROSECOND": (13, True),
    "MINUTE_MICROSECOND": (11, True),
    "SECOND_MICROSECOND": (9, False),
}
_CALENDAR_UNITS: Final = frozenset({"YEAR", "YEAR_MONTH", "QUARTER", "MONTH", "WEEK"})


def _extract_rule(args: Sequence[ArgInfo]) -> SqlType:
    unit = str(args[0].constant())
    length, big = _EXTRACT_TYPES[unit]
    if unit.startswith("DAY") and args[1].type.kind in TEMPORAL:
        length, big = length - 5, unit == "DAY_MICROSECOND"  # days of a month, where other types may be any number of days
    return SqlType(Kind.BIGINT if big else Kind.INT, length)


def _extract(unit: str, value: Any, now: str, letters: str) -> int | None:
    letter = letters[1]
    negative = False
    fields: Fields | None
    looks_like_date = letter in "sxj" and _LOOKS_LIKE_DATE.match(as_text(value))
    if looks_like_date and unit not in _CALENDAR_UNITS and datetime_fields(as_text(value)) is None:
        warn_incorrect("interval", value)
        return None
    if unit in _CALENDAR_UNITS or letter in "DT" or looks_like_date:
        fields = as_datetime(value, letter, now, zero_ok=unit != "WEEK")
    else:
        found = as_time(value, letter, "interval")
        if found is None:
            return None
        negative = found < 0
        fields = Fields()
        days, rest = divmod(abs(found), 86_400_000_000)
        seconds, fields.microsecond = divmod(rest, 1_000_000)
        fields.day, fields.hour, fields.minute, fields.second = days, seconds // 3600, seconds // 60 % 60, seconds % 60
    if fields is None:
        return None
    number = _extract_unit(unit, fields)
    return -number if negative else number


def _extract_unit(unit: str, f: Fields) -> int:
    match unit:
        case "YEAR":
            return f.year
        case "YEAR_MONTH":
            return f.year * 100 + f.month
        case "QUARTER":
            return (f.month + 2) // 3
        case "MONTH":
            return f.month
        case "WEEK":
            return week_of(f.year, f.month, f.day, current_week_format())[0]
    parts = unit.split("_")
    order = ("DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND")
    values = {"DAY": f.day, "HOUR": f.hour, "MINUTE": f.minute, "SECOND": f.second, "MICROSECOND": f.microsecond}
    total = 0
    for name in order[order.index(parts[0]) : order.index(parts[-1]) + 1]:
        total = total * (1_000_000 if name == "MICROSECOND" else 100) + values[name]
    return total


def current_week_format() -> int:
    return 0


register(Function("EXTRACT", (Arg.KEYWORD, Arg.TEMPORAL), 2, 2, _extract_rule, _extract, session=("now",), pass_types=True))

# --- formats ----------------------------------------------------------------------------------------------------


def _format_rule(index: int) -> TypeRule:
    def rule(args: Sequence[ArgInfo]) -> SqlType:
        pattern = args[index].constant() if args[index].type.kind in STRINGS else None
        if isinstance(pattern, str):
            return string_type(format_width(pattern))
        return string_type(width(args[index].type) * 10)

    return rule


def _date_format(value: Any, pattern: str, *rest: Any) -> str | None:
    letters = rest[-1]
    if letters[0] == "t":
        return format_fields(_time_as_fields(value), pattern)
    fields = as_datetime(value, letters[0], zero_ok=True)
    return None if fields is None else format_fields(fields, pattern)


def _time_as_fields(time_us: int) -> Fields:
    seconds, microsecond = divmod(abs(time_us), 1_000_000)
    return Fields(0, 0, 0, seconds // 3600, seconds // 60 % 60, seconds % 60, microsecond, 6, True)


def _time_format(time_us: int, pattern: str) -> str | None:
    text = format_fields(_time_as_fields(time_us), pattern, time_only=True)
    return "-" + text if text is not None and time_us < 0 else text


register(Function("DATE_FORMAT", (Arg.TEMPORAL, Arg.STRING, Arg.STRING), 2, 3, _format_rule(1), _date_format, pass_types=True))
register(Function("TIME_FORMAT", (Arg.TIME, Arg.STRING), 2, 2, _format_rule(1), _time_format))
register(
    Function(
        "GET_FORMAT",
        (Arg.KEYWORD, Arg.STRING),
        2,
        2,
        text_of(17),
        lambda what, place: GET_FORMATS.get(("DATETIME" if what == "TIMESTAMP" else what, place.upper())),
    )
)


def _str_to_date_rule(args: Sequence[ArgInfo]) -> SqlType:
    pattern = args[1].constant() if args[1].type.kind in STRINGS else None
    if not isinstance(pattern, str):
        return datetime_type(FRACTION_MAX)
    has_date, has_time, fraction = format_parts(pattern)
    scale = FRACTION_MAX if fraction else 0
    if has_date and has_time:
        return datetime_type(scale)
    return time_type(scale) if has_time else DATE_TYPE


def _str_to_date(text: str, pattern: str, scale: int) -> Any:
    has_date, has_time, _ = format_parts(pattern)
    kind = "datetime" if has_date and has_time else "time" if has_time else "date"
    fields = parse_by_format(text, pattern, kind)
    if fields is None:
        return None
    if kind == "datetime":
        return fields.text(scale)
    if kind == "time":
        return fields.day * 86_400_000_000 + fields.time_us()
    return fields.date_text()


register(Function("STR_TO_DATE", (Arg.STRING, Arg.STRING), 2, 2, _str_to_date_rule, _str_to_date, pass_scale=True))

# --- time zones and Unix time -----------------------------------------------------------------------------------


def _convert_tz(value: str, source: str, target: str, scale: int) -> str | None:
    source_zone, target_zone = zone_of(source), zone_of(target)
    if source_zone is None or target_zone is None or not _whole(value):
        return None
    return convert(fields_of(value), source_zone, target_zone).text(scale)


register(
    Function(
        "CONVERT_TZ",
        (Arg.DATETIME, Arg.STRING, Arg.STRING),
        3,
        3,
        lambda args: datetime_type(fraction_of(args[0])),
        _convert_tz,
        pass_scale=True,
    )
)


def _from_unixtime_rule(args: Sequence[ArgInfo]) -> SqlType:
    if len(args) > 1:
        return _format_rule(1)(args)
    return datetime_type(min(decimals_of(args[0]), FRACTION_MAX))


def _from_unixtime(value: Any, *rest: Any) -> str | None:
    *pattern, zone_name, scale = rest
    total = _decimal_us(value)
    if total < 0:
        return None
    if total >= (UNIX_SECONDS_MAX + 1) * 1_000_000:
        warn_truncated("unixtime", value)
        return None
    zone = zone_of(zone_name)
    fields = local_from_unix(total // 1_000_000, total % 1_000_000, zone or time_zone_missing())
    return format_fields(fields, pattern[0]) if pattern else fields.text(scale)


register(
    Function(
        "FROM_UNIXTIME",
        (Arg.DECIMAL, Arg.STRING),
        1,
        2,
        _from_unixtime_rule,
        _from_unixtime,
        session=("time_zone",),
        pass_scale=True,
    )
)


def _unix_timestamp_rule(args: Sequence[ArgInfo]) -> SqlType:
    return integer_or_decimal(16, fraction_of(args[0]) if args else 0, 17)


def _unix_timestamp(*values: Any) -> int | None:
    *args, now, zone_name, timestamp, scale, letters = values
    if not args:
        return int(timestamp)
    fields = as_datetime(args[0], letters[0], now, zero_ok=True)
    if fields is None:
        return None
    if fields.month == 0 or fields.day == 0:
        if fields.year or fields.month or fields.day:
            warn_incorrect("datetime", args[0])
        return None
    seconds = unix_from_local(fields, zone_of(zone_name) or time_zone_missing())
    if seconds is None:
        return None
    return seconds * (US_PER_SECOND // FRACTION_UNITS[scale]) + fields.microsecond // FRACTION_UNITS[scale]


register(
    Function(
        "UNIX_TIMESTAMP",
        (Arg.TEMPORAL,),
        0,
        1,
        _unix_timestamp_rule,
        _unix_timestamp,
        deterministic=False,
        session=("now", "time_zone", "timestamp"),
        pass_scale=True,
        pass_types=True,
    )
)
