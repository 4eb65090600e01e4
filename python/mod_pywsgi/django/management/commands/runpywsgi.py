"""``manage.py runpywsgi``: start-server for this project, with what its settings say."""

import os
import sys
from argparse import SUPPRESS, BooleanOptionalAction
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings as project_settings
from django.core.checks import CheckMessage, Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mod_pywsgi import names, runner
from mod_pywsgi import options as opt
from mod_pywsgi.commands import given, serve
from mod_pywsgi.django import checks, project
from mod_pywsgi.errors import ConfigError, PywsgiError
from mod_pywsgi.options import OPTIONS, Option
from mod_pywsgi.settings import Settings

# Options of which one is enough for this server to speak TLS, or to believe a proxy.
_TLS = ("https-port", "self-signed", "acme-domain")
_PROXY = ("trust-proxy-header",)
_MODULE = "DJANGO_SETTINGS_MODULE"


class Command(BaseCommand):
    """Takes every option of ``mod-pywsgi-express start-server``."""

    help = "Serves this project with Apache, and its static and media files too."

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of the table, by section."""
        group, section = None, ""
        for option in OPTIONS:
            if group is None or option.section != section:
                section = option.section
                group = parser.add_argument_group(section)
            group.add_argument(*option.flags, dest=option.key, default=None, **_shape(option))
        parser.add_argument(
            "--config", metavar="FILE", help="Settings file of mod_pywsgi, in TOML."
        )
        parser.add_argument("--no-config", action="store_true", help="Read no settings file.")

    def handle(self, *args: Any, **given_options: Any) -> None:
        """Check, and serve until stopped."""
        try:
            runner.end_at_sigterm()
            settings = _settings(given_options)
            self._check(settings)
            code = serve.run(settings, None)
        except PywsgiError as error:
            raise CommandError(str(error), returncode=error.exit_code) from None
        if code:
            sys.exit(code)

    def _check(self, settings: Settings) -> None:
        """Django's checks have run by now; those for a site behind TLS, and ours, come here."""
        has_tls = _is_given(settings, _TLS)
        if has_tls and not project_settings.DEBUG:
            self.check(tags=[Tags.security], include_deployment_checks=True)
        serving = checks.Serving(
            has_tls=has_tls,
            trusts_proxy=_is_given(settings, _PROXY),
            is_development=settings[opt.RELOAD_ON_CHANGES] or settings[opt.DEBUG_MODE],
            server_name=settings[opt.SERVER_NAME],
            code=_directory(),
            files=tuple(project.files(project_settings, settings[opt.MOUNT_POINT])),
        )
        messages = list(checks.run(project_settings, serving))
        for message in messages:
            self.stderr.write(_styled(self, message))
        if any(message.is_serious() for message in messages):
            raise CommandError(
                "The settings of the project do not go with being served so.", returncode=2
            )


def _shape(option: Option[Any]) -> dict[str, Any]:
    """How argparse takes an option."""
    text = option.help.replace("`", "").replace("%", "%%")
    if option.is_flag:
        action = BooleanOptionalAction if option.off_flag else "store_true"
        return {"action": action, "help": SUPPRESS if option.hidden else text}
    default = option.default_text.replace("%", "%%")
    shape: dict[str, Any] = {
        "action": "append" if option.repeats else "store",
        "metavar": option.metavar[0] if len(option.metavar) == 1 else option.metavar,
        "help": SUPPRESS if option.hidden else f"{text}  [{default}]",
    }
    if len(option.metavar) > 1:
        shape["nargs"] = len(option.metavar)
    return shape


def _styled(command: BaseCommand, message: CheckMessage) -> str:
    style = command.style.ERROR if message.is_serious() else command.style.WARNING
    return str(style(str(message).removeprefix("?: ")))


def _is_given(settings: Settings, options: Sequence[str]) -> bool:
    found = [option for option in map(names.find, options) if option is not None]
    return any(settings.is_given(option) for option in found)


# From what was given to settings


def _settings(options: dict[str, Any]) -> Settings:
    """What was given, and what the project says where nothing was."""
    words: dict[str, Any] = {
        option.key: _words(option, options.get(option.key)) for option in OPTIONS
    }
    words["config"], words["no_config"] = options.get("config"), options.get("no_config")
    settings = given.settings(words, beside=_directory())
    _require_same_module(settings)
    for option, occurrences, source in _of_project(settings, options.get("pythonpath")):
        settings = settings.adding(option, occurrences, source)
    return settings


def _require_same_module(settings: Settings) -> None:
    """The settings that are looked at here are to be those that are served."""
    here = os.environ.get(_MODULE)
    there = next((value for name, value in settings[opt.ENV] if name == _MODULE), here)
    if there != here:
        raise ConfigError(
            f"{settings.source(opt.ENV)} sets {_MODULE} to {there}, and manage.py uses {here}.",
            f"Type: python manage.py runpywsgi --settings {there}",
        )


def _words(option: Option[Any], value: Any) -> Any:
    """An option as the command line gives it; call_command() gives other types, too."""
    if value is None:
        return None
    if option.is_flag:
        return "on" if value else "off"
    if not option.repeats:
        return tuple(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return [
        tuple(map(str, item)) if isinstance(item, list | tuple) else str(item) for item in value
    ]


Addition = tuple[Option[Any], Sequence[tuple[str, ...]], str]


def _of_project(settings: Settings, python_path: str | None) -> Iterator[Addition]:
    """What the project's settings give to options."""
    if not settings.is_given(opt.ENTRY_POINT):
        module, name = project.entry_point(project_settings)
        yield opt.ENTRY_POINT, [(module,)], "WSGI_APPLICATION"
        yield opt.APPLICATION_TYPE, [("module",)], "WSGI_APPLICATION"
        yield opt.CALLABLE_OBJECT, [(name,)], "WSGI_APPLICATION"
    if not settings.is_given(opt.WORKING_DIRECTORY):
        yield opt.WORKING_DIRECTORY, [(str(_directory()),)], "the directory of manage.py"
    if python_path:
        yield opt.PYTHON_PATH, [(os.path.abspath(python_path),)], "--pythonpath"
    if _MODULE in os.environ and _MODULE not in [name for name, _ in settings[opt.ENV]]:
        yield opt.ENV, [(_MODULE, os.environ[_MODULE])], _MODULE
    taken = {url.rstrip("/") for url, _ in settings[opt.URL_ALIAS]}
    for files in project.files(project_settings, settings[opt.MOUNT_POINT]):
        if files.url not in taken and files.can_be_served:
            yield opt.URL_ALIAS, [(files.url, str(files.root))], files.setting


def _directory() -> Path:
    """The directory of manage.py, where Python has put it on the path; else the current one."""
    program = Path(sys.argv[0]).absolute()
    return program.parent if program.name == "manage.py" else Path.cwd()
