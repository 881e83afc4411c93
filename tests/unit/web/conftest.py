"""A running WebServer, for as long as a test takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fauna.settings import Settings
from fauna.wire.tls import Keys, load_keys
from tests.unit.web.list_source import ListSource
from tests.unit.web.running_web import RunningWeb, WebAccounts


@pytest.fixture(scope="session")
def web_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys]:
    directory = tmp_path_factory.mktemp("web-keys")
    return directory, load_keys(directory)


StartWeb = Callable[..., RunningWeb]


@pytest.fixture
def start_web(web_keys: tuple[Path, Keys]) -> Iterator[StartWeb]:
    """start_web(source, heartbeat_s=…, **settings) -> RunningWeb; every server is stopped at the test's end."""
    started: list[RunningWeb] = []

    def run(source: ListSource | None = None, *, heartbeat_s: float = 15.0, **settings: Any) -> RunningWeb:
        backend = WebAccounts(source)
        backend.add("root", "secret")
        backend.add("old", "sécret:2", "mysql_native_password")
        backend.add("nobody", "")
        chosen = replace(Settings(data=web_keys[0], http_port=0), **settings)
        web = RunningWeb(backend, chosen, web_keys[1], heartbeat_s)
        started.append(web)
        return web

    yield run
    for web in started:
        web.stop()


@pytest.fixture
def web(start_web: StartWeb) -> RunningWeb:
    return start_web()
