"""How bodies travel."""

from mod_pywsgi.options.model import flag, one
from mod_pywsgi.types import word_of

_SECTION = "Transfer"

ENABLE_SENDFILE = flag(
    "enable-sendfile",
    "Have the kernel copy the files that Apache serves to clients, as it does those of"
    " `wsgi.file_wrapper` anyway. Not for files on network file systems, or that are changed in"
    " place.",
    section=_SECTION,
)
CHUNKED_REQUEST = flag(
    "chunked-request",
    "Take requests that do not say the length of their body. It is on; `--no-chunked-request`"
    " answers them 411.",
    section=_SECTION,
    default=True,
)
COMPRESS_RESPONSES = flag(
    "compress-responses",
    "Compress text, JSON, JavaScript, XML and SVG for clients that can read it: by brotli, where"
    " Apache has it, or gzip.",
    section=_SECTION,
)
MAP_HEAD_TO_GET = one(
    "map-head-to-get",
    word_of("Auto|On|Off", ("Auto", "On", "Off")),
    "Auto",
    "Whether the application sees HEAD as GET: On, Off, or Auto, where what Apache does with the"
    " content (`--compress-responses`) decides about headers.",
    section=_SECTION,
)

OPTIONS = (ENABLE_SENDFILE, CHUNKED_REQUEST, COMPRESS_RESPONSES, MAP_HEAD_TO_GET)
