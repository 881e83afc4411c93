"""HTTP Basic with the accounts of the MySQL port."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fauna.web.login import WAITING_MAX, read_credentials
from fauna.wire.auth import PASSWORD_BYTES_MAX
from tests.unit.web.conftest import StartWeb
from tests.unit.web.running_web import RunningWeb

LOGGED_IN = 501  # there is no source of changes, but only who is logged in is told so


@pytest.mark.parametrize("user", [("root", "secret"), ("old", "sécret:2")])
def test_both_stored_forms_let_in(web: RunningWeb, user: tuple[str, str]) -> None:
    assert [web.get("/changes", user=user).status for _ in range(2)] == [LOGGED_IN] * 2


@pytest.mark.parametrize(
    "user",
    [("root", "wrong"), ("root", ""), ("old", "wrong"), ("nobody", ""), ("nobody", "x"), ("missing", "x"), ("missing", ""),
     ("root", "x" * (PASSWORD_BYTES_MAX + 1)), ("röot\x00", "secret")],
)  # fmt: skip
def test_what_is_wrong_is_not_told(web: RunningWeb, user: tuple[str, str]) -> None:
    assert web.get("/changes", user=("root", "secret")).status == LOGGED_IN  # so that it is remembered
    answer = web.get("/changes", user=user)
    assert (answer.status, answer.errno) == (401, 1045)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="FaunaDB", charset="UTF-8"'
    using = "YES" if user[1] else "NO"
    assert answer.json["error"]["message"] == f"Access denied for user '{user[0]}'@'localhost' (using password: {using})"


def test_a_changed_password_is_not_remembered(web: RunningWeb) -> None:
    assert web.get("/changes", user=("root", "secret")).status == LOGGED_IN
    web.backend.add("root", "other")
    assert web.get("/changes", user=("root", "secret")).status == 401
    assert web.get("/changes", user=("root", "other")).status == LOGGED_IN


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!", "Basic eA==", "Bearer eDp5", "Basic /zp5", "Digest a=b"])
def test_unreadable_credentials_are_401(web: RunningWeb, header: str) -> None:
    answer = web.get("/changes", Authorization=header)
    assert (answer.status, answer.errno) == (401, 1045)


def test_credentials_may_hold_colons_and_any_letter() -> None:
    assert read_credentials("bAsIc " + base64.b64encode("jörg:a:b".encode()).decode()) == ("jörg", "a:b")


def test_logins_that_wait_are_bounded_and_known_ones_go_past_them(start_web: StartWeb) -> None:
    web = start_web()
    assert web.get("/changes", user=("root", "secret")).status == LOGGED_IN
    go_on, loop_thread = threading.Event(), web.thread

    def held_in_the_hashing_thread() -> None:
        if threading.current_thread() is not loop_thread:
            go_on.wait(20)

    web.backend.looked_up = held_in_the_hashing_thread
    with ThreadPoolExecutor(WAITING_MAX) as clients:
        waiting = [clients.submit(web.get, "/changes", user=("old", f"wrong{i}")) for i in range(WAITING_MAX)]
        web.until(lambda: web.server._logins._waiting == WAITING_MAX)
        one_more = web.get("/changes", user=("old", "sécret:2"))
        assert (one_more.status, one_more.errno, one_more.headers["Retry-After"]) == (503, 1040, "1")
        assert web.get("/changes", user=("root", "secret")).status == LOGGED_IN
        assert web.get("/health").status == 200
        go_on.set()
        assert {each.result().status for each in waiting} == {401}
    assert web.get("/changes", user=("old", "sécret:2")).status == LOGGED_IN
