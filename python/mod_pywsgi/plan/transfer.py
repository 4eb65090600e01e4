"""How bodies travel."""

from dataclasses import dataclass

from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.options import transfer
from mod_pywsgi.settings import Settings

# What shrinks. Pictures, archives and fonts of the web are compressed already; a stream of events
# would be held back.
_TYPES = (
    "text/html",
    "text/plain",
    "text/css",
    "text/csv",
    "text/javascript",
    "text/markdown",
    "text/xml",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/problem+json",
    "application/xml",
    "application/xhtml+xml",
    "application/atom+xml",
    "application/rss+xml",
    "application/wasm",
    "image/svg+xml",
)
_FILTERS = (("brotli", "BROTLI_COMPRESS"), ("deflate", "DEFLATE"))


@dataclass(frozen=True)
class Transfer:
    """How bodies travel.

    :param compression: filters in order of preference; none where nothing is compressed.
    :param compressed_types: of the responses that are.
    """

    sendfile: bool
    chunked_requests: bool
    map_head_to_get: str
    compression: tuple[str, ...]
    compressed_types: tuple[str, ...]


def decide(settings: Settings, httpd: HttpdFacts) -> Transfer:
    """Decide it.

    :raises HttpdError: nothing that compresses is installed.
    """
    wanted = settings[transfer.COMPRESS_RESPONSES]
    there = httpd.available | httpd.built_in
    filters = tuple(name for module, name in _FILTERS if module in there) if wanted else ()
    if wanted and not filters:
        raise HttpdError(
            f"--compress-responses needs mod_brotli.so or mod_deflate.so in {httpd.modules_directory}.",
            "Install the package of your distribution that has one of them.",
        )
    return Transfer(
        sendfile=settings[transfer.ENABLE_SENDFILE],
        chunked_requests=settings[transfer.CHUNKED_REQUEST],
        map_head_to_get=settings[transfer.MAP_HEAD_TO_GET],
        compression=filters,
        compressed_types=_TYPES if filters else (),
    )
