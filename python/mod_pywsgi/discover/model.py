"""What is asked, and what is found."""

from dataclasses import dataclass, field
from typing import Any

from mod_pywsgi.callables import Callable


@dataclass(frozen=True)
class Request:
    """What the user said about the application.

    :param kind: "script", "module", "paste" or "static".
    :param entry: a path or a module's name.
    :param callable_name: None to look for the usual ones.
    :param search_path: directories in which modules are looked for.
    :param flask_app: the variable FLASK_APP.
    :param may_be_missing: nothing was asked for: a directory without an application is an answer.
    """

    kind: str
    entry: str
    callable_name: str | None
    search_path: tuple[str, ...]
    flask_app: str = ""
    may_be_missing: bool = False


@dataclass(frozen=True)
class Target:
    """The application.

    :param kind: "script", "module", "paste", "static", or "welcome": there is none, which a page says.
    :param name: the absolute path of the script, the settings file of PasteDeploy (with ``#`` and
        the application's name in it) or the directory; or the module's dotted name.
    :param file: the source file, empty for what has none.
    :param callable_name: where the application is in it; empty where that is not asked.
    :param is_factory: whether that has to be called to get the application, with these arguments.
    :param directory: where it belongs, if it was found by looking into a directory.
    :param remark: what to tell the user about the find; empty if it is what was asked for.
    :param looked: what was looked for in vain, if there is no application.
    """

    kind: str
    name: str
    file: str
    callable_name: str
    is_factory: bool = False
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    directory: str = ""
    remark: str = ""
    looked: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether Apache can load it as it is."""
        is_name = self.callable_name.isidentifier()
        return self.kind == "script" and is_name and not self.is_factory

    @property
    def shown(self) -> str:
        """The callable as one would write it."""
        return Callable(self.callable_name, self.is_factory, self.arguments, self.keywords).shown
