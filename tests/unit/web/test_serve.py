"""`faunadb serve` with both front doors: one certificate, one set of accounts, one end."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fauna.wire.tls import CERTIFICATE_FILE
from tests.servers import Server, faunadb, free_port
from tests.servers.faunadb import READY, command, environment, http_port
from tests.unit.web.running_web import basic


@pytest.fixture(scope="module")
def both_ports() -> Iterator[Server]:
    with faunadb.start() as server:
        yield server


def get(server: Server, target: str, user: tuple[str, str] | None = None) -> tuple[int, object]:
    context = ssl.create_default_context(cafile=str(server.directory / CERTIFICATE_FILE))
    connection = http.client.HTTPSConnection("127.0.0.1", http_port(server), context=context, timeout=20)
    try:
        connection.request("GET", target, headers=basic(user))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_both_ports_answer_once_the_server_is_ready(both_ports: Server) -> None:
    assert get(both_ports, "/health") == (200, {"status": "ok"})
    assert both_ports.query("SELECT 1") == ((1,),)


def test_accounts_are_those_of_the_mysql_port(both_ports: Server) -> None:
    user = (both_ports.user, both_ports.password)
    assert get(both_ports, "/changes?table=wrong", user)[0] == 400
    assert get(both_ports, "/changes", (both_ports.user, "wrong"))[0] == 401
    try:
        both_ports.query("SET PASSWORD = PASSWORD('another')")
        both_ports.password = "another"
        assert get(both_ports, "/changes", user)[0] == 401
        assert get(both_ports, "/changes?table=wrong", (both_ports.user, "another"))[0] == 400
    finally:
        both_ports.query(f"SET PASSWORD = PASSWORD('{user[1]}')")
        both_ports.password = user[1]


def test_what_is_committed_comes_as_server_sent_events(both_ports: Server) -> None:
    user = (both_ports.user, both_ports.password)
    assert get(both_ports, "/changes?from=nowhere", user)[0] == 400
    context = ssl.create_default_context(cafile=str(both_ports.directory / CERTIFICATE_FILE))
    connection = http.client.HTTPSConnection("127.0.0.1", http_port(both_ports), context=context, timeout=20)
    with both_ports.database("streamed"):
        both_ports.query("CREATE TABLE streamed.t (id INT PRIMARY KEY, name VARCHAR(9))")
        connection.request("GET", "/changes?table=streamed.t", headers=basic(user))
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline().startswith(b"retry:")
        both_ports.query("INSERT INTO streamed.t VALUES (7, 'ä')")
        while not (line := response.readline()).startswith(b"data: "):
            assert line
        event = json.loads(line.removeprefix(b"data: "))
        assert (event["op"], event["after"]) == ("c", {"id": 7, "name": "ä"})
    connection.close()


def test_an_idle_server_stays_small(both_ports: Server) -> None:
    get(both_ports, "/health")
    assert both_ports.memory_mib() <= 80


def test_sigterm_ends_a_server_with_clients_on_both_ports() -> None:
    with faunadb.start() as server, socket.create_connection(("127.0.0.1", http_port(server)), timeout=20) as client:
        mysql = server.connect()
        assert server.stop() == 0
        assert client.recv(1) == b""
        mysql.close()


def run_until_it_ends(*options: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data, free_port(), *options), capture_output=True, text=True, timeout=60, check=False, env=environment(), cwd="/"
    )


def test_a_port_in_use_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_until_it_ends("--http-port", str(port), data=tmp_path / "data")
    assert ended.returncode == 1
    assert READY not in ended.stdout
    message = f"faunadb: cannot listen on 127.0.0.1:{port} for HTTPS: "
    assert ended.stderr.startswith(message)
    assert ended.stderr.count("\n") == 1
    assert "(choose another port with --http-port, or none with --http off)" in ended.stderr


def test_https_can_be_switched_off() -> None:
    with faunadb.start("--http", "off") as server:
        ready = next(line for line in server.output if READY in line)
        assert "https" not in ready
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
