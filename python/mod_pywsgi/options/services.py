"""Programs and jobs that run beside the application."""

from mod_pywsgi.options.model import many
from mod_pywsgi.types import SERVICE_FILE, SERVICE_TEXT

_SECTION = "Services"

SERVICE_SCRIPT = many(
    "service-script",
    SERVICE_FILE,
    "Run this file as a program beside the application, for as long as the server runs; NAME is"
    " yours to choose.",
    section=_SECTION,
)
SERVICE_SCHEDULE = many(
    "service-schedule",
    SERVICE_TEXT,
    "Run the service of that name at these times instead, such as `15 3 * * *` or `@daily`; needs"
    " the package cronsim.",
    section=_SECTION,
)
SERVICE_USER = many(
    "service-user",
    SERVICE_TEXT,
    "User that the service of that name runs as; only root can choose.",
    section=_SECTION,
    default_note="the application's",
)
SERVICE_GROUP = many(
    "service-group",
    SERVICE_TEXT,
    "Group that the service of that name runs as; only root can choose.",
    section=_SECTION,
    default_note="the application's",
)

OPTIONS = (SERVICE_SCRIPT, SERVICE_SCHEDULE, SERVICE_USER, SERVICE_GROUP)
