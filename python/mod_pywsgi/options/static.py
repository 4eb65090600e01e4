"""Files that Apache serves itself."""

from mod_pywsgi.options.model import many, maybe
from mod_pywsgi.types import ALIAS, DIRECTORY, FILE

_SECTION = "Files"

DOCUMENT_ROOT = maybe(
    "document-root",
    DIRECTORY,
    "Directory of files to serve; a file that exists there wins over the application.",
    section=_SECTION,
    default_note="an empty directory in the server root",
)
URL_ALIAS = many(
    "url-alias",
    ALIAS,
    "Serve a directory or file under a URL; the longest URL that matches wins.",
    section=_SECTION,
)
INCLUDE_FILE = many(
    "include-file",
    FILE,
    "Apache configuration to include at the end of the generated one.",
    section=_SECTION,
)

OPTIONS = (DOCUMENT_ROOT, URL_ALIAS, INCLUDE_FILE)
