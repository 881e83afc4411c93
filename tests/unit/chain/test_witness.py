"""Checkpoints on a schedule: to files, to a real HTTPS server, and what happens when they do not get there."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import logging
import os
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fauna.chain import lines, witness
from fauna.chain.checkpoint import Checkpoint, parse
from fauna.chain.checkpoints import Checkpoints
from fauna.chain.witness import ATTEMPTS_MAX, RETRY_MAX_S, Witness, WitnessError, check_target, exporter, file_name, retry_delay_s
from fauna.clock import ManualClock
from fauna.settings import Settings, SettingsError
from tests.unit.chain.chains import DATABASE, ListChain

Make = Callable[[], Checkpoint]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    chain = ListChain(0).fill(3)
    directory = tmp_path / "data"
    directory.mkdir()
    return Checkpoints(directory, DATABASE, lambda: [chain], ManualClock(1_793_534_400_123_456)).make


# ── a server ──


@dataclass
class Server:
    """An HTTP server that keeps what it is sent, and answers what the test wants."""

    url: str
    bodies: queue.Queue[tuple[str, str, bytes]]
    answers: queue.Queue[int]


def serve(tls: ssl.SSLContext | None) -> Iterator[Server]:
    bodies: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
    answers: queue.Queue[int] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.put((self.path, self.headers["Content-Type"], body))
            status = 201 if answers.empty() else answers.get_nowait()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that does not trust us hangs up

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Server(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", bodies, answers)
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Authority:
    """A certificate authority, and what it has signed for 127.0.0.1."""

    ca_file: Path
    server_context: ssl.SSLContext


def new_authority(directory: Path, name: str, address: str = "127.0.0.1") -> Authority:
    now = datetime.datetime.now(datetime.UTC)

    def certificate(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate(name, name, ca_key, True).sign(ca_key, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    server = certificate("witness", name, key, False).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    ca_file, server_file = directory / f"{name}.pem", directory / f"{name}-server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server_file.write_bytes(private + server.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    return Authority(ca_file, context)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return new_authority(tmp_path, "authority")


@pytest.fixture
def https(authority: Authority) -> Iterator[Server]:
    yield from serve(authority.server_context)


# ── where to ──


def test_https_posts_the_document(https: Server, authority: Authority, make: Make) -> None:
    made = make()
    exporter(f"{https.url}/keep?of=shop", str(authority.ca_file))(made)
    path, kind, body = https.bodies.get(timeout=10)
    assert (path, kind) == ("/keep?of=shop", "application/json")
    assert parse(body.decode()) == made


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    https: Server, authority: Authority, make: Make, tmp_path: Path
) -> None:
    made = make()
    for ca_file in ("", str(new_authority(tmp_path, "other").ca_file)):
        with pytest.raises(WitnessError, match="certificate verify failed"):
            exporter(https.url, ca_file)(made)
    assert https.bodies.empty()
    for server in serve(new_authority(tmp_path, "elsewhere", "127.0.0.9").server_context):
        with pytest.raises(WitnessError, match="certificate verify failed"):
            exporter(server.url, str(tmp_path / "elsewhere.pem"))(made)
        assert server.bodies.empty()


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_any_other_answer_is_a_failure(https: Server, authority: Authority, make: Make, status: int) -> None:
    https.answers.put(status)
    with pytest.raises(WitnessError, match=f"answered {status}"):
        exporter(https.url, str(authority.ca_file))(make())
    assert https.bodies.qsize() == 1  # a redirect is not followed


def test_http_is_for_this_machine_only(make: Make) -> None:
    for server in serve(None):
        exporter(server.url)(make())
        assert server.bodies.qsize() == 1
    with pytest.raises(WitnessError, match="refused"):
        exporter(server.url)(make())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://witness.example/x", "is not encrypted"),
        ("http://10.0.0.1/", "is not encrypted"),
        ("http://127.0.0.1.example/", "is not encrypted"),
        ("ftp://127.0.0.1/", "must be a path, or begin with https://"),
        ("https://", "must be a path, or begin with https://"),
        ("https://host:port/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
        ("https://me:secret@host/", "password"),
        ("https://host/a b", "characters that a URL cannot have"),
        ("https://host/\r\nX: y", "characters that a URL cannot have"),
        ("https://host/é", "characters that a URL cannot have"),
    ],
)
def test_targets_that_cannot_be(target: str, message: str) -> None:
    with pytest.raises(WitnessError, match=message):
        check_target(target)
    with pytest.raises(WitnessError, match=message):
        exporter(target)
    with pytest.raises(SettingsError, match=f"checkpoint_target.*{message}"):
        Settings(checkpoint_target=target).checked()


def test_settings_of_targets_that_can_be(tmp_path: Path) -> None:
    for target in ("", "/mnt/x", "https://host:8/x", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"):
        assert Settings(checkpoint_target=target).checked().checkpoint_target == target
    with pytest.raises(SettingsError, match="checkpoint_ca is for"):
        Settings(checkpoint_ca="ca.pem", checkpoint_target="/mnt/x").checked()
    with pytest.raises(WitnessError, match="certificate authority 'missing.pem' cannot be read"):
        exporter("https://host/", "missing.pem")


def test_a_directory_gets_a_file_for_each(tmp_path: Path, make: Make) -> None:
    directory = tmp_path / "witness"
    directory.mkdir()
    made = [make(), make(), make()]
    for each in made:
        exporter(str(directory))(each)
    names = sorted(path.name for path in directory.iterdir())
    assert names == [f"checkpoint-20261101T120000.{number}Z.json" for number in (123456, 123457, 123458)]
    assert [parse(directory / name) for name in names] == made
    assert file_name(made[0]) == names[0]
    with pytest.raises(WitnessError, match="cannot be written: No such file"):
        exporter(f"{tmp_path}/missing/")(made[0])


def test_a_file_gets_a_line_for_each(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "witness.jsonl"
    made = [make(), make()]
    export = exporter(str(path))
    export(made[0])
    with path.open("ab") as file:
        file.write(b'{"cut')  # by a crash
    export(made[1])
    found = path.read_text().splitlines()
    assert [parse(found[0]), found[1], parse(found[2])] == [made[0], '{"cut', made[1]]


def test_a_full_disk_leaves_no_half_of_anything(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file, directory = tmp_path / "witness.jsonl", tmp_path / "witness"
    directory.mkdir()
    exporter(str(file))(make())
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(lines, "sync_directory", lambda path: None)
    made = json.loads(before)
    for target in (file, directory):
        with pytest.raises(WitnessError, match="No space left"):
            exporter(str(target))(parse(made))
    assert file.read_bytes() == before
    assert list(directory.iterdir()) == []


# ── when ──


class Waits:
    """In the place of time: every wait is over at once, and the last of `count` is the end."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        self.left -= 1
        return self.left < 0


def failing(times: int, export: list[Checkpoint]) -> Callable[[Checkpoint], None]:
    left = [times]

    def run(checkpoint: Checkpoint) -> None:
        if left[0]:
            left[0] -= 1
            raise WitnessError("out of reach")
        export.append(checkpoint)

    return run


def test_what_fails_is_tried_again_later_each_time(make: Make) -> None:
    arrived: list[Checkpoint] = []
    waits = Waits(100)
    one = Witness(make, failing(4, arrived), "there", 3600, wait=waits)
    assert one.export_one()
    assert waits.seconds == [1, 2, 4, 8]
    state = one.state()
    assert (state.target, state.attempts, state.problem, state.exported) == ("there", 5, "", 1)
    assert state.exported_us == state.made_us == arrived[0].made_us


def test_attempts_are_bounded_and_the_problem_is_shown(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Checkpoint] = []

    def make_one() -> Checkpoint:
        made.append(make())
        return made[-1]

    waits = Waits(100)
    one = Witness(make_one, failing(10_000, []), "there", 3600, wait=waits)
    with caplog.at_level(logging.WARNING, "fauna.witness"):
        assert not one.export_one()
    assert len(waits.seconds) == ATTEMPTS_MAX - 1
    assert len(made) == 1  # the same checkpoint each time
    assert one.state() == witness.WitnessState("there", made[0].made_us, 0, 0, ATTEMPTS_MAX, "out of reach")
    assert "checkpoint not exported to there: out of reach" in caplog.text
    assert max(map(retry_delay_s, range(1, 10_000))) == RETRY_MAX_S


def test_a_checkpoint_that_cannot_be_made_is_a_failed_attempt(make: Make) -> None:
    def cannot() -> Checkpoint:
        raise RuntimeError("no disk")

    one = Witness(cannot, failing(0, []), "there", 3600, wait=Waits(100))
    assert not one.export_one()
    assert one.state().problem == "RuntimeError: no disk"


def test_a_schedule(make: Make) -> None:
    """One at the start, then one each interval, counted from the beginning of the one before."""
    arrived: list[Checkpoint] = []
    clock = ManualClock()

    def export(checkpoint: Checkpoint) -> None:
        clock.advance(5)
        arrived.append(checkpoint)

    waits = Waits(3)
    one = Witness(make, export, "there", 60, wait=waits, clock=clock)
    one.run()
    assert len(arrived) == len(waits.seconds) == 4
    assert waits.seconds == [55, 55, 55, 55]
    assert one.state().exported == 4


def test_a_thread_exports_and_ends(https: Server, authority: Authority, make: Make) -> None:
    https.answers.put(503)
    one = Witness(make, exporter(https.url, str(authority.ca_file)), https.url, 3600, wait=Waits(1))
    one.start()
    first, second = https.bodies.get(timeout=30), https.bodies.get(timeout=30)
    assert first == second
    one.close()
    one.close()
    assert one.state().exported == 1


def test_closing_ends_a_wait(make: Make) -> None:
    arrived: queue.Queue[Checkpoint] = queue.Queue()
    one = Witness(make, arrived.put, "there", 3600)
    one.start()
    arrived.get(timeout=30)
    one.close()
    assert not [each for each in threading.enumerate() if each.name == "fauna-witness"]
