"""Files that Apache serves itself, and how they share URLs with the application."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option
from mod_pywsgi.options import static as files
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings

# What a page needs, where the system has no mime.types.
_FALLBACK_TYPES = (
    ("text/html", ".html"),
    ("text/css", ".css"),
    ("text/javascript", ".js"),
    ("text/plain", ".txt"),
    ("application/json", ".json"),
    ("application/pdf", ".pdf"),
    ("image/gif", ".gif"),
    ("image/jpeg", ".jpg"),
    ("image/png", ".png"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
    ("image/x-icon", ".ico"),
    ("font/woff2", ".woff2"),
)

_ABOUT_DIRECTORIES: tuple[Option[Any], ...] = (
    files.DIRECTORY_INDEX,
    files.DIRECTORY_LISTING,
    files.ALLOW_OVERRIDE,
)
_ABOUT_FILES: tuple[Option[Any], ...] = (*_ABOUT_DIRECTORIES, files.ADD_HANDLER, files.WITH_CGI)


@dataclass(frozen=True)
class Alias:
    """A URL and the files it stands for."""

    url: str
    path: Path
    is_directory: bool


@dataclass(frozen=True)
class Static:
    """Files that Apache serves itself.

    :param files_win: a file that exists in the document root is asked for first, by mod_rewrite.
    :param all_documents: each URL is a path in the document root first, so that what is said
        about its directory holds for the application too: it answers for what is not there.
    :param directories_win: with ``all_documents``: a directory that is there is Apache's, too.
    :param rules: the file of the user's rules, for ``all_documents`` only.
    :param apart: URLs that have nothing to do with the document root.
    :param options: what is added to the Options of directories with files.
    :param endings: of the files that scripts answer for.
    """

    document_root: Path
    files_win: bool
    all_documents: bool
    directories_win: bool
    rules: Path | None
    apart: tuple[str, ...]
    aliases: tuple[Alias, ...]
    directory_index: str | None
    listing: bool
    allow_override: tuple[str, ...]
    options: tuple[str, ...]
    endings: tuple[tuple[str, Path], ...]
    cgi: bool
    mime_types: Path | None
    fallback_types: tuple[tuple[str, str], ...]
    error_documents: tuple[tuple[int, str], ...]
    error_override: bool


def decide(
    settings: Settings,
    facts: Facts,
    paths: Paths,
    is_directory: frozenset[Path],
    proxied: tuple[str, ...],
) -> Static:
    """Decide it.

    :param proxied: URLs that are passed on to other servers.
    :raises ConfigError: files would be served that nobody should read, or an option has no files
        to be about.
    """
    _check(settings, facts)
    given = settings[opt.DOCUMENT_ROOT]
    site = Path(facts.target.name) if facts.target.kind == "static" else None
    aliases = [Alias(url, path, path in is_directory) for url, path in settings[opt.URL_ALIAS]]
    all_documents = _needs_documents(settings, facts)
    mime_types = settings[files.MIME_TYPES] or facts.httpd.mime_types
    # Apache takes the first alias that matches, so that the longer ones go first.
    aliases.sort(key=lambda alias: alias.url, reverse=True)
    return Static(
        document_root=site or given or paths.htdocs,
        files_win=given is not None and site is None and not all_documents,
        all_documents=all_documents,
        directories_win=bool(settings[files.DIRECTORY_INDEX] or settings[files.DIRECTORY_LISTING]),
        rules=_rules(settings, facts, paths),
        apart=(*(alias.url for alias in aliases), *proxied),
        aliases=tuple(aliases),
        directory_index=settings[files.DIRECTORY_INDEX],
        listing=settings[files.DIRECTORY_LISTING],
        allow_override=settings[files.ALLOW_OVERRIDE],
        options=_options(settings),
        endings=settings[files.ADD_HANDLER],
        cgi=settings[files.WITH_CGI],
        mime_types=mime_types,
        fallback_types=() if mime_types else _FALLBACK_TYPES,
        error_documents=settings[files.ERROR_DOCUMENTS],
        error_override=settings[files.ERROR_OVERRIDE],
    )


def _needs_documents(settings: Settings, facts: Facts) -> bool:
    """Whether something is said about the document root that has to hold for all URLs."""
    if facts.target.kind == "static":
        return False  # there are only documents
    about = any(settings[option] for option in _ABOUT_DIRECTORIES)
    by_files = settings[opt.DOCUMENT_ROOT] and about
    return bool(settings[files.REWRITE_RULES] or facts.has_rules or by_files)


def _rules(settings: Settings, facts: Facts, paths: Paths) -> Path | None:
    given = settings[files.REWRITE_RULES]
    return given or (paths.rewrite if facts.has_rules else None)


def _options(settings: Settings) -> tuple[str, ...]:
    wanted = (
        ("Indexes", settings[files.DIRECTORY_LISTING]),
        ("ExecCGI", settings[files.WITH_CGI]),
    )
    return tuple(name for name, value in wanted if value)


def _check(settings: Settings, facts: Facts) -> None:
    _check_php(settings)
    document_root = settings[opt.DOCUMENT_ROOT]
    if document_root and facts.target.kind == "static" and document_root != Path(facts.target.name):
        raise ConfigError(
            f"--document-root {document_root} is not {facts.target.name}, which is to be served by"
            " --application-type static.",
            "Leave --document-root out.",
        )
    require_source_apart(settings, facts.target)
    once: tuple[Option[Any], ...] = (opt.URL_ALIAS, files.ADD_HANDLER, files.ERROR_DOCUMENTS)
    for option in once:
        settings.require_once(option)
    if document_root or settings[opt.URL_ALIAS] or facts.target.kind == "static":
        return
    for option in _ABOUT_FILES:
        if settings.is_given(option) and settings[option]:
            raise ConfigError(
                f"{settings.source(option)} is about files, and no files are served.",
                "Say where they are: --document-root DIRECTORY, or --url-alias URL-PATH DIRECTORY.",
            )


def require_source_apart(settings: Settings, target: Target) -> None:
    """Make sure that nobody is served the application itself.

    :raises ConfigError: an option says so.
    """
    if not target.file or target.kind == "static":
        return
    source = Path(target.file)
    given = settings[opt.DOCUMENT_ROOT]
    served = [(f"{opt.URL_ALIAS.flag} {url}", path) for url, path in settings[opt.URL_ALIAS]]
    if given:
        served.append((opt.DOCUMENT_ROOT.flag, given))
    for what, path in served:
        if path in (source, *source.parents):
            raise ConfigError(
                f"{what} {path} holds the application's own source ({source}), which everybody"
                " could then read.",
                "Give the files that are to be served a directory of their own.",
            )


def _check_php(settings: Settings) -> None:
    if settings[files.WITH_PHP5]:
        raise ConfigError(
            "--with-php5: PHP 5 and its module for Apache are no longer there.",
            "Run PHP as a server of its own, and pass its URLs on to it:\n"
            "    php -S 127.0.0.1:9000 -t DIRECTORY\n"
            "    mod-pywsgi-express ... --proxy-mount-point /php http://127.0.0.1:9000/",
        )
