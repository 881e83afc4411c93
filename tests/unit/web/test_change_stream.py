"""GET /changes: what a client gets, and what a slow one, a leaving one and an ending server do to it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fauna.errors import error
from fauna.web.change_stream import EVENTS_MAX, POSITION_CHARACTERS_MAX, TABLES_MAX, event_of
from tests.unit.web.conftest import StartWeb
from tests.unit.web.list_source import ListReader, ListSource
from tests.unit.web.running_web import RunningWeb, basic, read_all

ROOT = ("root", "secret")


@pytest.fixture
def source() -> ListSource:
    return ListSource()


def test_without_a_source_it_is_1235(web: RunningWeb) -> None:
    answer = web.get("/changes", user=ROOT)
    assert (answer.status, answer.errno) == (501, 1235)


def test_changes_come_in_order_with_their_positions(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    source.add("shop.orders", "before anybody listened")
    with web.stream() as stream:
        assert stream.response.getheader("Content-Type") == "text/event-stream"
        assert stream.block() == {"retry": "2000", "": "", "id": "1"}
        source.add("shop.orders", 10, "ü", "two\nlines\r\nor three")
        assert stream.event() == {"id": "2", "event": "change", "data": '{"table": "shop.orders", "value": 10}'}
        assert stream.event() == {"id": "3", "event": "change", "data": "ü"}
        assert stream.event() == {"id": "4", "event": "change", "data": "two\nlines\nor three"}
        for number in range(5, 3 * EVENTS_MAX):
            source.add("shop.orders", number)
            assert stream.event()["id"] == str(number)


def test_a_client_goes_on_where_it_was(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    source.add("shop.orders", *range(5))
    with web.stream("/changes?from=0") as stream:
        assert [stream.event()["id"] for _ in range(5)] == ["1", "2", "3", "4", "5"]
    with web.stream("/changes?from=0", **{"Last-Event-ID": "3"}) as stream:  # as a browser connects again
        assert [stream.event()["id"] for _ in range(2)] == ["4", "5"]
    with web.stream("/changes?from=4") as stream:
        assert stream.event()["id"] == "5"


def test_tables_are_filtered_by_the_source_and_the_position_moves_on(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source, heartbeat_s=0.05)
    with web.stream("/changes?table=shop.orders&table=shop.a.b") as stream:
        assert stream.block() == {"retry": "2000", "": "", "id": "0"}
        source.add("shop.other", 1)
        block = stream.block()
        while block == {"": ""}:  # a heartbeat that was on its way
            block = stream.block()
        assert block == {"": "", "id": "1"}
        source.add("shop.a.b", 2)
        assert stream.event()["id"] == "2"


@pytest.mark.parametrize(
    "query",
    ["tabel=shop.t", "table=orders", "table=.orders", "table=shop.", "table=", "from=1&from=2", "from=", "from=%0a", "from=%C3%BC",
     "from=" + "1" * (POSITION_CHARACTERS_MAX + 1), "&".join(f"table=shop.t{i}" for i in range(TABLES_MAX + 1))],
)  # fmt: skip
def test_wrong_parameters_are_400(start_web: StartWeb, source: ListSource, query: str) -> None:
    answer = start_web(source).get(f"/changes?{query}", user=ROOT)
    assert (answer.status, answer.errno) == (400, 1105)
    assert source.readers == []


def test_what_the_source_refuses_has_its_number_and_takes_no_place(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source, change_streams_max=1)
    for _ in range(2):
        answer = web.get("/changes?table=missing.t", user=ROOT)
        assert (answer.status, answer.errno) == (404, 1146)
        web.until(lambda: web.server.streams.open == 0)


def test_a_fault_of_the_source_is_500(start_web: StartWeb, source: ListSource) -> None:
    answer = start_web(source).get("/changes?from=nonsense", user=ROOT)
    assert (answer.status, answer.errno) == (500, 1105)
    assert b"nonsense" not in answer.body


def test_an_error_on_the_way_is_the_last_event(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    with web.stream() as stream:
        source.add("shop.orders", 1)
        assert stream.event()["id"] == "1"
        source.fail(error("SERVER_SHUTDOWN"))
        last = stream.event()
        assert last["event"] == "end"
        assert json.loads(last["data"])["error"]["errno"] == 1053
        assert stream.block() is None
    web.until(lambda: source.open_readers == 0)


def test_a_fault_on_the_way_cuts_the_stream(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    client = web.tls_socket()
    client.sendall(_request())
    web.until(lambda: len(source.readers) == 1)
    source.fail(ValueError("private"))
    assert b"private" not in _read_to_any_end(client)
    web.until(lambda: source.open_readers == 0)


def test_silence_is_filled_with_comments(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source, heartbeat_s=0.02)
    with web.stream() as stream:
        stream.block()
        assert [stream.block() for _ in range(3)] == [{"": ""}] * 3


def test_a_client_that_leaves_gives_its_place_back(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source, change_streams_max=2)
    streams = [web.stream() for _ in range(2)]
    refused = web.get("/changes", user=ROOT)
    assert (refused.status, refused.errno, refused.headers["Retry-After"]) == (503, 1040, "5")
    assert web.get("/health").status == 200
    for stream in streams:
        stream.close()
    web.until(lambda: web.server.streams.open == 0)
    assert source.open_readers == 0
    with web.stream() as stream:
        source.add("shop.orders", 1)
        assert stream.event()["id"] == "1"


class EndlessSource(ListSource):
    """A change of 100 kB whenever it is asked."""

    def make_reader(self, start: int, tables: frozenset[str]) -> ListReader:
        return EndlessReader(self, start, tables)


class EndlessReader(ListReader):
    def _fetch(self, limit: int) -> list:
        from tests.unit.web.list_source import ListEvent

        self._next += 1
        self.fetched += 1
        return [ListEvent(str(self._next), "shop.orders", 100_000 * "x")]


def _request(target: str = "/changes") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ROOT)['Authorization']}\r\n\r\n".encode()


def _memory_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_what_a_slow_client_does_not_take_is_not_fetched(start_web: StartWeb) -> None:
    source = EndlessSource()
    web = start_web(source)
    client = web.tls_socket(receive_buffer=4096)
    client.sendall(_request())
    web.until(lambda: len(source.readers) == 1 and _stands_still(web, source))
    fetched, memory = source.readers[0].fetched, _memory_mib()
    assert fetched < 100  # what the kernel's buffers take, and one batch
    with web.stream() as other:  # others are not held up
        for _ in range(500):
            other.event()
    assert source.readers[0].fetched == fetched
    assert _memory_mib() < memory + 30
    while source.readers[0].fetched < fetched + 100:  # it reads on, and gets on
        assert client.recv(1 << 20)


def _stands_still(web: RunningWeb, source: ListSource) -> bool:
    """The connection waits for its client."""
    return any(connection._writable is not None for connection in web.server._connections) and source.readers[0].fetched > 1


def test_a_client_that_takes_nothing_is_dropped(start_web: StartWeb) -> None:
    source = EndlessSource()
    web = start_web(source, net_write_timeout=1)
    client = web.tls_socket(receive_buffer=4096)
    client.sendall(_request())
    web.until(lambda: len(source.readers) == 1 and source.open_readers == 0)
    web.until(lambda: web.server.connection_count == 0 and web.server.streams.open == 0)


def test_shutdown_ends_streams_cleanly(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    with web.stream() as one, web.stream() as two:
        source.add("shop.orders", 1)
        assert one.event()["id"] == two.event()["id"] == "1"
        web.shutdown()
        assert one.block() is None  # http.client raises IncompleteRead when the last chunk is missing
        assert two.block() is None
    assert source.open_readers == 0
    assert all(reader.closed for reader in source.readers)


def test_shutdown_does_not_wait_for_a_client_that_takes_nothing(start_web: StartWeb) -> None:
    source = EndlessSource()
    web = start_web(source)
    client = web.tls_socket(receive_buffer=4096)
    client.sendall(_request())
    web.until(lambda: len(source.readers) == 1 and _stands_still(web, source))
    web.shutdown()
    assert source.open_readers == 0
    _read_to_any_end(client)


def test_bytes_after_the_request_of_a_stream_are_ignored(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    client = web.tls_socket()
    client.sendall(_request() + b"GET /health HTTP/1.1\r\n")
    web.until(lambda: len(source.readers) == 1)
    client.sendall(100_000 * b"x")
    source.fail(error("SERVER_SHUTDOWN"))
    answer = _read_to_any_end(client)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"event: end" in answer


def test_http_1_0_gets_the_stream_unchunked(start_web: StartWeb, source: ListSource) -> None:
    web = start_web(source)
    source.add("shop.orders", 1)
    client = web.tls_socket()
    client.sendall(_request("/changes?from=0").replace(b"HTTP/1.1", b"HTTP/1.0"))
    web.until(lambda: bool(source.readers) and source.readers[0].fetched == 1)
    web.shutdown()
    _, _, body = read_all(client).partition(b"\r\n\r\n")
    assert body == b'retry: 2000\n:\nid: 0\n\nid: 1\nevent: change\ndata: {"table": "shop.orders", "value": 1}\n\n'


def test_data_cannot_write_fields_of_the_stream() -> None:
    assert event_of("change", "a\rid: 9\n\nevent: x") == b"event: change\ndata: a\ndata: id: 9\ndata: \ndata: event: x\n\n"


def _read_to_any_end(client: object) -> bytes:
    pieces = []
    try:
        while piece := client.recv(65536):  # type: ignore[attr-defined]
            pieces.append(piece)
    except OSError:
        pass  # a reset is an end too
    return b"".join(pieces)
