"""For applications: the process is replaced when a file changes, also one that is no module."""

from mod_pywsgi.runtime.reloader import start_reloader, track_changes

__all__ = ["start_reloader", "track_changes"]
