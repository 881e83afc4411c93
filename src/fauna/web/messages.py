"""HTTP requests and responses as values, and errors as responses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fauna.errors import FaunaError, SqlError, error

PARAMETERS_MAX: Final = 100

# What an SqlError is in HTTP's words; the others are the request's fault.
_STATUSES: Final = {
    1040: 503, 1044: 403, 1045: 401, 1049: 404, 1053: 503, 1105: 500, 1142: 403, 1146: 404, 1159: 408, 1205: 503, 1213: 503,
    1235: 501,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole.

    path        as sent, without the query; '/changes'
    parameters  of the query, each with its values in order
    headers     names in lower case; values of a repeated one joined with ', '
    peer_host   'localhost' for a loopback address, else the numeric address
    """

    method: str
    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    peer_host: str


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class HttpError(FaunaError):
    """A request that is answered with an error: HTTP's status, and MySQL's number for what was wrong."""

    def __init__(self, status: int, problem: SqlError, *headers: tuple[str, str]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem
        self.headers = headers


def bad_request(message: str) -> HttpError:
    return HttpError(400, error("UNKNOWN_ERROR", message))


def json_response(status: int, value: object, *headers: tuple[str, str]) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode() + b"\n", headers=headers)


def error_object(problem: SqlError) -> dict[str, dict[str, object]]:
    return {"error": {"errno": problem.errno, "sqlstate": problem.sqlstate, "message": problem.message}}


def error_response(problem: HttpError | SqlError) -> Response:
    """{"error": {"errno": …, "sqlstate": …, "message": …}} with the status that fits."""
    if isinstance(problem, SqlError):
        problem = HttpError(_STATUSES.get(problem.errno, 400), problem)
    return json_response(problem.status, error_object(problem.problem), *problem.headers)


def read_request(
    method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes, peer_host: str
) -> Request:
    """The request in what the parser found; HttpError 400 for a target that cannot be read."""
    try:
        parts = urlsplit(target.decode("ascii"))
        parameters = parse_qs(parts.query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise bad_request("the request's address cannot be read") from None
    together: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        together[name] = f"{together[name]}, {value}" if name in together else value
    return Request(method.decode("latin-1"), parts.path, parameters, together, body, peer_host)
