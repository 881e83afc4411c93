"""Character sets and collations: MariaDB's names and numbers, and the Python codec of each character set.

Strings are stored as Unicode text whatever their column's character set; the set decides only which characters a column
takes (`unfit_bytes`), how long a text is in bytes, and what the wire announces.  Which collations can be compared by is
another question: see fauna.sql.collation.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fauna.errors import error

SHOWN_BYTES: Final = 6  # of an unfit string, in messages


RAW_BYTES: Final = "fauna-raw"  # how text that carries undecodable bytes of a statement is encoded again


def _raw_bytes(problem: UnicodeError) -> tuple[bytes, int]:
    """A byte that came as a surrogate becomes that byte; any other surrogate its three bytes."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    points = [ord(char) for char in problem.object[problem.start : problem.end]]
    data = b"".join(bytes((p - 0xDC00,)) if 0xDC80 <= p <= 0xDCFF else chr(p).encode("utf-8", "surrogatepass") for p in points)
    return data, problem.end


codecs.register_error(RAW_BYTES, _raw_bytes)


@dataclass(frozen=True, slots=True)
class Charset:
    """codec  Python's; '' when Python has none (texts are taken unchecked)
    maxlen    bytes of the longest character
    holds_all whether every Unicode character has a place in it"""

    name: str
    codec: str
    maxlen: int
    description: str
    default_collation: str
    holds_all: bool


@dataclass(frozen=True, slots=True)
class Collation:
    """pad  trailing spaces do not count in comparisons (PAD SPACE)."""

    name: str
    charset: str
    id: int
    is_default: bool
    pad: bool


# name, codec, maxlen, description, default collation
_CHARSETS: Final = (
    ("big5", "big5", 2, "Big5 Traditional Chinese", "big5_chinese_ci"),
    ("dec8", "", 1, "DEC West European", "dec8_swedish_ci"),
    ("cp850", "cp850", 1, "DOS West European", "cp850_general_ci"),
    ("hp8", "hp_roman8", 1, "HP West European", "hp8_english_ci"),
    ("koi8r", "koi8_r", 1, "KOI8-R Relcom Russian", "koi8r_general_ci"),
    ("latin1", "cp1252", 1, "cp1252 West European", "latin1_swedish_ci"),
    ("latin2", "iso8859_2", 1, "ISO 8859-2 Central European", "latin2_general_ci"),
    ("swe7", "", 1, "7bit Swedish", "swe7_swedish_ci"),
    ("ascii", "ascii", 1, "US ASCII", "ascii_general_ci"),
    ("ujis", "euc_jp", 3, "EUC-JP Japanese", "ujis_japanese_ci"),
    ("sjis", "shift_jis", 2, "Shift-JIS Japanese", "sjis_japanese_ci"),
    ("hebrew", "iso8859_8", 1, "ISO 8859-8 Hebrew", "hebrew_general_ci"),
    ("tis620", "tis_620", 1, "TIS620 Thai", "tis620_thai_ci"),
    ("euckr", "euc_kr", 2, "EUC-KR Korean", "euckr_korean_ci"),
    ("koi8u", "koi8_u", 1, "KOI8-U Ukrainian", "koi8u_general_ci"),
    ("gb2312", "gb2312", 2, "GB2312 Simplified Chinese", "gb2312_chinese_ci"),
    ("greek", "iso8859_7", 1, "ISO 8859-7 Greek", "greek_general_ci"),
    ("cp1250", "cp1250", 1, "Windows Central European", "cp1250_general_ci"),
    ("gbk", "gbk", 2, "GBK Simplified Chinese", "gbk_chinese_ci"),
    ("latin5", "iso8859_9", 1, "ISO 8859-9 Turkish", "latin5_turkish_ci"),
    ("armscii8", "", 1, "ARMSCII-8 Armenian", "armscii8_general_ci"),
    ("utf8mb3", "utf-8", 3, "UTF-8 Unicode", "utf8mb3_general_ci"),
    ("ucs2", "utf-16-be", 2, "UCS-2 Unicode", "ucs2_general_ci"),
    ("cp866", "cp866", 1, "DOS Russian", "cp866_general_ci"),
    ("keybcs2", "", 1, "DOS Kamenicky Czech-Slovak", "keybcs2_general_ci"),
    ("macce", "mac_latin2", 1, "Mac Central European", "macce_general_ci"),
    ("macroman", "mac_roman", 1, "Mac West European", "macroman_general_ci"),
    ("cp852", "cp852", 1, "DOS Central European", "cp852_general_ci"),
    ("latin7", "iso8859_13", 1, "ISO 8859-13 Baltic", "latin7_general_ci"),
    ("utf8mb4", "utf-8", 4, "UTF-8 Unicode", "utf8mb4_general_ci"),
    ("cp1251", "cp1251", 1, "Windows Cyrillic", "cp1251_general_ci"),
    ("utf16", "utf-16-be", 4, "UTF-16 Unicode", "utf16_general_ci"),
    ("utf16le", "utf-16-le", 4, "UTF-16LE Unicode", "utf16le_general_ci"),
    ("cp1256", "cp1256", 1, "Windows Arabic", "cp1256_general_ci"),
    ("cp1257", "cp1257", 1, "Windows Baltic", "cp1257_general_ci"),
    ("utf32", "utf-32-be", 4, "UTF-32 Unicode", "utf32_general_ci"),
    ("binary", "latin-1", 1, "Binary pseudo charset", "binary"),
    ("geostd8", "", 1, "GEOSTD8 Georgian", "geostd8_general_ci"),
    ("cp932", "cp932", 2, "SJIS for Windows Japanese", "cp932_japanese_ci"),
    ("eucjpms", "euc_jp", 3, "UJIS for Windows Japanese", "eucjpms_japanese_ci"),
)

# By character set: the collation's name without the set's, and its number; '=' opens a whole name.
_COLLATIONS: Final = {
    "armscii8": "general_ci:32 bin:64 general_nopad_ci:1056 nopad_bin:1088",
    "ascii": "general_ci:11 bin:65 general_nopad_ci:1035 nopad_bin:1089",
    "big5": "chinese_ci:1 bin:84 chinese_nopad_ci:1025 nopad_bin:1108",
    "binary": "=binary:63",
    "cp1250": "general_ci:26 czech_cs:34 croatian_ci:44 bin:66 polish_ci:99 general_nopad_ci:1050 nopad_bin:1090",
    "cp1251": "bulgarian_ci:14 ukrainian_ci:23 bin:50 general_ci:51 general_cs:52 nopad_bin:1074 general_nopad_ci:1075",
    "cp1256": "general_ci:57 bin:67 general_nopad_ci:1081 nopad_bin:1091",
    "cp1257": "lithuanian_ci:29 bin:58 general_ci:59 nopad_bin:1082 general_nopad_ci:1083",
    "cp850": "general_ci:4 bin:80 general_nopad_ci:1028 nopad_bin:1104",
    "cp852": "general_ci:40 bin:81 general_nopad_ci:1064 nopad_bin:1105",
    "cp866": "general_ci:36 bin:68 general_nopad_ci:1060 nopad_bin:1092",
    "cp932": "japanese_ci:95 bin:96 japanese_nopad_ci:1119 nopad_bin:1120",
    "dec8": "swedish_ci:3 bin:69 swedish_nopad_ci:1027 nopad_bin:1093",
    "eucjpms": "japanese_ci:97 bin:98 japanese_nopad_ci:1121 nopad_bin:1122",
    "euckr": "korean_ci:19 bin:85 korean_nopad_ci:1043 nopad_bin:1109",
    "gb2312": "chinese_ci:24 bin:86 chinese_nopad_ci:1048 nopad_bin:1110",
    "gbk": "chinese_ci:28 bin:87 chinese_nopad_ci:1052 nopad_bin:1111",
    "geostd8": "general_ci:92 bin:93 general_nopad_ci:1116 nopad_bin:1117",
    "greek": "general_ci:25 bin:70 general_nopad_ci:1049 nopad_bin:1094",
    "hebrew": "general_ci:16 bin:71 general_nopad_ci:1040 nopad_bin:1095",
    "hp8": "english_ci:6 bin:72 english_nopad_ci:1030 nopad_bin:1096",
    "keybcs2": "general_ci:37 bin:73 general_nopad_ci:1061 nopad_bin:1097",
    "koi8r": "general_ci:7 bin:74 general_nopad_ci:1031 nopad_bin:1098",
    "koi8u": "general_ci:22 bin:75 general_nopad_ci:1046 nopad_bin:1099",
    "latin1": (
        "german1_ci:5 swedish_ci:8 danish_ci:15 german2_ci:31 bin:47 general_ci:48 general_cs:49 spanish_ci:94 "
        "swedish_nopad_ci:1032 nopad_bin:1071"
    ),
    "latin2": "czech_cs:2 general_ci:9 hungarian_ci:21 croatian_ci:27 bin:77 general_nopad_ci:1033 nopad_bin:1101",
    "latin5": "turkish_ci:30 bin:78 turkish_nopad_ci:1054 nopad_bin:1102",
    "latin7": "estonian_cs:20 general_ci:41 general_cs:42 bin:79 general_nopad_ci:1065 nopad_bin:1103",
    "macce": "general_ci:38 bin:43 general_nopad_ci:1062 nopad_bin:1067",
    "macroman": "general_ci:39 bin:53 general_nopad_ci:1063 nopad_bin:1077",
    "sjis": "japanese_ci:13 bin:88 japanese_nopad_ci:1037 nopad_bin:1112",
    "swe7": "swedish_ci:10 bin:82 swedish_nopad_ci:1034 nopad_bin:1106",
    "tis620": "thai_ci:18 bin:89 thai_nopad_ci:1042 nopad_bin:1113",
    "ucs2": (
        "general_ci:35 bin:90 unicode_ci:128 icelandic_ci:129 latvian_ci:130 romanian_ci:131 slovenian_ci:132 "
        "polish_ci:133 estonian_ci:134 spanish_ci:135 swedish_ci:136 turkish_ci:137 czech_ci:138 danish_ci:139 "
        "lithuanian_ci:140 slovak_ci:141 spanish2_ci:142 roman_ci:143 persian_ci:144 esperanto_ci:145 "
        "hungarian_ci:146 sinhala_ci:147 german2_ci:148 croatian_mysql561_ci:149 unicode_520_ci:150 "
        "vietnamese_ci:151 general_mysql500_ci:159 croatian_ci:640 myanmar_ci:641 thai_520_w2:642 "
        "general_nopad_ci:1059 nopad_bin:1114 unicode_nopad_ci:1152 unicode_520_nopad_ci:1174"
    ),
    "ujis": "japanese_ci:12 bin:91 japanese_nopad_ci:1036 nopad_bin:1115",
    "utf16": (
        "general_ci:54 bin:55 unicode_ci:101 icelandic_ci:102 latvian_ci:103 romanian_ci:104 slovenian_ci:105 "
        "polish_ci:106 estonian_ci:107 spanish_ci:108 swedish_ci:109 turkish_ci:110 czech_ci:111 danish_ci:112 "
        "lithuanian_ci:113 slovak_ci:114 spanish2_ci:115 roman_ci:116 persian_ci:117 esperanto_ci:118 "
        "hungarian_ci:119 sinhala_ci:120 german2_ci:121 croatian_mysql561_ci:122 unicode_520_ci:123 "
        "vietnamese_ci:124 croatian_ci:672 myanmar_ci:673 thai_520_w2:674 general_nopad_ci:1078 nopad_bin:1079 "
        "unicode_nopad_ci:1125 unicode_520_nopad_ci:1147"
    ),
    "utf16le": "general_ci:56 bin:62 general_nopad_ci:1080 nopad_bin:1086",
    "utf32": (
        "general_ci:60 bin:61 unicode_ci:160 icelandic_ci:161 latvian_ci:162 romanian_ci:163 slovenian_ci:164 "
        "polish_ci:165 estonian_ci:166 spanish_ci:167 swedish_ci:168 turkish_ci:169 czech_ci:170 danish_ci:171 "
        "lithuanian_ci:172 slovak_ci:173 spanish2_ci:174 roman_ci:175 persian_ci:176 esperanto_ci:177 "
        "hungarian_ci:178 sinhala_ci:179 german2_ci:180 croatian_mysql561_ci:181 unicode_520_ci:182 "
        "vietnamese_ci:183 croatian_ci:736 myanmar_ci:737 thai_520_w2:738 general_nopad_ci:1084 nopad_bin:1085 "
        "unicode_nopad_ci:1184 unicode_520_nopad_ci:1206"
    ),
    "utf8mb3": (
        "general_ci:33 bin:83 unicode_ci:192 icelandic_ci:193 latvian_ci:194 romanian_ci:195 slovenian_ci:196 "
        "polish_ci:197 estonian_ci:198 spanish_ci:199 swedish_ci:200 turkish_ci:201 czech_ci:202 danish_ci:203 "
        "lithuanian_ci:204 slovak_ci:205 spanish2_ci:206 roman_ci:207 persian_ci:208 esperanto_ci:209 "
        "hungarian_ci:210 sinhala_ci:211 german2_ci:212 croatian_mysql561_ci:213 unicode_520_ci:214 "
        "vietnamese_ci:215 general_mysql500_ci:223 croatian_ci:576 myanmar_ci:577 thai_520_w2:578 "
        "general_nopad_ci:1057 nopad_bin:1107 unicode_nopad_ci:1216 unicode_520_nopad_ci:1238"
    ),
    "utf8mb4": (
        "general_ci:45 bin:46 unicode_ci:224 icelandic_ci:225 latvian_ci:226 romanian_ci:227 slovenian_ci:228 "
        "polish_ci:229 estonian_ci:230 spanish_ci:231 swedish_ci:232 turkish_ci:233 czech_ci:234 danish_ci:235 "
        "lithuanian_ci:236 slovak_ci:237 spanish2_ci:238 roman_ci:239 persian_ci:240 esperanto_ci:241 "
        "hungarian_ci:242 sinhala_ci:243 german2_ci:244 croatian_mysql561_ci:245 unicode_520_ci:246 "
        "vietnamese_ci:247 croatian_ci:608 myanmar_ci:609 thai_520_w2:610 general_nopad_ci:1069 nopad_bin:1070 "
        "unicode_nopad_ci:1248 unicode_520_nopad_ci:1270"
    ),
}
# MySQL 8's default, which MySQL dumps name; MariaDB 10.11 does not know it.
_MYSQL_COLLATIONS: Final = (("utf8mb4_0900_ai_ci", "utf8mb4", 255),)
_ALIASES: Final = {"utf8": "utf8mb3"}
_HOLDING_ALL: Final = frozenset({"utf8mb4", "utf16", "utf16le", "utf32", "binary"})


def _charsets() -> dict[str, Charset]:
    return {row[0]: Charset(*row, holds_all=row[0] in _HOLDING_ALL or not row[1]) for row in _CHARSETS}


def _is_padded(name: str) -> bool:
    return name != "binary" and "nopad" not in name and "0900" not in name


def _collations() -> dict[str, Collation]:
    found = {}
    for charset, text in _COLLATIONS.items():
        default = CHARSETS[charset].default_collation
        for part in text.split():
            short, _, number = part.partition(":")
            name = short[1:] if short.startswith("=") else f"{charset}_{short}"
            found[name] = Collation(name, charset, int(number), name == default, _is_padded(name))
    for name, charset, identity in _MYSQL_COLLATIONS:
        found[name] = Collation(name, charset, identity, False, _is_padded(name))
    return found


CHARSETS: Final = _charsets()
COLLATIONS: Final = _collations()
COLLATIONS_BY_ID: Final = {collation.id: collation for collation in COLLATIONS.values()}


def find_charset(name: str) -> Charset | None:
    name = name.lower()
    return CHARSETS.get(_ALIASES.get(name, name))


def must_charset(name: str) -> Charset:
    """Raises 1115 for an unknown name."""
    found = find_charset(name)
    if found is None:
        raise error("UNKNOWN_CHARACTER_SET", name)
    return found


def find_collation(name: str) -> Collation | None:
    name = name.lower()
    found = COLLATIONS.get(name)
    if found is None and name.startswith("utf8_"):
        return COLLATIONS.get("utf8mb3_" + name[5:])
    return found


def must_collation(name: str) -> Collation:
    """Raises 1273 for an unknown name."""
    found = find_collation(name)
    if found is None:
        raise error("UNKNOWN_COLLATION", name)
    return found


@lru_cache(maxsize=512)
def charset_of(collation: str) -> Charset:
    """The character set of a collation; utf8mb4 for '' and for a name not known here."""
    found = find_collation(collation)
    return CHARSETS[found.charset if found is not None else "utf8mb4"]


def unfit_bytes(charset: Charset, text: str) -> tuple[str, bytes] | None:
    """(the text with '?' for each character that the set lacks, the first such bytes for a message), or None when the
    whole text fits."""
    fits = _fits(charset)
    for index, char in enumerate(text):
        if not fits(char):
            rest = text[index:].encode("utf-8", "surrogatepass")
            shown = rest if len(rest) <= SHOWN_BYTES else rest[:SHOWN_BYTES] + b"..."
            return "".join(each if fits(each) else "?" for each in text), shown
    return None


class _Fits:
    """Whether a character is in a set."""

    def __init__(self, codec: str) -> None:
        self._encode = codecs.lookup(codec).encode

    def __call__(self, char: str) -> bool:
        if char < "\x80":
            return True
        try:
            self._encode(char)
        except UnicodeEncodeError:
            return False
        return True


def _fits_bmp(char: str) -> bool:
    return char <= "\uffff"


@lru_cache(maxsize=64)
def _fits(charset: Charset) -> Callable[[str], bool]:
    return _fits_bmp if charset.name in ("utf8mb3", "ucs2") else _Fits(charset.codec)
