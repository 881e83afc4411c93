"""The pages in docs/ and the READMEs: links lead somewhere, and no page is out of reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# Pages that others link to and that are still being written.  Empty this before a release.
PENDING: set[Path] = set()
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = {link: (page.parent / link).resolve() for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert [link for link, target in links.items() if not target.exists() and target not in PENDING] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        waiting += [
            (page.parent / link).resolve() for link in LINK.findall(page.read_text(encoding="utf-8")) if link.endswith(".md")
        ]
    assert [page for page in PAGES if page not in seen] == []
