"""Headers that make browsers more careful."""

from mod_pywsgi.options import listen
from mod_pywsgi.settings import Settings

# Each stands only where the application does not set it. No Content-Security-Policy: nobody but
# the application knows one, and X-Frame-Options yields to one that speaks of frames.
_CAREFUL = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
)


def decide(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Names and values."""
    return _CAREFUL if settings[listen.SECURITY_HEADERS] else ()
