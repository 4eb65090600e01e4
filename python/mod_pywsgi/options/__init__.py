"""THE table of options. Whatever lists options reads it from here."""

from typing import Any

from mod_pywsgi.options import (
    access,
    application,
    capacity,
    development,
    documentation,
    environment,
    health,
    listen,
    logging,
    metrics,
    paths,
    processes,
    proxy,
    services,
    static,
    timeouts,
    tls,
    tools,
    transfer,
)
from mod_pywsgi.options.application import (
    APPLICATION_GROUP,
    APPLICATION_TYPE,
    CALLABLE_OBJECT,
    DISABLE_RELOADING,
    ENTRY_POINT,
    ENV,
    MOUNT_POINT,
    PYTHON_PATH,
    SETENV,
    WORKING_DIRECTORY,
)
from mod_pywsgi.options.development import DEBUG_MODE, RELOAD_ON_CHANGES, SETUP_ONLY
from mod_pywsgi.options.documentation import ENABLE_DOCS
from mod_pywsgi.options.health import HEALTH_ENDPOINTS
from mod_pywsgi.options.listen import LIMIT_REQUEST_BODY, LISTEN_HOST, LISTEN_PORT, SERVER_NAME
from mod_pywsgi.options.logging import ACCESS_LOG, LOG_LEVEL, LOG_TO_TERMINAL, SERVER_ROOT
from mod_pywsgi.options.model import Option
from mod_pywsgi.options.processes import (
    EMBEDDED_MODE,
    GROUP,
    INTERPRETERS,
    PRELOAD,
    PROCESSES,
    SERVER_MPM,
    THREADS,
    USER,
    WARMUP,
)
from mod_pywsgi.options.static import DOCUMENT_ROOT, INCLUDE_FILE, URL_ALIAS

OPTIONS: tuple[Option[Any], ...] = (
    *application.OPTIONS,
    *listen.OPTIONS,
    *health.OPTIONS,
    *tls.OPTIONS,
    *environment.OPTIONS,
    *processes.OPTIONS,
    *capacity.OPTIONS,
    *timeouts.OPTIONS,
    *services.OPTIONS,
    *static.OPTIONS,
    *proxy.OPTIONS,
    *access.OPTIONS,
    *transfer.OPTIONS,
    *logging.OPTIONS,
    *metrics.OPTIONS,
    *paths.OPTIONS,
    *development.OPTIONS,
    *documentation.OPTIONS,
    *tools.OPTIONS,
)

BY_NAME = {option.name: option for option in OPTIONS}

__all__ = [
    "ACCESS_LOG",
    "APPLICATION_GROUP",
    "APPLICATION_TYPE",
    "BY_NAME",
    "CALLABLE_OBJECT",
    "DEBUG_MODE",
    "DISABLE_RELOADING",
    "DOCUMENT_ROOT",
    "EMBEDDED_MODE",
    "ENABLE_DOCS",
    "ENTRY_POINT",
    "ENV",
    "GROUP",
    "HEALTH_ENDPOINTS",
    "INCLUDE_FILE",
    "INTERPRETERS",
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
    "URL_ALIAS",
    "USER",
    "WARMUP",
    "WORKING_DIRECTORY",
    "Option",
    "listen",
    "timeouts",
    "tls",
    "tools",
]
