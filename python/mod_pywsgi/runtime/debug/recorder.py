"""What goes into the application and what comes out of it, a few files a request.

All names of a request begin with its time in µs, the process and a number:

- `.iheaders` its environment, `.oheaders` status and headers of the response: JSON;
- `.icontent`, `.ocontent` the bytes that the application read and those that it answered;
- `.oaexcept`, `.orexcept`, `.ofexcept` the traceback of an exception when it was called, while its
  response was read, and when that was closed: only where there was one.
"""

import itertools
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from mod_pywsgi.runtime.loaders import Application

_END = object()


class Recorder:
    """Middleware that writes down."""

    def __init__(self, application: Application, directory: str) -> None:
        self._application = application
        self._directory = directory
        self._numbers = itertools.count(1)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        name = f"{time.time_ns() // 1000}-{os.getpid()}-{next(self._numbers)}"
        record = _Record(os.path.join(self._directory, name))
        try:
            record.environment(environ)
            environ["wsgi.input"] = _Input(environ["wsgi.input"], record.input)
            result = self._application(environ, record.start_response(start_response))
        except BaseException as error:
            record.exception("oaexcept", error)
            record.close()
            raise
        return _Response(result, record)


class _Record:
    """The files of one request, for nobody but their user."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.input = self._open("icontent")
        self.output = self._open("ocontent")

    def _open(self, ending: str) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        return os.fdopen(os.open(f"{self._base}.{ending}", flags, 0o600), "wb", buffering=0)

    def _write(self, ending: str, text: str) -> None:
        with self._open(ending) as file:
            file.write(text.encode("utf-8", "backslashreplace"))

    def environment(self, environ: dict[str, Any]) -> None:
        plain = {
            name: value if isinstance(value, str | int | float | bool | tuple) else repr(value)
            for name, value in environ.items()
        }
        self._write("iheaders", json.dumps(plain, indent=1, sort_keys=True) + "\n")

    def start_response(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """The server's, which writes down what it is given, and so does its write()."""

        def start_response(status: str, headers: Any, *exception: Any) -> Callable[[bytes], Any]:
            self._write(
                "oheaders",
                json.dumps({"status": status, "headers": list(headers)}, indent=1) + "\n",
            )
            write = start(status, headers, *exception)

            def record_and_write(data: bytes) -> Any:
                self.output.write(data)
                return write(data)

            return record_and_write

        return start_response

    def exception(self, ending: str, error: BaseException) -> None:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self._write(ending, "".join(lines))

    def close(self) -> None:
        self.input.close()
        self.output.close()


class _Input:
    """wsgi.input, of which a copy is kept as far as it is read."""

    def __init__(self, source: Any, copy: BinaryIO) -> None:
        self._source = source
        self._copy = copy

    def _kept(self, data: bytes) -> bytes:
        if not self._copy.closed:
            self._copy.write(data)
        return data

    def read(self, *size: int) -> bytes:
        return self._kept(self._source.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._kept(self._source.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._kept(line) for line in self._source.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        for line in self._source:
            yield self._kept(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


class _Response:
    """The application's, written down as it is read."""

    def __init__(self, result: Any, record: _Record) -> None:
        self._result = result
        self._record = record
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._result)
            chunk: Any = next(self._chunks, _END)
            if chunk is not _END:
                self._record.output.write(chunk)
        except BaseException as error:
            self._record.exception("orexcept", error)
            raise
        if chunk is _END:
            raise StopIteration
        kept: bytes = chunk
        return kept

    def close(self) -> None:
        try:
            if hasattr(self._result, "close"):
                self._result.close()
        except BaseException as error:
            self._record.exception("ofexcept", error)
            raise
        finally:
            self._record.close()
