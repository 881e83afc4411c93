"""Outcomes on two servers, compared: how many that pass on MariaDB pass on FaunaDB, and which do not."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.suites.run import Outcomes

REASONS: Final = Path(__file__).parent / "reasons.toml"


@dataclass(frozen=True)
class Comparison:
    """`missing`: test -> why it failed on FaunaDB, of those that passed on MariaDB."""

    suite: str
    passed_on_mariadb: int
    missing: Outcomes

    @property
    def passed_on_both(self) -> int:
        return self.passed_on_mariadb - len(self.missing)

    @property
    def share(self) -> float:
        return self.passed_on_both / self.passed_on_mariadb if self.passed_on_mariadb else 0.0

    def __str__(self) -> str:
        lines = [
            f"{self.suite}: {self.passed_on_both} of the {self.passed_on_mariadb} that pass on MariaDB pass here ({self.share:.2%})"
        ]
        lines += [f"  {name}\n      {why}" for name, why in sorted(self.missing.items())]
        return "\n".join(lines)


def compare(suite: str, mariadb: Outcomes, faunadb: Outcomes) -> Comparison:
    passed = {_plain(name) for name, outcome in mariadb.items() if outcome == "passed"}
    ours = {_plain(name): outcome for name, outcome in faunadb.items()}
    missing = {name: ours.get(name, "not run") for name in passed if ours.get(name) != "passed"}
    return Comparison(suite, len(passed), missing)


def _plain(name: str) -> str:
    """SQLAlchemy puts the server's version into the names of test classes; it is not the same on both."""
    return re.sub(r"_(mysql|mariadb)\+\w+?_[\d_]+(?=\.)", "", name)


def reasons(suite: str) -> dict[str, str]:
    """test -> why it does not pass here, for those that we know of."""
    found: dict[str, str] = tomllib.loads(REASONS.read_text(encoding="utf-8")).get(suite, {})
    return found


def markdown(comparisons: list[Comparison]) -> str:
    lines = ["# Compliance suites", "", "Written by `python -m tests.suites --write-docs`: both servers in the same run.", ""]
    for one in comparisons:
        lines += [
            f"## {one.suite}",
            "",
            f"{one.passed_on_both} of the {one.passed_on_mariadb} tests that pass on MariaDB pass here ({one.share:.1%}).",
            "",
        ]
        if one.missing:
            lines += ["| test | reason |", "|---|---|"]
            known = reasons(one.suite)
            lines += [f"| `{name}` | {known.get(name, why).replace('|', '/')} |" for name, why in sorted(one.missing.items())]
            lines.append("")
    return "\n".join(lines)
