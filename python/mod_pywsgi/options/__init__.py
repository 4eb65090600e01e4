"""THE table of options. Whatever lists options reads it from here."""

from typing import Any

from mod_pywsgi.options import (
    application,
    development,
    listen,
    logging,
    processes,
    services,
    static,
    timeouts,
)
from mod_pywsgi.options.application import (
    APPLICATION_TYPE,
    CALLABLE_OBJECT,
    ENTRY_POINT,
    MOUNT_POINT,
    PYTHON_PATH,
    SETENV,
    WORKING_DIRECTORY,
)
from mod_pywsgi.options.development import DEBUG_MODE, RELOAD_ON_CHANGES, SETUP_ONLY
from mod_pywsgi.options.listen import LIMIT_REQUEST_BODY, LISTEN_HOST, LISTEN_PORT, SERVER_NAME
from mod_pywsgi.options.logging import ACCESS_LOG, LOG_LEVEL, LOG_TO_TERMINAL, SERVER_ROOT
from mod_pywsgi.options.model import Option
from mod_pywsgi.options.processes import (
    EMBEDDED_MODE,
    GROUP,
    PRELOAD,
    PROCESSES,
    SERVER_MPM,
    THREADS,
    USER,
    WARMUP,
)
from mod_pywsgi.options.static import DOCUMENT_ROOT, INCLUDE_FILE, URL_ALIAS
from mod_pywsgi.options.unbuilt import UNBUILT

OPTIONS: tuple[Option[Any], ...] = (
    *application.OPTIONS,
    *listen.OPTIONS,
    *processes.OPTIONS,
    *timeouts.OPTIONS,
    *services.OPTIONS,
    *static.OPTIONS,
    *logging.OPTIONS,
    *development.OPTIONS,
)

BY_NAME = {option.name: option for option in OPTIONS}

__all__ = [
    "ACCESS_LOG",
    "APPLICATION_TYPE",
    "BY_NAME",
    "CALLABLE_OBJECT",
    "DEBUG_MODE",
    "DOCUMENT_ROOT",
    "EMBEDDED_MODE",
    "ENTRY_POINT",
    "GROUP",
    "INCLUDE_FILE",
    "LIMIT_REQUEST_BODY",
    "LISTEN_HOST",
    "LISTEN_PORT",
    "LOG_LEVEL",
    "LOG_TO_TERMINAL",
    "MOUNT_POINT",
    "OPTIONS",
    "PRELOAD",
    "PROCESSES",
    "PYTHON_PATH",
    "RELOAD_ON_CHANGES",
    "SERVER_MPM",
    "SERVER_NAME",
    "SERVER_ROOT",
    "SETENV",
    "SETUP_ONLY",
    "THREADS",
    "UNBUILT",
    "URL_ALIAS",
    "USER",
    "WARMUP",
    "WORKING_DIRECTORY",
    "Option",
    "timeouts",
]
