"""Files that Apache serves itself."""

from mod_pywsgi.options.model import flag, many, maybe
from mod_pywsgi.types import (
    ALIAS,
    DIRECTORY,
    ENDING_FILE,
    ERROR_DOCUMENT,
    FILE,
    OVERRIDE,
    REQUIRED_TEXT,
)

_SECTION = "Files"

DOCUMENT_ROOT = maybe(
    "document-root",
    DIRECTORY,
    "Directory of files to serve; a file that exists there wins over the application.",
    section=_SECTION,
    default_note="an empty directory in the server root",
)
DIRECTORY_INDEX = maybe(
    "directory-index",
    REQUIRED_TEXT,
    "File that answers for a directory, such as `index.html`. Directories that exist in the"
    " document root are then not passed to the application.",
    section=_SECTION,
)
DIRECTORY_LISTING = flag(
    "directory-listing",
    "List the files of a directory that has no index. Directories that exist in the document root"
    " are then not passed to the application.",
    section=_SECTION,
)
URL_ALIAS = many(
    "url-alias",
    ALIAS,
    "Serve a directory or file under a URL; the longest URL that matches wins.",
    section=_SECTION,
)
ALLOW_OVERRIDE = many(
    "allow-override",
    OVERRIDE,
    "What `.htaccess` files in the document root and in directories of `--url-alias` may change,"
    " as for Apache's AllowOverride: `FileInfo`, `AuthConfig`, `All`, ...",
    section=_SECTION,
    default_note="nothing: they are not read",
)
REWRITE_RULES = maybe(
    "rewrite-rules",
    FILE,
    "Rules of mod_rewrite for all URLs of the site, as they stand in the document root's"
    " directory: patterns without the leading slash.",
    section=_SECTION,
    default_note="`rewrite.conf` in the server root, if rules are in it",
)
MIME_TYPES = maybe(
    "mime-types",
    FILE,
    "The file that says which type a file has by its ending.",
    section=_SECTION,
    default_note="the system's `mime.types`",
)
ADD_HANDLER = many(
    "add-handler",
    ENDING_FILE,
    "Have files with this ending, in the document root and below `--url-alias`, answered by"
    " `handle_request` or `application` of a script.",
    section=_SECTION,
)
WITH_CGI = flag(
    "with-cgi",
    "Run files that end in `.cgi`, in the document root and below `--url-alias`, as CGI programs.",
    section=_SECTION,
)
WITH_PHP5 = flag(
    "with-php5", "No longer there: the error says what is.", section=_SECTION, hidden=True
)
ERROR_DOCUMENTS = many(
    "error-document",
    ERROR_DOCUMENT,
    "Answer errors of this status with the page at a URL path, a redirect to a URL, or a text.",
    section=_SECTION,
    separator="\n",  # ":" is part of them
)
ERROR_OVERRIDE = flag(
    "error-override",
    "Answer errors that the application reports as Apache's own, with `--error-document`.",
    section=_SECTION,
)
INCLUDE_FILE = many(
    "include-file",
    FILE,
    "Apache configuration to include at the end of the generated one.",
    section=_SECTION,
)

OPTIONS = (
    DOCUMENT_ROOT,
    DIRECTORY_INDEX,
    DIRECTORY_LISTING,
    URL_ALIAS,
    ALLOW_OVERRIDE,
    REWRITE_RULES,
    MIME_TYPES,
    ADD_HANDLER,
    WITH_CGI,
    WITH_PHP5,
    ERROR_DOCUMENTS,
    ERROR_OVERRIDE,
    INCLUDE_FILE,
)
