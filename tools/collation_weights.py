"""Take the weight tables of MariaDB's collations from a running private server and pack them into the package.

    python tools/collation_weights.py --socket /path/to/mariadb.sock

Writes src/fauna/sql/collation_weights/<table>.bin, read by fauna.sql.collation.  The layout, before zlib:

    one page per 256 code points that holds anything but the table's rule (general: the code point itself, U+FFFD
    past the BMP; unicode and unicode_520: the implicit weights of the Unicode collation algorithm; languages: the unicode table;
    byte tables: none)
        2 bytes    page number, big-endian
        256 bytes  how many weights each code point has, 255: as the rule says
        2 bytes each, big-endian: the weights, in code point order
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import Any

import pymysql

OUT = Path(__file__).parent.parent / "src/fauna/sql/collation_weights"
BY_RULE = 255
# Those without contractions ('ch' as one letter), which weights of single characters cannot tell.
LANGUAGES = "swedish german2 polish romanian slovenian latvian estonian icelandic spanish turkish esperanto roman persian".split()


def unicode_weights(cursor: Any, collation: str) -> list[tuple[int, ...]]:
    cursor.execute(
        "SELECT WEIGHT_STRING(CONVERT(CHAR(seq USING utf32) USING utf8mb4) COLLATE "
        + collation
        + ") FROM mysql.seq_0_to_1114111 ORDER BY seq"
    )
    return [tuple(int.from_bytes(w[i : i + 2], "big") for i in range(0, len(w), 2)) for (w,) in cursor]


def byte_weights(cursor: Any, charset: str, collation: str) -> dict[int, tuple[int, ...]]:
    """By Unicode code point, for a one-byte character set."""
    cursor.execute(
        f"SELECT CONVERT(CHAR(seq USING {charset}) USING utf8mb4), WEIGHT_STRING(CHAR(seq USING {charset}) COLLATE {collation}) "
        "FROM mysql.seq_0_to_255 ORDER BY seq"
    )
    return {ord(text): tuple(weight) for text, weight in cursor if text}


def by_rule(table: str, code_point: int) -> tuple[int, ...]:
    if table == "general":
        return (code_point if code_point <= 0xFFFF else 0xFFFD,)
    if table == "unicode" and code_point > 0xFFFF:
        return (0xFFFD,)
    if 0xD800 <= code_point < 0xE000:
        return ()
    base = 0xFBC0
    if 0x3400 <= code_point <= 0x4DB5:
        base = 0xFB80
    elif 0x4E00 <= code_point <= 0x9FA5 or 0xFA0E <= code_point <= 0xFA29:
        base = 0xFB40
    return (base + (code_point >> 15), (code_point & 0x7FFF) | 0x8000)


def pack(table: str, weights: dict[int, tuple[int, ...]], base: dict[int, tuple[int, ...]] | None = None) -> bytes:
    out = bytearray()
    for page in range(0x1100):
        points = range(page << 8, (page << 8) + 256)
        counts = bytearray()
        data = bytearray()
        for point in points:
            weight = weights.get(point)
            if weight is None or 0xD800 <= point < 0xE000 or weight == (base[point] if base else by_rule(table, point)):
                counts.append(BY_RULE)
                continue
            counts.append(len(weight))
            for value in weight:
                data += value.to_bytes(2, "big")
        if any(count != BY_RULE for count in counts):
            out += page.to_bytes(2, "big") + counts + data
    return zlib.compress(bytes(out), 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    connection = pymysql.connect(
        unix_socket=parser.parse_args().socket,
        user="root",
        charset="utf8mb4",
        autocommit=True,
        cursorclass=pymysql.cursors.SSCursor,
    )
    cursor = connection.cursor()
    OUT.mkdir(exist_ok=True)
    for table, collation in (("general", "general_ci"), ("unicode", "unicode_ci"), ("unicode_520", "unicode_520_ci")):
        weights = dict(enumerate(unicode_weights(cursor, f"utf8mb4_{collation}")))
        (OUT / f"{table}.bin").write_bytes(pack(table, weights))
        if table == "unicode":
            for language in LANGUAGES:
                tailored = dict(enumerate(unicode_weights(cursor, f"utf8mb4_{language}_ci")))
                (OUT / f"{language}.bin").write_bytes(pack(language, tailored, weights))
    for charset in ("latin1",):
        for name in ("swedish_ci", "bin"):
            packed = pack("bytes", byte_weights(cursor, charset, f"{charset}_{name}"))
            (OUT / f"{charset}_{name}.bin").write_bytes(packed)


if __name__ == "__main__":
    main()
