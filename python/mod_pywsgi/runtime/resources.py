"""Files that scripts answer for: what the generated resource.wsgi hands its requests to."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mod_pywsgi.runtime import loaders
from mod_pywsgi.runtime.handler import touched
from mod_pywsgi.runtime.loaders import Application


class Resources:
    """Scripts by the endings of the files that they answer for; each is loaded when it is needed."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        # The longest ending first: .tar.gz before .gz.
        self._scripts = sorted(scripts.items(), key=lambda item: len(item[0]), reverse=True)
        self._lock = threading.RLock()
        self._loaded: dict[str, Application] = {}
        self._checks: list[Callable[[str], bool]] = []

    def answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Hand a request to the script for its file.

        :raises: whatever the script raises.
        """
        resource = environ["SCRIPT_FILENAME"]
        script = self._script_for(resource)
        if script is None or not os.path.isfile(resource):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Not Found\n"]
        return self._load(script)(environ, start_response)

    def is_outdated(self, resource: str) -> bool:
        """Whether a script has changed since it was loaded."""
        return any(is_changed(resource) for is_changed in self._checks)

    def _script_for(self, resource: str) -> str | None:
        return next((path for ending, path in self._scripts if resource.endswith(ending)), None)

    def _load(self, script: str) -> Application:
        with self._lock:
            if script not in self._loaded:
                self._checks.append(touched(script))
                module = loaders.load_script(script)
                name = "handle_request" if hasattr(module, "handle_request") else "application"
                found = loaders.callable_of(module, name)
                loaders.require_callable(found, name)
                self._loaded[script] = found
            return self._loaded[script]
