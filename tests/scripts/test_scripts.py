"""Every golden script, on both servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import compatibility, run, script
from tests.servers import Server

SHOWN_DIFFERENCES = 12
RECORDED_ON = "10.11."


@pytest.mark.parametrize("name", script.names())
def test_script(server: Server, name: str) -> None:
    version = server.query("SELECT VERSION()")[0][0]
    if not version.startswith(RECORDED_ON):
        pytest.skip(f"the answers were recorded on MariaDB {RECORDED_ON}, this is {version}")
    found = run.differences(server, script.load(name))
    shown = "\n\n".join(str(d) for d in found[:SHOWN_DIFFERENCES])
    assert not found, f"{len(found)} statements of {name} answered otherwise:\n\n{shown}"


def test_known_differences_are_still_there() -> None:
    """A difference that is gone must leave the list, and each says why it is one."""
    assert not run.obsolete_differences()
    assert all(entry["reason"].strip() for entry in run.all_known_differences())


@pytest.mark.parametrize("name", script.names())
def test_script_is_written_as_the_runner_would_write_it(name: str) -> None:
    story = script.load(name)
    assert script.write(story) == script.path_of(name).read_text(encoding="utf-8")
    assert all(s.answer for s in story.statements), "a statement without an answer: record it with --rewrite"


def test_compatibility_page_is_current() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "compatibility.md"
    assert page.read_text(encoding="utf-8") == compatibility.markdown(), (
        "python -m tests.scripts.compatibility > docs/reference/compatibility.md"
    )
