"""What a WSGI application answers, in pieces that wait in no thread."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from console.door.environ import PIECE, Environ

Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass
class StreamedAnswer:
    """An answer: `content` is its beginning, and `rest` gives what follows."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    content: bytes = b""
    rest: Iterator[bytes] | None = None
    end: Callable[[], None] | None = None

    @property
    def is_whole(self) -> bool:
        return self.rest is None

    def end_connection(self) -> None:
        """Say that the client can send nothing more on this connection."""
        self.headers.append((b"connection", b"close"))

    def more(self) -> bytes:
        """Return the next piece; empty at the end. May take as long as it takes."""
        return _gather(self.rest) if self.rest else b""

    def close(self) -> None:
        """Let go of what the answer is made from."""
        if self.end:
            self.end()


def answer_of(application: Application, environ: Environ) -> StreamedAnswer:
    """Ask a WSGI application; what it raises is raised here."""
    answer = StreamedAnswer(500)

    def start(status: str, headers: list[tuple[str, str]], *_rest: Any) -> None:
        answer.status = int(status[:3])
        answer.headers = [_encoded(*pair) for pair in headers]

    result = application(environ, start)
    answer.end = getattr(result, "close", None)
    try:
        pieces = iter(result)
        answer.content = _gather(pieces)
    except BaseException:
        answer.close()
        raise
    if len(answer.content) >= PIECE:
        answer.rest = pieces
    else:
        answer.close()
    return answer


def _gather(pieces: Iterator[bytes]) -> bytes:
    """Return pieces as one of 256 KB or a little more; fewer only at the end."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= PIECE:
            break
    return b"".join(gathered)


def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("latin-1"), value.encode("latin-1")
