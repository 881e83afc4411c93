"""MySQL's character sets and collations: id <-> name <-> Python codec.

Ids and names are MariaDB 10.11's, and MySQL 8's for utf8mb4's `0900` family, which its clients ask for.  Five sets
that Python has no codec for (armscii8, dec8, geostd8, keybcs2, swe7) are left out: a client that asks for one of
them gets the server's default, as with any unknown id.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Charset:
    """A character set: `codec` is Python's, lengths are bytes per character."""

    name: str
    codec: str
    bytes_max: int
    bytes_min: int
    collation_id: int

    def encode(self, text: str) -> bytes:
        """Characters the set lacks become '?', as MySQL's conversion does."""
        return text.encode(self.codec, "replace")

    def decode(self, data: bytes) -> str:
        """Bytes that are no character of this set become lone surrogates (PEP 383), so that nothing is lost.

        Drivers send raw bytes inside `_binary'…'` literals; whoever reads the literal encodes them back.
        """
        return data.decode(self.codec, "surrogateescape")


def _undefined_in_cp1252(problem: UnicodeError) -> tuple[str | bytes, int]:
    """MySQL's latin1 is cp1252 with the five undefined bytes mapped to themselves."""
    if isinstance(problem, UnicodeDecodeError):
        return chr(problem.object[problem.start]), problem.start + 1
    assert isinstance(problem, UnicodeEncodeError)
    code = ord(problem.object[problem.start])
    return (bytes((code,)) if 0x80 <= code <= 0x9F else b"?"), problem.start + 1


codecs.register_error("fauna-cp1252", _undefined_in_cp1252)


class _Latin1(Charset):
    __slots__ = ()

    def encode(self, text: str) -> bytes:
        return text.encode("cp1252", "fauna-cp1252")

    def decode(self, data: bytes) -> str:
        return data.decode("cp1252", "fauna-cp1252")


# name, codec, bytes per character at most and at least, default collation, "id:name without the set's prefix …".
_TABLE: Final[tuple[tuple[str, str, int, int, int, str], ...]] = (
    ("ascii", "ascii", 1, 1, 11,
     "11:general_ci 65:bin 1035:general_nopad_ci 1089:nopad_bin"),
    ("big5", "big5", 2, 1, 1,
     "1:chinese_ci 84:bin 1025:chinese_nopad_ci 1108:nopad_bin"),
    ("binary", "utf-8", 1, 1, 63,
     "63:"),
    ("cp1250", "cp1250", 1, 1, 26,
     "26:general_ci 34:czech_cs 44:croatian_ci 66:bin 99:polish_ci 1050:general_nopad_ci 1090:nopad_bin"),
    ("cp1251", "cp1251", 1, 1, 51,
     "14:bulgarian_ci 23:ukrainian_ci 50:bin 51:general_ci 52:general_cs 1074:nopad_bin 1075:general_nopad_ci"),
    ("cp1256", "cp1256", 1, 1, 57,
     "57:general_ci 67:bin 1081:general_nopad_ci 1091:nopad_bin"),
    ("cp1257", "cp1257", 1, 1, 59,
     "29:lithuanian_ci 58:bin 59:general_ci 1082:nopad_bin 1083:general_nopad_ci"),
    ("cp850", "cp850", 1, 1, 4,
     "4:general_ci 80:bin 1028:general_nopad_ci 1104:nopad_bin"),
    ("cp852", "cp852", 1, 1, 40,
     "40:general_ci 81:bin 1064:general_nopad_ci 1105:nopad_bin"),
    ("cp866", "cp866", 1, 1, 36,
     "36:general_ci 68:bin 1060:general_nopad_ci 1092:nopad_bin"),
    ("cp932", "cp932", 2, 1, 95,
     "95:japanese_ci 96:bin 1119:japanese_nopad_ci 1120:nopad_bin"),
    ("eucjpms", "euc_jp", 3, 1, 97,
     "97:japanese_ci 98:bin 1121:japanese_nopad_ci 1122:nopad_bin"),
    ("euckr", "euc_kr", 2, 1, 19,
     "19:korean_ci 85:bin 1043:korean_nopad_ci 1109:nopad_bin"),
    ("gb18030", "gb18030", 4, 1, 248,
     "248:chinese_ci 249:bin 250:unicode_520_ci"),
    ("gb2312", "gb2312", 2, 1, 24,
     "24:chinese_ci 86:bin 1048:chinese_nopad_ci 1110:nopad_bin"),
    ("gbk", "gbk", 2, 1, 28,
     "28:chinese_ci 87:bin 1052:chinese_nopad_ci 1111:nopad_bin"),
    ("greek", "iso8859_7", 1, 1, 25,
     "25:general_ci 70:bin 1049:general_nopad_ci 1094:nopad_bin"),
    ("hebrew", "iso8859_8", 1, 1, 16,
     "16:general_ci 71:bin 1040:general_nopad_ci 1095:nopad_bin"),
    ("hp8", "hp-roman8", 1, 1, 6,
     "6:english_ci 72:bin 1030:english_nopad_ci 1096:nopad_bin"),
    ("koi8r", "koi8_r", 1, 1, 7,
     "7:general_ci 74:bin 1031:general_nopad_ci 1098:nopad_bin"),
    ("koi8u", "koi8_u", 1, 1, 22,
     "22:general_ci 75:bin 1046:general_nopad_ci 1099:nopad_bin"),
    ("latin1", "cp1252", 1, 1, 8,
     "5:german1_ci 8:swedish_ci 15:danish_ci 31:german2_ci 47:bin 48:general_ci 49:general_cs 94:spanish_ci "
     "1032:swedish_nopad_ci 1071:nopad_bin"),
    ("latin2", "iso8859_2", 1, 1, 9,
     "2:czech_cs 9:general_ci 21:hungarian_ci 27:croatian_ci 77:bin 1033:general_nopad_ci 1101:nopad_bin"),
    ("latin5", "iso8859_9", 1, 1, 30,
     "30:turkish_ci 78:bin 1054:turkish_nopad_ci 1102:nopad_bin"),
    ("latin7", "iso8859_13", 1, 1, 41,
     "20:estonian_cs 41:general_ci 42:general_cs 79:bin 1065:general_nopad_ci 1103:nopad_bin"),
    ("macce", "mac_latin2", 1, 1, 38,
     "38:general_ci 43:bin 1062:general_nopad_ci 1067:nopad_bin"),
    ("macroman", "mac_roman", 1, 1, 39,
     "39:general_ci 53:bin 1063:general_nopad_ci 1077:nopad_bin"),
    ("sjis", "shift_jis", 2, 1, 13,
     "13:japanese_ci 88:bin 1037:japanese_nopad_ci 1112:nopad_bin"),
    ("tis620", "tis_620", 1, 1, 18,
     "18:thai_ci 89:bin 1042:thai_nopad_ci 1113:nopad_bin"),
    ("ucs2", "utf-16-be", 2, 2, 35,
     "35:general_ci 90:bin 128:unicode_ci 129:icelandic_ci 130:latvian_ci 131:romanian_ci 132:slovenian_ci "
     "133:polish_ci 134:estonian_ci 135:spanish_ci 136:swedish_ci 137:turkish_ci 138:czech_ci 139:danish_ci "
     "140:lithuanian_ci 141:slovak_ci 142:spanish2_ci 143:roman_ci 144:persian_ci 145:esperanto_ci 146:hungarian_ci "
     "147:sinhala_ci 148:german2_ci 149:croatian_mysql561_ci 150:unicode_520_ci 151:vietnamese_ci "
     "159:general_mysql500_ci 640:croatian_ci 641:myanmar_ci 642:thai_520_w2 1059:general_nopad_ci 1114:nopad_bin "
     "1152:unicode_nopad_ci 1174:unicode_520_nopad_ci"),
    ("ujis", "euc_jp", 3, 1, 12,
     "12:japanese_ci 91:bin 1036:japanese_nopad_ci 1115:nopad_bin"),
    ("utf16", "utf-16-be", 4, 2, 54,
     "54:general_ci 55:bin 101:unicode_ci 102:icelandic_ci 103:latvian_ci 104:romanian_ci 105:slovenian_ci "
     "106:polish_ci 107:estonian_ci 108:spanish_ci 109:swedish_ci 110:turkish_ci 111:czech_ci 112:danish_ci "
     "113:lithuanian_ci 114:slovak_ci 115:spanish2_ci 116:roman_ci 117:persian_ci 118:esperanto_ci 119:hungarian_ci "
     "120:sinhala_ci 121:german2_ci 122:croatian_mysql561_ci 123:unicode_520_ci 124:vietnamese_ci 672:croatian_ci "
     "673:myanmar_ci 674:thai_520_w2 1078:general_nopad_ci 1079:nopad_bin 1125:unicode_nopad_ci "
     "1147:unicode_520_nopad_ci"),
    ("utf16le", "utf-16-le", 4, 2, 56,
     "56:general_ci 62:bin 1080:general_nopad_ci 1086:nopad_bin"),
    ("utf32", "utf-32-be", 4, 4, 60,
     "60:general_ci 61:bin 160:unicode_ci 161:icelandic_ci 162:latvian_ci 163:romanian_ci 164:slovenian_ci "
     "165:polish_ci 166:estonian_ci 167:spanish_ci 168:swedish_ci 169:turkish_ci 170:czech_ci 171:danish_ci "
     "172:lithuanian_ci 173:slovak_ci 174:spanish2_ci 175:roman_ci 176:persian_ci 177:esperanto_ci 178:hungarian_ci "
     "179:sinhala_ci 180:german2_ci 181:croatian_mysql561_ci 182:unicode_520_ci 183:vietnamese_ci 736:croatian_ci "
     "737:myanmar_ci 738:thai_520_w2 1084:general_nopad_ci 1085:nopad_bin 1184:unicode_nopad_ci "
     "1206:unicode_520_nopad_ci"),
    ("utf8mb3", "utf-8", 3, 1, 33,
     "33:general_ci 83:bin 192:unicode_ci 193:icelandic_ci 194:latvian_ci 195:romanian_ci 196:slovenian_ci "
     "197:polish_ci 198:estonian_ci 199:spanish_ci 200:swedish_ci 201:turkish_ci 202:czech_ci 203:danish_ci "
     "204:lithuanian_ci 205:slovak_ci 206:spanish2_ci 207:roman_ci 208:persian_ci 209:esperanto_ci 210:hungarian_ci "
     "211:sinhala_ci 212:german2_ci 213:croatian_mysql561_ci 214:unicode_520_ci 215:vietnamese_ci "
     "223:general_mysql500_ci 576:croatian_ci 577:myanmar_ci 578:thai_520_w2 1057:general_nopad_ci 1107:nopad_bin "
     "1216:unicode_nopad_ci 1238:unicode_520_nopad_ci"),
    ("utf8mb4", "utf-8", 4, 1, 45,
     "45:general_ci 46:bin 224:unicode_ci 225:icelandic_ci 226:latvian_ci 227:romanian_ci 228:slovenian_ci "
     "229:polish_ci 230:estonian_ci 231:spanish_ci 232:swedish_ci 233:turkish_ci 234:czech_ci 235:danish_ci "
     "236:lithuanian_ci 237:slovak_ci 238:spanish2_ci 239:roman_ci 240:persian_ci 241:esperanto_ci 242:hungarian_ci "
     "243:sinhala_ci 244:german2_ci 245:croatian_mysql561_ci 246:unicode_520_ci 247:vietnamese_ci 608:croatian_ci "
     "609:myanmar_ci 610:thai_520_w2 1069:general_nopad_ci 1070:nopad_bin 1248:unicode_nopad_ci "
     "1270:unicode_520_nopad_ci 255:0900_ai_ci 256:de_pb_0900_ai_ci 257:is_0900_ai_ci 258:lv_0900_ai_ci "
     "259:ro_0900_ai_ci 260:sl_0900_ai_ci 261:pl_0900_ai_ci 262:et_0900_ai_ci 263:es_0900_ai_ci 264:sv_0900_ai_ci "
     "265:tr_0900_ai_ci 266:cs_0900_ai_ci 267:da_0900_ai_ci 268:lt_0900_ai_ci 269:sk_0900_ai_ci "
     "270:es_trad_0900_ai_ci 271:la_0900_ai_ci 273:eo_0900_ai_ci 274:hu_0900_ai_ci 275:hr_0900_ai_ci "
     "277:vi_0900_ai_ci 278:0900_as_cs 303:ja_0900_as_cs 304:ja_0900_as_cs_ks 305:0900_as_ci 306:ru_0900_ai_ci "
     "307:ru_0900_as_cs 308:zh_0900_as_cs 309:0900_bin"),
)

CHARSETS: Final[dict[str, Charset]] = {}
COLLATION_NAMES: Final[dict[int, str]] = {}
COLLATION_IDS: Final[dict[str, int]] = {}
_CHARSET_OF_ID: Final[dict[int, Charset]] = {}


def _fill() -> None:
    for name, codec, bytes_max, bytes_min, default_id, collations in _TABLE:
        charset = (_Latin1 if name == "latin1" else Charset)(name, codec, bytes_max, bytes_min, default_id)
        CHARSETS[name] = charset
        for entry in collations.split():
            number, _, suffix = entry.partition(":")
            collation_id, collation = int(number), f"{name}_{suffix}" if suffix else name
            COLLATION_NAMES[collation_id] = collation
            COLLATION_IDS[collation] = collation_id
            _CHARSET_OF_ID[collation_id] = charset
    CHARSETS["utf8"] = CHARSETS["utf8mb3"]


_fill()
UTF8MB4: Final = CHARSETS["utf8mb4"]
BINARY: Final = CHARSETS["binary"]
DEFAULT_COLLATION_ID: Final = 45


def charset_named(name: str) -> Charset | None:
    return CHARSETS.get(name.lower())


def known_collation_id(collation_id: int) -> int:
    """The id itself, or the server's default for one we do not know, as MySQL does in the handshake."""
    return collation_id if collation_id in COLLATION_NAMES else DEFAULT_COLLATION_ID


def charset_of_collation(collation_id: int) -> Charset:
    return _CHARSET_OF_ID.get(collation_id, UTF8MB4)


def collation_id(name: str) -> int:
    """The id of the collation called `name`; utf8_… is utf8mb3_…; the default's for an unknown one."""
    known = COLLATION_IDS.get(name)
    if known is None and name.startswith("utf8_"):
        known = COLLATION_IDS.get("utf8mb3_" + name[5:])
    return DEFAULT_COLLATION_ID if known is None else known
