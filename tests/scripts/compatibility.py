"""The compatibility table of the documentation, from the golden scripts and the known differences.

python -m tests.scripts.compatibility > docs/reference/compatibility.md
"""

from __future__ import annotations

from collections import defaultdict

from tests.scripts import run, script

HEAD = """# What agrees with MariaDB, and what does not

Written by `python -m tests.scripts.compatibility` from the golden scripts in `tests/scripts/sql`; a test checks that it is
current. Each statement there was answered by MariaDB 10.11, and FaunaDB must give the same rows, column types, warnings and
errors, except where a difference is noted below.
"""


def markdown() -> str:
    differences = run.all_known_differences()
    lines = [HEAD, "| area | scripts | statements | noted differences |", "|---|---:|---:|---:|"]
    areas: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for name in script.names():
        area = areas[name.split("/")[0]]
        area[0] += 1
        area[1] += len(script.load(name).statements)
    for difference in differences:
        areas[difference["script"].split("/")[0]][2] += 1
    lines += [f"| {name.replace('_', ' ')} | {a[0]} | {a[1]} | {a[2]} |" for name, a in sorted(areas.items())]
    lines += ["", "## The differences", "", "| statement | here | why |", "|---|---|---|"]
    lines += [f"| {_code(d['statement'])} | {_code(d['faunadb'].split(chr(10))[0])} | {d['reason']} |" for d in differences]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """As code in a cell of a table."""
    short = " ".join(text.split())
    short = short if len(short) <= 90 else short[:87] + "..."
    return "`` " + short.replace("|", "\\|") + " ``"


if __name__ == "__main__":
    print(markdown(), end="")
