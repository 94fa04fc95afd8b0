"""The ASGI application: receives requests whole, sends answers, and runs WSGI between.

A request takes one of a few threads only while Django works on it. However many
clients send or fetch slowly, or not at all, they wait in the event loop.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from console.door.admission import admit
from console.door.answer import Application, StreamedAnswer, answer_of
from console.door.body import Body, ClientGone, Receive
from console.door.environ import Environ, environ_of
from console.door.limits import (
    AT_ONCE_SECONDS,
    FETCHED_SECONDS,
    LARGE_AT_ONCE,
    LATE,
    SMALL,
    seconds_for,
)

logger = logging.getLogger(__name__)
Send = Callable[[dict[str, Any]], Awaitable[None]]
PORTERS = 2


class Front:
    """Stands before a WSGI application, which runs in at most `threads` threads.

    Who comes without a body that was announced is asked about, and refused, in two
    threads beside those: no other request stands in line behind them.
    """

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._porters = ThreadPoolExecutor(PORTERS, thread_name_prefix="porter")
        self._places: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(LARGE_AT_ONCE)
        )

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        environ = environ_of(scope)
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        size = 0 if is_chunked else int(environ.get("CONTENT_LENGTH") or 0)
        body = Body(receive, size)
        try:
            if size:
                await self._take(body, size, environ)
            environ["wsgi.input"] = body.file
            threads = self._threads if body.is_whole else self._porters
            answer = await _run(threads, answer_of, self._application, environ)
        except ClientGone:
            return
        except Exception:
            logger.exception("A request could not be answered.")
            answer = StreamedAnswer(500)
        finally:
            body.close()
        if is_chunked or not body.is_whole:
            answer.end_connection()
        await self._send(answer, receive, send)

    async def _take(self, body: Body, size: int, environ: Environ) -> None:
        """Receive the body, if its sender may send it; leave it where it is if not.

        What comes along with the head costs no question.
        """
        waits = "HTTP_EXPECT" in environ
        if size <= SMALL and not waits and await body.arrive(AT_ONCE_SECONDS):
            return
        who = await _run(self._porters, admit, environ)
        if who is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_for(size)):
                await self._receive(body, size, who)
        if not body.is_whole:
            environ[LATE] = True

    async def _receive(self, body: Body, size: int, who: str) -> None:
        if size <= SMALL:
            await body.arrive(seconds_for(size))
            return
        async with self._places[who]:
            await body.arrive(seconds_for(size))

    async def _send(self, answer: StreamedAnswer, receive: Receive, send: Send) -> None:
        head = {"status": answer.status, "headers": answer.headers}
        await send({"type": "http.response.start", **head})
        if answer.is_whole:
            await send(_piece(answer.content))
            return
        leaving = asyncio.create_task(_leave(receive))
        try:
            piece = answer.content
            while piece and not leaving.done():
                sending = send(_piece(piece, more=True))
                await asyncio.wait_for(sending, FETCHED_SECONDS)
                piece = await _run(self._threads, answer.more)
            await send(_piece(b""))
        except TimeoutError:
            logger.info("A client stopped fetching its answer.")
        finally:
            leaving.cancel()
            await _run(self._threads, answer.close)


async def _run(
    threads: ThreadPoolExecutor, function: Callable[..., Any], *arguments: Any
) -> Any:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, function, *arguments)


def _piece(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def _leave(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
