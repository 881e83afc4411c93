"""String functions.

Most work on characters of `str` and on bytes of `bytes` alike, so they take either (`bytes_too`); where both kinds
meet, `_same` makes them bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from fauna.catalog.types import FLOATS, STRINGS, TEMPORAL, Kind, SqlType
from fauna.catalog.values import format_time
from fauna.sql.context import current
from fauna.sql.functions.collate import compare_key, fold, is_case_insensitive
from fauna.sql.functions.intervals import integer_of, rounded
from fauna.sql.functions.registry import Arg, ArgInfo, Function, TypeRule, register
from fauna.sql.functions.results import (
    BLOB_WIDTH,
    NOT_FIXED,
    bigint_type,
    bytes_per_char,
    collation_of,
    constant_int,
    int_type,
    same_width,
    string_type,
    sum_of_widths,
    text_of,
    width,
)

Text = str | bytes
_S: Final = (Arg.STRING,)
_FORMAT_DIGITS_MAX: Final = 38
_DOUBLE_MAX: Final = sys.float_info.max
_DOUBLE_WHOLE_DIGITS: Final = 309
_CONTEXT: Final = Context(prec=400)


def as_bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def as_str(text: Text) -> str:
    return text if isinstance(text, str) else text.decode("latin-1")


def _same(first: Text, *others: Text) -> tuple[Any, ...]:
    """The texts, all str or all bytes."""
    texts = (first, *others)
    if any(isinstance(text, bytes) for text in texts):
        return tuple(as_bytes(text) for text in texts)
    return texts


def fits(size: int, name: str) -> bool:
    """Whether a result of `size` bytes is within max_allowed_packet; a warning when it is not."""
    limit = current().max_allowed_packet
    if size <= limit:
        return True
    current().warn("WARN_ALLOWED_PACKET_OVERFLOWED", name, limit)
    return False


# --- lengths and codes ------------------------------------------------------------------------------------------


def _ord(text: Text) -> int:
    data = as_bytes(text[:1])
    return int.from_bytes(data, "big")


def _hex(value: Any, letters: str) -> str:
    if letters[0] in "ibrd":
        number = value if isinstance(value, int) else rounded(value)
        return format(number & 0xFFFF_FFFF_FFFF_FFFF, "X")
    if letters[0] == "t":
        value = format_time(value, 0)
    return as_bytes(value).hex().upper()


def _unhex(text: Text) -> bytes | None:
    data = as_bytes(text)
    try:
        return bytes.fromhex(("0" if len(data) % 2 else "") + data.decode("ascii")) if not re.search(rb"\s", data) else None
    except (ValueError, UnicodeDecodeError):
        return None


def _octets(info: ArgInfo) -> int:
    return width(info.type) * (bytes_per_char(info.type.collation) if info.type.kind in STRINGS else 1)


def _hex_rule(args: Sequence[ArgInfo]) -> SqlType:
    if args[0].type.kind in STRINGS or args[0].type.kind in TEMPORAL:
        return string_type(_octets(args[0]) * 2)
    return string_type(40 if args[0].type.is_big_unsigned else 16)


register(
    Function(
        "LENGTH",
        _S,
        1,
        1,
        int_type(10),
        lambda s: len(as_bytes(s)),
        sql=lambda a: f"octet_length({a[0]})",
        nullable=False,
        bytes_too=True,
    ),
    "OCTET_LENGTH",
    "LENGTHB",
)
register(Function("CHAR_LENGTH", _S, 1, 1, int_type(10), len, nullable=False, bytes_too=True), "CHARACTER_LENGTH")
register(
    Function(
        "BIT_LENGTH",
        _S,
        1,
        1,
        bigint_type(11),
        lambda s: 8 * len(as_bytes(s)),
        sql=lambda a: f"octet_length({a[0]})*8",
        nullable=False,
        bytes_too=True,
    )
)
register(Function("ASCII", _S, 1, 1, int_type(3), lambda s: as_bytes(s)[0] if s else 0, nullable=False, bytes_too=True))
register(Function("ORD", _S, 1, 1, int_type(7), _ord, nullable=False, bytes_too=True))
register(Function("HEX", (Arg.ANY,), 1, 1, _hex_rule, _hex, pass_types=True))
register(Function("UNHEX", _S, 1, 1, lambda args: string_type((1 + _octets(args[0])) // 2, "binary"), _unhex, bytes_too=True))


def keyword_of(info: ArgInfo) -> str | None:
    """The keyword argument's text; None when the argument is a value."""
    value = info.constant() if info.type.kind in (Kind.NULL, *STRINGS) else None
    return value if isinstance(value, str) else None


_CHARSETS: Final = frozenset(
    {"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary", "ucs2", "utf16", "utf32", "cp1251", "gbk"}
)


def _char_rule(args: Sequence[ArgInfo]) -> SqlType:
    charset = keyword_of(args[-1]) if len(args) > 1 else None
    if charset is not None and charset.lower() not in _CHARSETS:
        charset = None
    if charset is None or charset.lower() == "binary":
        return string_type(4 * len(args), "binary")
    collation = "latin1_swedish_ci" if charset.lower() == "latin1" else f"{charset.lower()}_general_ci"
    return string_type(4 * (len(args) - 1) // bytes_per_char(collation), collation)


def _char(*values: Any) -> Text | None:
    """The last argument may be the keyword of USING, a character set's name."""
    *numbers, letters = values
    charset = (
        numbers.pop().lower() if len(numbers) > 1 and isinstance(numbers[-1], str) and numbers[-1].lower() in _CHARSETS else None
    )
    data = b"".join(_number_bytes(integer_of(n, letter)) for n, letter in zip(numbers, letters, strict=False) if n is not None)
    if charset is None or charset == "binary":
        return data
    return _decoded(data, charset)


def _decoded(data: bytes, charset: str) -> str | None:
    try:
        return data.decode("latin-1" if charset == "latin1" else "utf-8")
    except UnicodeDecodeError as err:
        current().warn("INVALID_CHARACTER_STRING", charset, data[err.start : err.start + 3].hex().upper())
        return None


def _number_bytes(number: int) -> bytes:
    number &= 0xFFFF_FFFF
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


register(Function("CHAR", (Arg.ANY,), 1, None, _char_rule, _char, null_aware=True, pass_types=True))


def _chr(number: int) -> str | None:
    return _decoded(_number_bytes(number), "utf8mb4")


register(Function("CHR", (Arg.INTEGER,), 1, 1, text_of(1), _chr))

# --- joining ----------------------------------------------------------------------------------------------------


def _join(separator: Text, texts: Sequence[Text]) -> Text:
    if isinstance(separator, str):
        try:
            return separator.join(texts)  # type: ignore[arg-type]
        except TypeError:  # some are byte strings
            pass
    return as_bytes(separator).join(as_bytes(text) for text in texts)


def _concat(*texts: Text) -> Text | None:
    result = _join("", texts)
    return result if len(result) < 1 << 20 or fits(len(as_bytes(result)), "concat") else None


def _concat_ws(separator: Text | None, *texts: Text | None) -> Text | None:
    if separator is None:
        return None
    result = _join(separator, [text for text in texts if text is not None])
    return result if len(result) < 1 << 20 or fits(len(as_bytes(result)), "concat_ws") else None


def _elt(index: int | None, *texts: Text | None) -> Text | None:
    return texts[index - 1] if index is not None and 1 <= index <= len(texts) else None


def _elt_rule(args: Sequence[ArgInfo]) -> SqlType:
    return string_type(max(width(arg.type) for arg in args[1:]), collation_of(args[1:]))


def _make_set(bits: int | None, *texts: Text | None) -> Text | None:
    if bits is None:
        return None
    chosen = [text for index, text in enumerate(texts) if bits >> index & 1 and text is not None]
    if not chosen:
        return ""
    parts = _same(*chosen)
    return b",".join(parts) if isinstance(parts[0], bytes) else ",".join(parts)


def _make_set_rule(args: Sequence[ArgInfo]) -> SqlType:
    chars = sum(width(arg.type) for arg in args[1:]) + len(args) - 2
    return string_type(chars, collation_of(args[1:]))


def _export_set(bits: int, on: Text, off: Text, *rest: Any) -> Text:
    separator = rest[0] if rest else ","
    count = rest[1] if len(rest) > 1 and 0 <= rest[1] <= 64 else 64
    on, off, glue = _same(on, off, separator)
    joined: Text = glue.join(on if bits >> index & 1 else off for index in range(count))
    return joined


def _export_set_rule(args: Sequence[ArgInfo]) -> SqlType:
    separator = width(args[3].type) if len(args) > 3 else 1
    longest = max(width(args[1].type), width(args[2].type))
    return string_type(64 * longest + 63 * separator, collation_of(args[1:4]))


register(Function("CONCAT", _S, 1, None, sum_of_widths(), _concat, sql=lambda a: "(" + "||".join(a) + ")", bytes_too=True))
register(Function("CONCAT_WS", _S, 2, None, sum_of_widths(1, separator=True), _concat_ws, null_aware=True, bytes_too=True))
register(Function("ELT", (Arg.INTEGER, Arg.STRING), 2, None, _elt_rule, _elt, null_aware=True, bytes_too=True))
register(Function("MAKE_SET", (Arg.INTEGER, Arg.STRING), 2, None, _make_set_rule, _make_set, null_aware=True, bytes_too=True))
register(
    Function(
        "EXPORT_SET",
        (Arg.INTEGER, Arg.STRING, Arg.STRING, Arg.STRING, Arg.INTEGER),
        3,
        5,
        _export_set_rule,
        _export_set,
        bytes_too=True,
    )
)

# --- cutting ----------------------------------------------------------------------------------------------------


def _left(text: Text, count: int) -> Text:
    return text[:count] if count > 0 else text[:0]


def _right(text: Text, count: int) -> Text:
    return text[-count:] if count > 0 else text[:0]


def _substring(text: Text, start: int, *rest: int) -> Text:
    size = len(text)
    if start < 0:
        start += size
    else:
        start -= 1
    if not 0 <= start < size or (rest and rest[0] <= 0):
        return text[:0]
    return text[start : start + rest[0]] if rest else text[start:]


def _cut_rule(args: Sequence[ArgInfo]) -> SqlType:
    chars = width(args[0].type)
    count = constant_int(args[1])
    return string_type(chars if count is None else max(0, min(chars, count)), collation_of(args[:1]))


def _substring_rule(args: Sequence[ArgInfo]) -> SqlType:
    collation = collation_of(args[:1])
    chars = width(args[0].type) * bytes_per_char(collation)
    start = constant_int(args[1])
    if start is not None:
        chars = min(chars, -start) if start < 0 else max(0, chars - (start - 1 if start else 0)) if start else 0
    count = constant_int(args[2]) if len(args) > 2 else None
    if count is not None:
        chars = max(0, min(chars, count))
    return string_type(chars, collation)


def _substring_index(text: Text, delimiter: Text, count: int) -> Text:
    text, delimiter = _same(text, delimiter)
    if not delimiter or not count or not text:
        return text[:0]
    parts: list[Any] = text.split(delimiter)  # type: ignore[arg-type]
    if abs(count) >= len(parts):
        return text
    result: Text = delimiter.join(parts[:count] if count > 0 else parts[count:])
    return result


def _insert(text: Text, start: int, count: int, new: Text) -> Text:
    text, new = _same(text, new)
    if not 1 <= start <= len(text):
        return text
    start -= 1
    end = len(text) if count < 0 else start + count
    joined: Text = text[:start] + new + text[end:]  # type: ignore[operator]
    return joined


register(Function("LEFT", (Arg.STRING, Arg.INTEGER), 2, 2, _cut_rule, _left, bytes_too=True))
register(Function("RIGHT", (Arg.STRING, Arg.INTEGER), 2, 2, _cut_rule, _right, bytes_too=True))
register(
    Function("SUBSTRING", (Arg.STRING, Arg.INTEGER, Arg.INTEGER), 2, 3, _substring_rule, _substring, bytes_too=True),
    "SUBSTR",
    "MID",
)
register(Function("SUBSTRING_INDEX", (Arg.STRING, Arg.STRING, Arg.INTEGER), 3, 3, same_width(), _substring_index, bytes_too=True))
register(
    Function(
        "INSERT",
        (Arg.STRING, Arg.INTEGER, Arg.INTEGER, Arg.STRING),
        4,
        4,
        lambda args: string_type(width(args[0].type) + width(args[3].type), collation_of((args[0], args[3]))),
        _insert,
        bytes_too=True,
    )
)


def _trim_start(text: Any, remove: Any) -> Text:
    size = len(remove)
    while size and text.startswith(remove):
        text = text[size:]
    return text  # type: ignore[no-any-return]


def _trim_end(text: Any, remove: Any) -> Text:
    size = len(remove)
    while size and text.endswith(remove):
        text = text[:-size]
    return text  # type: ignore[no-any-return]


def _trimmer(*, start: bool, end: bool) -> Callable[..., Text]:
    def call(text: Text, *remove: Text) -> Text:
        if remove and remove[0] not in (" ", b" "):
            text, what = _same(text, remove[0])
            if start:
                text = _trim_start(text, what)
            return _trim_end(text, what) if end else text
        blank: Any = b" " if isinstance(text, bytes) else " "
        if start:
            text = text.lstrip(blank)
        return text.rstrip(blank) if end else text

    return call


for _name, _start, _end in (
    ("TRIM", True, True),
    ("LTRIM", True, False),
    ("RTRIM", False, True),
    ("TRIM_LEADING", True, False),
    ("TRIM_TRAILING", False, True),
):
    register(Function(_name, (Arg.STRING, Arg.STRING), 1, 2, same_width(), _trimmer(start=_start, end=_end), bytes_too=True))

# --- changing ---------------------------------------------------------------------------------------------------


def _lower_char(char: str) -> str:
    return char.lower()[0]


def _upper_char(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 else char


def _cased(simple: Callable[[str], str], one: Callable[[str], str]) -> Callable[[Text], Text]:
    """UPPER or LOWER: one character for one, as MySQL's tables do, so 'ß' stays."""

    def call(text: Text) -> Text:
        if isinstance(text, bytes):
            return text
        if text.isascii():
            return simple(text)
        changed = simple(text)
        return changed if len(changed) == len(text) and "\u03c2" not in changed else "".join(map(one, text))

    return call


def _replace(text: Text, old: Text, new: Text) -> Text | None:
    text, old, new = _same(text, old, new)
    if not old:
        return text
    if len(new) > len(old) and not fits(len(text) + text.count(old) * (len(new) - len(old)), "replace"):  # type: ignore[arg-type]
        return None
    return text.replace(old, new)  # type: ignore[arg-type]


def _replace_rule(args: Sequence[ArgInfo]) -> SqlType:
    chars, old, new = (width(arg.type) for arg in args[:3])
    if new > old > 0:
        chars += chars // old * (new - old)
    elif old == 0:
        chars = chars * max(new, 1)
    return string_type(chars, collation_of(args))


def _count_rule(name: str) -> TypeRule:
    """REPEAT, SPACE: as long as the text times the count, when that is a constant."""

    def rule(args: Sequence[ArgInfo]) -> SqlType:
        count = constant_int(args[-1])
        unit = width(args[0].type) if name == "REPEAT" else 1
        collation = collation_of(args[:1]) if name == "REPEAT" else ""
        return string_type(BLOB_WIDTH if count is None else unit * max(count, 0), collation)

    return rule


def _repeat(text: Text, count: int) -> Text | None:
    if count <= 0 or not text:
        return text[:0]
    return text * count if fits(len(as_bytes(text)) * count, "repeat") else None


def _padder(name: str, *, left: bool) -> Callable[..., Text | None]:
    def call(text: Text, size: int, *pad: Text) -> Text | None:
        if size < 0:
            return None
        if not fits(size * (1 if isinstance(text, bytes) else 4 if pad and not as_str(pad[0]).isascii() else 1), name):
            return None
        text, fill = _same(text, pad[0] if pad else " ")
        missing = size - len(text)
        if missing <= 0:
            return text[:size]
        if not fill:
            return None
        padding = (fill * (missing // len(fill) + 1))[:missing]
        padded: Text = padding + text if left else text + padding
        return padded

    return call


def _pad_rule(args: Sequence[ArgInfo]) -> SqlType:
    count = constant_int(args[1])
    return string_type(BLOB_WIDTH if count is None else max(count, 0), collation_of((args[0], *args[2:3])))


def _quote(text: Text | None) -> Text:
    if text is None:
        return "NULL"
    if isinstance(text, bytes):
        return as_bytes(_quote(text.decode("latin-1"))) if text.isascii() else _quote_bytes(text)
    return "'" + text.translate(_QUOTED) + "'"


def _quote_bytes(data: bytes) -> bytes:
    return b"'" + data.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0").replace(b"\x1a", b"\\Z") + b"'"


_QUOTED: Final = {ord("'"): "\\'", ord("\\"): "\\\\", 0: "\\0", 26: "\\Z"}
_SOUNDEX: Final = "01230120022455012623010202"


def _soundex(text: str) -> str:
    """MariaDB's variant: vowels do not separate equal codes, and the code may be longer than four."""
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return ""
    codes = [_ascii_upper(letters[0])]
    last = _soundex_code(letters[0])
    for char in letters[1:]:
        code = _soundex_code(char)
        if code not in ("0", last):
            last = code
            codes.append(code)
    return "".join(codes).ljust(4, "0")


def _ascii_upper(char: str) -> str:
    return char.upper() if char.isascii() else char


def _soundex_code(char: str) -> str:
    upper = _ascii_upper(char)
    return _SOUNDEX[ord(upper) - 65] if "A" <= upper <= "Z" else "0"


register(Function("LOWER", _S, 1, 1, same_width(), _cased(str.lower, _lower_char), bytes_too=True), "LCASE")
register(Function("UPPER", _S, 1, 1, same_width(), _cased(str.upper, _upper_char), bytes_too=True), "UCASE")
register(Function("REVERSE", _S, 1, 1, same_width(), lambda s: s[::-1], bytes_too=True))
register(Function("REPLACE", _S, 3, 3, _replace_rule, _replace, bytes_too=True))
register(Function("REPEAT", (Arg.STRING, Arg.INTEGER), 2, 2, _count_rule("REPEAT"), _repeat, bytes_too=True))
register(
    Function(
        "SPACE", (Arg.INTEGER,), 1, 1, _count_rule("SPACE"), lambda n: (" " * n if fits(n, "space") else None) if n > 0 else ""
    )
)
register(Function("LPAD", (Arg.STRING, Arg.INTEGER, Arg.STRING), 2, 3, _pad_rule, _padder("lpad", left=True), bytes_too=True))
register(Function("RPAD", (Arg.STRING, Arg.INTEGER, Arg.STRING), 2, 3, _pad_rule, _padder("rpad", left=False), bytes_too=True))
register(Function("QUOTE", _S, 1, 1, same_width(2, 2), _quote, null_aware=True, bytes_too=True))
register(Function("SOUNDEX", _S, 1, 1, lambda args: string_type(max(width(args[0].type), 4), collation_of(args)), _soundex))

# --- searching and comparing ------------------------------------------------------------------------------------


def _find(text: Text, wanted: Text, collation: str, start: int = 1) -> int:
    text, wanted = _same(text, wanted)
    if start < 1 or start > max(len(text), 1):
        return 0
    if isinstance(text, bytes):
        return text.find(wanted, start - 1) + 1  # type: ignore[arg-type]
    return fold(text, collation).find(fold(wanted, collation), start - 1) + 1  # type: ignore[arg-type]


def _locate(wanted: Text, text: Text, *rest: Any) -> int:
    *start, collation = rest
    return _find(text, wanted, collation, start[0] if start else 1)


def _strcmp(left: Text, right: Text, collation: str) -> int:
    left, right = _same(left, right)
    first, second = compare_key(left, collation), compare_key(right, collation)
    return 0 if first == second else -1 if first < second else 1  # type: ignore[operator]


def _find_in_set(wanted: Text, texts: Text, collation: str) -> int:
    wanted, texts = _same(wanted, texts)
    if not texts or as_bytes(b"," if isinstance(wanted, bytes) else ",") in as_bytes(wanted):
        return 0
    key = compare_key(wanted, collation)
    members: list[Any] = texts.split(b",") if isinstance(texts, bytes) else texts.split(",")
    for index, text in enumerate(members, 1):
        if compare_key(text, collation) == key:
            return index
    return 0


def _field(wanted: Any, *rest: Any) -> int:
    *values, collation, letters = rest
    if wanted is None:
        return 0
    key = _field_key(letters, collation)
    target = key(wanted)
    for index, value in enumerate(values, 1):
        if value is not None and key(value) == target:
            return index
    return 0


def _field_key(letters: str, collation: str) -> Callable[[Any], Any]:
    if all(letter in "sxjnDTt" for letter in letters):
        return lambda value: compare_key(value if isinstance(value, (str, bytes)) else str(value), collation)
    if all(letter in "ibn" for letter in letters):
        return lambda value: value
    if all(letter in "ibnd" for letter in letters):
        return Decimal
    return to_float


_FLOAT_PREFIX = re.compile(r"\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def to_float(value: Any) -> float:
    """A number, or the number that text starts with."""
    if isinstance(value, (int, float)):
        return float(value)
    text = as_str(value)
    match = _FLOAT_PREFIX.match(text)
    if match is None or match.end() < len(text.rstrip()):
        current().warn("TRUNCATED_WRONG_VALUE", "DOUBLE", text)
    number = float(match.group()) if match else 0.0
    return min(max(number, -_DOUBLE_MAX), _DOUBLE_MAX)


register(Function("INSTR", _S, 2, 2, int_type(11), _find, nullable=False, bytes_too=True, collate_args=True))
register(
    Function(
        "LOCATE",
        (Arg.STRING, Arg.STRING, Arg.INTEGER),
        2,
        3,
        int_type(11),
        _locate,
        nullable=False,
        bytes_too=True,
        collate_args=True,
    ),
    "POSITION",
)
register(Function("STRCMP", _S, 2, 2, int_type(2), _strcmp, nullable=False, bytes_too=True, collate_args=True))
register(Function("FIND_IN_SET", _S, 2, 2, int_type(3), _find_in_set, nullable=False, bytes_too=True, collate_args=True))
register(
    Function(
        "FIELD",
        (Arg.ANY,),
        2,
        None,
        int_type(3),
        _field,
        null_aware=True,
        nullable=False,
        collate_args=True,
        pass_types=True,
    )
)

# --- base 64, numbers as text -----------------------------------------------------------------------------------


def _to_base64(text: Text) -> str:
    encoded = base64.b64encode(as_bytes(text)).decode("ascii")
    return "\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))


def _from_base64(text: Text) -> bytes | None:
    data = as_bytes(text)
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", data), validate=True)
    except (binascii.Error, ValueError):
        bad = re.search(rb"[^A-Za-z0-9+/=\s]", data)
        current().warn("BAD_BASE64_DATA", bad.start() if bad else len(data))
        return None


def _to_base64_rule(args: Sequence[ArgInfo]) -> SqlType:
    encoded = (_octets(args[0]) + 2) // 3 * 4
    return string_type(encoded + max(encoded - 1, 0) // 76)


# locale -> (decimal point, thousands separator)
_LOCALES: Final = {
    **dict.fromkeys(("de_DE", "nl_NL", "da_DK", "es_ES", "id_ID", "tr_TR", "it_IT", "el_GR", "pt_BR"), (",", ".")),
    **dict.fromkeys(("fr_FR", "pl_PL", "cs_CZ", "pt_PT"), (",", "")),
    **dict.fromkeys(("ru_RU", "sv_SE", "fi_FI", "nb_NO", "uk_UA"), (",", "\xa0")),
    "de_CH": (".", "'"),
    "de_AT": (",", ""),
}


def _format(value: Any, digits: int, *rest: str) -> str:
    *locale, letters = rest
    digits = min(max(digits, 0), _FORMAT_DIGITS_MAX)
    if locale and locale[0] not in _LOCALES and locale[0] != "en_US":
        current().warn("UNKNOWN_LOCALE", locale[0])
    point, comma = _LOCALES.get(locale[0], (".", ",")) if locale else (".", ",")
    number, rounding = (
        (Decimal(value), ROUND_HALF_UP) if letters[0] in "idb" else (Decimal(repr(to_float(value))), ROUND_HALF_EVEN)
    )
    text = f"{number.quantize(Decimal(1).scaleb(-digits), rounding, _CONTEXT):f}"
    sign, body = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = body.partition(".")
    grouped = f"{int(whole):,}".replace(",", comma)
    return f"{sign}{grouped}{point}{fraction}" if fraction else sign + grouped


def _format_rule(args: Sequence[ArgInfo]) -> SqlType:
    """Room for the digits, one more when rounding may carry, a separator for every three, a sign and the fraction."""
    sql_type = args[0].type
    digits = constant_int(args[1])
    known = digits is not None
    digits = min(max(digits, 0), _FORMAT_DIGITS_MAX) if digits is not None else _FORMAT_DIGITS_MAX
    scale = sql_type.scale if sql_type.kind is Kind.DECIMAL else 0
    whole = max((sql_type.length if sql_type.kind is Kind.DECIMAL else width(sql_type)) - scale, 1)
    if sql_type.kind in FLOATS or sql_type.kind in STRINGS or sql_type.kind is Kind.NULL:
        whole, scale = _DOUBLE_WHOLE_DIGITS, 0 if sql_type.kind is Kind.NULL else NOT_FIXED
    whole += scale > 0 and (not known or digits < scale)
    return string_type(whole + whole // 3 + (digits > 0) + 1 + digits)


register(Function("TO_BASE64", _S, 1, 1, _to_base64_rule, _to_base64, bytes_too=True))
register(
    Function("FROM_BASE64", _S, 1, 1, lambda args: string_type(_octets(args[0]) * 3 // 4, "binary"), _from_base64, bytes_too=True)
)
register(Function("FORMAT", (Arg.ANY, Arg.INTEGER, Arg.STRING), 2, 3, _format_rule, _format, pass_types=True))


_WIDE_FIELD = re.compile(r"\d{5}")  # a width or a precision that asks for too much memory
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d*)(?::([^{}]*))?\}")


def _sformat(pattern: str, *rest: Any) -> str | None:
    """fmt's format strings, as far as Python's agree; attribute and item access are not part of them."""
    *values, letters = rest
    automatic = iter(range(len(values)))

    def fill(match: re.Match[str]) -> str:
        if match.group() in ("{{", "}}"):
            return match.group()[0]
        index = int(match[1]) if match[1] else next(automatic)
        value = values[index]
        if letters[index + 1] in "d":
            value = float(value)
        return format(as_str(value) if isinstance(value, bytes) else value, match[2] or "")

    if re.search(r"[{}]", _PLACEHOLDER.sub("", pattern)) or _WIDE_FIELD.search(pattern):
        current().warn("SFORMAT_ERROR", "invalid format string")
        return None
    try:
        return _PLACEHOLDER.sub(fill, pattern)
    except (IndexError, StopIteration):
        current().warn("SFORMAT_ERROR", "argument not found")
    except ValueError:
        current().warn("SFORMAT_ERROR", "invalid format specifier")
    return None


register(Function("SFORMAT", (Arg.STRING, Arg.ANY), 1, None, text_of(BLOB_WIDTH), _sformat, pass_types=True))


def _natural_sort_key(text: str) -> str:
    """Digit runs led by their length, so that 'a10' sorts after 'a9'."""

    def key(match: re.Match[str]) -> str:
        digits = match.group().lstrip("0") or "0"
        size = len(digits) - 1
        return (str(size) if size < 9 else "9" + str(size)) + digits

    return re.sub(r"\d+", key, text)


register(Function("NATURAL_SORT_KEY", _S, 1, 1, same_width(1, 2), _natural_sort_key))


def _weight_string(text: Text, collation: str) -> bytes:
    if isinstance(text, bytes):
        return text
    if not is_case_insensitive(collation):
        return as_bytes(text)
    return b"".join(ord(char).to_bytes(2, "big") for char in fold(text, collation))


register(
    Function(
        "WEIGHT_STRING",
        _S,
        1,
        1,
        lambda args: string_type(width(args[0].type) * 2, "binary"),
        _weight_string,
        bytes_too=True,
        collate_args=True,
    )
)

# --- TO_CHAR (Oracle's formats over datetimes) ------------------------------------------------------------------

_TO_CHAR = re.compile(
    r"YYYY|RRRR|YYY|YY|RR|MONTH|MON|MM|DAY|DY|DD|HH24|HH12|HH|MI|SS|AM|PM|[Y]|\"[^\"]*\"|.", re.IGNORECASE | re.DOTALL
)


def _to_char(text: str, *rest: str) -> str | None:
    from fauna.sql.functions.temporal_format import format_fields
    from fauna.sql.functions.temporal_parse import fields_of

    fields = fields_of(text)
    names = {
        "YYYY": "%Y",
        "RRRR": "%Y",
        "YY": "%y",
        "RR": "%y",
        "MM": "%m",
        "DD": "%d",
        "HH24": "%H",
        "HH12": "%h",
        "HH": "%h",
        "MI": "%i",
        "SS": "%s",
        "AM": "%p",
        "PM": "%p",
        "MON": "%b",
        "MONTH": "%M",
        "DAY": "%W",
        "DY": "%a",
    }
    parts = []
    for match in _TO_CHAR.finditer(rest[0] if rest else "YYYY-MM-DD HH24:MI:SS"):
        piece = match.group()
        made = format_fields(fields, names[piece.upper()]) if piece.upper() in names else piece.strip('"')
        if made is None:
            return None
        parts.append(made)
    return "".join(parts)


_TO_CHAR_WIDTHS: Final = {"YYYY": 4, "RRRR": 4, "YYY": 3, "MON": 3, "MONTH": 9, "DAY": 9, "DY": 3}


def _to_char_rule(args: Sequence[ArgInfo]) -> SqlType:
    pattern = args[1].constant() if len(args) > 1 and args[1].type.kind in STRINGS else "YYYY-MM-DD HH24:MI:SS"
    if not isinstance(pattern, str):
        return string_type(64)
    pieces = (match.group().upper() for match in _TO_CHAR.finditer(pattern))
    return string_type(sum(_TO_CHAR_WIDTHS.get(piece, min(len(piece), 2)) for piece in pieces))


register(Function("TO_CHAR", (Arg.DATETIME, Arg.STRING), 1, 2, _to_char_rule, _to_char))
