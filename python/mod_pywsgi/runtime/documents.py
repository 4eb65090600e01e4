"""Where each URL is a path in the document root first: the application answers for what is not there.

Apache then takes the whole URL for the path of a file. What is the application's own part of it
is worked out here.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mod_pywsgi.runtime.loaders import Application

# Where Apache was shown another name than that in the URL: the URL's path.
_PATH = "MOD_PYWSGI_PATH"


def mounted(application: Application, mount: str) -> Application:
    """The application, asked with the paths that it has at its mount point.

    What a trusted proxy has said about SCRIPT_NAME is left alone.
    """
    prefix = mount.rstrip("/")

    def handle_request(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        script_name = environ["mod_wsgi.script_name"]
        path = environ.pop(_PATH, None) or script_name + environ["mod_wsgi.path_info"]
        if environ["SCRIPT_NAME"] == script_name:
            environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = path[len(prefix) :]
        environ["mod_wsgi.script_name"] = prefix
        environ["mod_wsgi.path_info"] = environ["PATH_INFO"]
        return application(environ, start_response)

    return handle_request
