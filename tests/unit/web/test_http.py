"""Requests as they come: answered, refused or dropped, and always within bounds."""

from __future__ import annotations

import random
import socket
import ssl

import pytest

from fauna.web.connection import BODY_BYTES_MAX, HEAD_BYTES_MAX
from tests.unit.web.conftest import StartWeb
from tests.unit.web.running_web import RunningWeb, read_all

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_HEALTH = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_health_needs_no_login_and_tells_nothing_else(web: RunningWeb) -> None:
    answer = web.get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert set(answer.headers) == {"Content-Type", "Content-Length", "Date", "Cache-Control", "X-Content-Type-Options"}
    head = web.get("/health", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", answer.headers["Content-Length"])


@pytest.mark.parametrize("target", ["/", "/health/", "/nothing?x=1", "/%2e%2e/etc/passwd", "*", "https://localhost/other"])
def test_other_addresses_are_404(web: RunningWeb, target: str) -> None:
    answer = web.get(target)
    assert (answer.status, answer.errno) == (404, 1105)


def test_the_address_may_be_absolute(web: RunningWeb) -> None:
    assert web.get("https://localhost/health").status == 200


def test_a_wrong_method_names_the_right_ones(web: RunningWeb) -> None:
    answer = web.get("/health", method="DELETE")
    assert (answer.status, answer.errno, answer.headers["Allow"]) == (405, 1105, "GET, HEAD")
    assert web.get("/changes", method="POST").status == 405


@pytest.mark.parametrize("target", ["http://[x/health", "/health?" + "&".join(["a=1"] * 200), "/health?a=%ff"])
def test_an_address_that_cannot_be_read_is_400(web: RunningWeb, target: str) -> None:
    sent = LAST_HEALTH.replace(b"/health", target.encode())  # http.client would not send all of them
    assert web.exchange(sent).startswith(b"HTTP/1.1 400 ")


def test_one_connection_serves_many_requests(web: RunningWeb) -> None:
    connection = web.connection()
    try:
        for _ in range(3):
            connection.request("GET", "/health")
            assert connection.getresponse().read() == b'{"status": "ok"}\n'
        assert web.on_loop(lambda: web.server.connection_count) == 1
    finally:
        connection.close()
    web.until(lambda: web.server.connection_count == 0)


def test_requests_may_come_all_at_once(web: RunningWeb) -> None:
    assert web.exchange(HEALTH * 50 + LAST_HEALTH).count(b"HTTP/1.1 200 OK") == 51


def test_requests_may_come_byte_by_byte(web: RunningWeb) -> None:
    with web.tls_socket() as client:
        for byte in LAST_HEALTH:
            client.send(bytes([byte]))
        assert read_all(client).startswith(b"HTTP/1.1 200 OK")


def test_http_1_0_is_answered_and_closed(web: RunningWeb) -> None:
    assert b'{"status": "ok"}' in web.exchange(b"GET /health HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no Host
        b"GET /health HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_is_400_and_the_end(web: RunningWeb, sent: bytes) -> None:
    answer = web.exchange(sent)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"Connection: close" in answer
    assert b'"errno": 1105' in answer


def test_later_versions_of_http_are_refused(web: RunningWeb) -> None:
    assert web.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").startswith(b"HTTP/1.1 505 ")


def test_a_head_that_is_too_long_is_refused(web: RunningWeb) -> None:
    answer = web.get("/health", X=HEAD_BYTES_MAX * "x")
    assert (answer.status, answer.errno) == (431, 1105)
    with web.tls_socket() as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(16):
            client.sendall(b"X: " + 4096 * b"x" + b"\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 431 ")


def test_a_body_is_taken_up_to_its_limit(web: RunningWeb) -> None:
    most = LAST_HEALTH.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES_MAX) + BODY_BYTES_MAX * b"x"
    assert web.exchange(most).startswith(b"HTTP/1.1 200 OK")
    more = LAST_HEALTH.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1))
    assert web.exchange(more + 4 * BODY_BYTES_MAX * b"x").startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_bounded_too(web: RunningWeb) -> None:
    chunked = LAST_HEALTH.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert web.exchange(chunked + b"5\r\nhello\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    assert web.exchange(chunked + 17 * (b"1000\r\n" + 4096 * b"x" + b"\r\n")).startswith(b"HTTP/1.1 413 ")


def test_who_asks_before_sending_a_body_is_told(web: RunningWeb) -> None:
    asking = LAST_HEALTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n")
    with web.tls_socket() as client:
        client.sendall(asking % 2)
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"xx")
        assert read_all(client).startswith(b"HTTP/1.1 200 ")
    assert web.exchange(asking % (BODY_BYTES_MAX + 1)).startswith(b"HTTP/1.1 413 ")


def test_half_a_request_is_told_that_time_is_up(start_web: StartWeb) -> None:
    web = start_web(connect_timeout=1)
    answer = web.exchange(HEALTH[:20])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"errno": 1159' in answer
    assert web.exchange(HEALTH.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nx")).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_says_nothing_is_dropped(start_web: StartWeb) -> None:
    web = start_web(connect_timeout=1)
    assert web.plain_socket().recv(1) == b""  # not even TLS
    assert web.exchange(b"") == b""
    kept = web.tls_socket()
    kept.sendall(HEALTH)
    assert read_all(kept).startswith(b"HTTP/1.1 200 OK")  # answered, then idle for too long
    web.until(lambda: web.server.connection_count == 0)


def test_without_tls_there_is_no_answer(web: RunningWeb) -> None:
    client = web.plain_socket()
    client.sendall(HEALTH)
    assert b"HTTP" not in read_all(client)
    web.until(lambda: web.server.connection_count == 0)


def test_old_tls_is_refused(web: RunningWeb) -> None:
    context = ssl.create_default_context(cafile=str(web.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with context.wrap_socket(web.plain_socket(), server_hostname="localhost") as client:
        assert client.version() == "TLSv1.2"
    web.until(lambda: web.server.connection_count == 0)


def test_connections_are_bounded(start_web: StartWeb) -> None:
    web = start_web(http_connections_max=3)
    kept = [web.tls_socket() for _ in range(3)]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        web.tls_socket()
    kept[0].close()
    web.until(lambda: web.server.connection_count == 2)
    assert web.get("/health").status == 200


def test_clients_that_leave_in_the_middle_leave_nothing(web: RunningWeb) -> None:
    for sent in (b"", HEALTH[:10], HEALTH, HEALTH * 3):
        client = web.tls_socket()
        client.sendall(sent)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, no goodbye
        client.close()
    web.until(lambda: web.server.connection_count == 0)
    assert web.get("/health").status == 200


def test_a_fault_of_ours_is_500_without_details(web: RunningWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fault(*_: object) -> None:
        raise KeyError("private")

    monkeypatch.setattr(web.server.app, "answer", fault)
    answer = web.get("/health")
    assert (answer.status, answer.errno) == (500, 1105)
    assert b"private" not in answer.body


@pytest.mark.parametrize("seed", range(4))
def test_garbage_never_takes_the_server_down(start_web: StartWeb, seed: int) -> None:
    web, chance = start_web(connect_timeout=1), random.Random(seed)
    for _ in range(30):
        sent = bytearray(HEALTH + b"POST /changes HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + HEALTH)
        for _ in range(chance.randrange(1, 12)):
            sent[chance.randrange(len(sent))] = chance.randrange(256)
        client = web.plain_socket() if chance.random() < 0.2 else web.tls_socket()
        client.sendall(bytes(sent[: chance.randrange(len(sent))]))
        client.close()
    assert web.get("/health").status == 200
    web.until(lambda: web.server.connection_count == 0)


def test_shutdown_lets_go_of_idle_clients_and_of_half_a_request(web: RunningWeb) -> None:
    idle, half = web.tls_socket(), web.tls_socket()
    half.sendall(HEALTH[:10])
    web.until(lambda: web.server.connection_count == 2)
    web.shutdown()
    assert read_all(idle) == read_all(half) == b""
    with pytest.raises(ConnectionError):
        web.plain_socket()
