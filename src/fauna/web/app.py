"""What is answered at which address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fauna.errors import error
from fauna.web.change_stream import ChangeStreams, Channel
from fauna.web.login import Logins
from fauna.web.messages import HttpError, Request, Response, json_response

Handler = Callable[[Request, Channel], Awaitable[Response | None]]

_READ: Final = ("GET", "HEAD")


class App:
    """Answers requests.  A handler returns a response, or None when it has sent one through the channel."""

    def __init__(self, logins: Logins, streams: ChangeStreams) -> None:
        self._logins = logins
        self._streams = streams
        self._routes: dict[str, tuple[tuple[str, ...], Handler]] = {
            "/health": (_READ, self._health),
            "/changes": (("GET",), self._changes),
        }

    async def answer(self, request: Request, channel: Channel) -> Response | None:
        """HttpError or SqlError for what cannot be answered."""
        if request.path not in self._routes:
            raise HttpError(404, error("UNKNOWN_ERROR", "there is nothing at this address"))
        methods, handler = self._routes[request.path]
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise HttpError(405, error("UNKNOWN_ERROR", f"the method here is {allowed}"), ("Allow", allowed))
        return await handler(request, channel)

    async def _health(self, request: Request, channel: Channel) -> Response:
        """Without a login, and so without anything that one could learn."""
        return json_response(200, {"status": "ok"})

    async def _changes(self, request: Request, channel: Channel) -> None:
        await self._logins.user(request)
        await self._streams.serve(request, channel)
