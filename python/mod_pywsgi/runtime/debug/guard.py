"""Stands between the server and an application in debug mode: shows what it raises."""

import bdb
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from mod_pywsgi.runtime.debug import console, page
from mod_pywsgi.runtime.loaders import Application

_END = object()
_LEFT = "The request was ended: its debugger was left."


class Tool(Protocol):
    """Wants to know when the application runs."""

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """A context around a piece of the application."""
        ...


class Guard:
    """An application that loads the real one, at the latest when it is asked for.

    :param load: loads it; may fail, and is then tried again at the next request.
    :param has_debugger: ask in the terminal where an exception was raised.
    """

    def __init__(
        self, load: Callable[[], Application], tools: Sequence[Tool], *, has_debugger: bool
    ) -> None:
        self._load = load
        self._tools = tools
        self._has_debugger = has_debugger
        self._application: Application | None = None

    def load(self) -> None:
        """Load the application now.

        :raises: whatever it raises.
        """
        with self.inside():
            self._application = self._load()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Around whatever is the application's."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(console.breakpoints())
            for tool in self._tools:
                stack.enter_context(tool.inside())
            yield

    def ask(self, error: BaseException) -> None:
        """Hand an exception to the person in the terminal, if that is wanted."""
        if self._has_debugger and console.has_terminal() and not isinstance(error, bdb.BdbQuit):
            console.post_mortem(error)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        answer = _Answer(self, environ, start_response)
        if self._application is None:
            try:
                self.load()
            except Exception as error:
                return answer.instead(error, "The application could not be loaded")
            assert self._application is not None  # noqa: S101 - load() raises or sets it
        try:
            with self.inside():
                result = self._application(environ, answer.start_response)
        except (Exception, SystemExit) as error:
            return answer.instead(error)
        if isinstance(result, list | tuple):
            return result  # of which the server knows the length
        return _Response(result, answer)


class _Answer:
    """How far the response to one request has come."""

    def __init__(
        self, guard: Guard, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> None:
        self.guard = guard
        self.has_begun = False  # bytes of the body have gone out
        self._environ = environ
        self._start_response = start_response

    def start_response(self, *arguments: Any) -> Callable[[bytes], Any]:
        write = self._start_response(*arguments)

        def noted(data: bytes) -> Any:
            self.has_begun = True
            return write(data)

        return noted

    def instead(self, error: BaseException, title: str = "The request failed") -> list[bytes]:
        """What is answered in place of the application's response.

        :raises: the exception, if it is too late for another answer: the server logs it then.
        """
        self.guard.ask(error)
        if self.has_begun:
            raise error
        if isinstance(error, bdb.BdbQuit):
            self._environ["wsgi.errors"].write(f"{_LEFT}\n")
            headers, body = page.short(_LEFT)
        else:
            self._environ["wsgi.errors"].write(f"{title}:\n{page.as_text(error)}")
            headers, body = page.answer(error, self._environ, title)
        self._start_response(
            "500 Internal Server Error", headers, (type(error), error, error.__traceback__)
        )
        return [body]


class _Response:
    """The application's, each piece of it read as its own."""

    def __init__(self, result: Any, answer: _Answer) -> None:
        self._result = result
        self._answer = answer
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with self._answer.guard.inside():
                if self._chunks is None:
                    self._chunks = iter(self._result)
                chunk: Any = next(self._chunks, _END)
        except (Exception, SystemExit) as error:
            self._chunks = iter(())
            chunk = self._answer.instead(error)[0]
        if chunk is _END:
            raise StopIteration
        self._answer.has_begun = self._answer.has_begun or bool(chunk)
        piece: bytes = chunk
        return piece

    def close(self) -> None:
        if not hasattr(self._result, "close"):
            return
        try:
            with self._answer.guard.inside():
                self._result.close()
        except (Exception, SystemExit) as error:
            self._answer.guard.ask(error)
            raise
