"""Every story of two-phase commit comes out as it is written."""

from __future__ import annotations

import pytest

from tests.scripts import script
from tests.scripts.two_phase import run


@pytest.mark.parametrize("name", script.names(run.DIRECTORY))
def test_story(name: str) -> None:
    story = run.load(name)
    assert story.statements
    for statement, lines in run.play(story):
        assert lines == statement.answer, f"{name}:{statement.line}: > {statement.sql}"


@pytest.mark.parametrize("name", script.names(run.DIRECTORY))
def test_story_is_written_as_the_runner_would_write_it(name: str) -> None:
    assert script.write(run.load(name)) == (run.DIRECTORY / f"{name}.test").read_text(encoding="utf-8")
