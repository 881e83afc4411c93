"""Record how a real MariaDB compares and matches strings: the oracle for tests/unit/sql/test_collation.py.

    python tools/collation_cases.py --socket /path/to/private/mariadb.sock

writes tests/unit/sql/data/collation_cases.json: collation -> [[a, b, STRCMP(a, b)] …, [text, pattern, text LIKE pattern] …].
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import pymysql

OUT = Path(__file__).parent.parent / "tests/unit/sql/data/collation_cases.json"
LETTERS = "aAbBzZ09_-[^ `\téÉèßsSñÑœŒæÆäÄöÖøåÅİıiIÿž你我アガ가😀😁ΑαάσςЖжﬁ²½\u0301\u200b"
COLLATIONS = """
    utf8mb4_general_ci utf8mb4_unicode_ci utf8mb4_unicode_520_ci utf8mb4_bin utf8mb4_nopad_bin utf8mb4_general_nopad_ci
    utf8mb4_unicode_nopad_ci utf8mb4_unicode_520_nopad_ci utf8mb3_general_ci utf8mb3_unicode_ci utf8mb3_bin
    utf8mb4_swedish_ci utf8mb4_german2_ci utf8mb4_turkish_ci utf8mb4_polish_ci
    latin1_swedish_ci latin1_bin ascii_general_ci ascii_bin
""".split()
WORDS = ["", "a", "straße", "STRASSE", "resume", "Résumé", "a ", "a\t", "Zürich", "zurich"]
CASES = 200


def usable(charset: str) -> str:
    if charset == "utf8mb4":
        return LETTERS
    codec = {"latin1": "cp1252", "ascii": "ascii", "utf8mb3": "utf-16-le"}[charset]
    kept = [letter for letter in LETTERS if letter <= "\uffff" and letter.encode(codec, "ignore")]
    return "".join(kept)


def ask(cursor: Any, collation: str, template: str, pairs: list[tuple[str, str]]) -> list[list[Any]]:
    charset = collation.partition("_")[0]
    operands = [
        [f"CONVERT(_utf8mb4 x'{text.encode().hex()}' USING {charset}) COLLATE {collation}" for text in pair] for pair in pairs
    ]
    cursor.execute("SELECT " + ",".join(template.format(*pair) for pair in operands))
    return [[*pair, answer] for pair, answer in zip(pairs, cursor.fetchone(), strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    cursor = pymysql.connect(unix_socket=parser.parse_args().socket, user="root", charset="utf8mb4").cursor()
    chance = random.Random(7)
    recorded = {}
    for collation in COLLATIONS:
        letters = usable(collation.partition("_")[0])
        words = [word for word in WORDS if set(word.lower()) <= set("adegmnrsuühictzéß \t") and all(ord(c) < 128 for c in word)]
        words = words if letters.isascii() else WORDS

        def text(extra: str = "", letters: str = letters) -> str:
            return "".join(chance.choice(letters + extra) for _ in range(chance.randrange(5)))

        pairs = [(text(), text()) for _ in range(CASES)] + [(a, b) for a in words for b in words]
        likes = [(text(), text("%%__\\")) for _ in range(CASES)] + [(a, f"%{b[:3]}%") for a in words for b in words]
        recorded[collation] = [ask(cursor, collation, "STRCMP({}, {})", pairs), ask(cursor, collation, "{} LIKE {}", likes)]
    lines = [
        json.dumps(name) + ":" + json.dumps(cases, ensure_ascii=False, separators=(",", ":")) for name, cases in recorded.items()
    ]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
