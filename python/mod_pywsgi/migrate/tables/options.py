"""The 41 options of WSGIDaemonProcess. Kinds and ranges are those of src/server/base/options.c."""

from mod_pywsgi.migrate.model import Number, Section, better, differs, same

_ANY = Number()
# Less memory starts no Python.
_MEMORY = Number(16 << 20, zero=True)

SECTION = Section(
    "Options of WSGIDaemonProcess",
    "option",
    (
        same("user", "`USER` and `LOGNAME` are set, not only where they were."),
        same("group"),
        same("supplementary-groups"),
        same("processes", "At most 1024.", number=Number(1, 1024)),
        better(
            "threads",
            "`threads=0`: a program never runs twice, and not in a spin ([services.md](services.md)).",
            number=Number(0, 65533),
        ),
        same("umask", number=Number(0, 0o777, base=8)),
        better("chroot", "A script outside is 500 and said, not 502.", path=True),
        same("home", path=True),
        better("lang", "One that the system has not stops Apache."),
        better("locale", "One that the system has not stops Apache. Without it, UTF-8."),
        better(
            "python-home",
            "Its own version of Python, if mod_pywsgi is installed in it.",
            path=True,
        ),
        same("python-path"),
        same("python-eggs", path=True),
        same("switch-interval"),
        same("stack-size", "At least 65536 bytes.", number=Number(65536)),
        better(
            "maximum-requests",
            "Serves until its successor is ready; the end is not put off by new requests.",
            number=_ANY,
        ),
        same("startup-timeout", number=_ANY),
        same("shutdown-timeout", number=_ANY),
        better("deadlock-timeout", "0 disables itself alone, not other timeouts.", number=_ANY),
        differs(
            "inactivity-timeout",
            "The process ends for good; the next request starts one. One that has served nothing stays.",
            number=_ANY,
        ),
        differs(
            "request-timeout",
            "After just that time, not times 1 + ln(threads); the request is answered 504.",
            number=_ANY,
        ),
        same("interrupt-timeout", number=_ANY),
        differs(
            "graceful-timeout",
            "Requests are cut when it is over, without `shutdown-timeout=` besides.",
            number=_ANY,
        ),
        same("eviction-timeout", number=_ANY),
        better(
            "restart-interval",
            "Serves until its successor is ready; the end is not put off.",
            number=_ANY,
        ),
        same("connect-timeout", number=_ANY),
        same("socket-timeout", number=_ANY),
        better("queue-timeout", "Enforced while the request waits.", number=_ANY),
        same("listen-backlog", number=_ANY),
        same("display-name", "Without it, `(wsgi:NAME)`."),
        same("send-buffer-size", "1 MiB by default.", number=Number(512, zero=True)),
        same("receive-buffer-size", number=Number(512, zero=True)),
        differs(
            "header-buffer-size", "No limit by default, not 32768.", number=Number(8192, zero=True)
        ),
        better(
            "response-buffer-size",
            "So much is kept for a client that reads slowly, and no thread waits for it.",
            number=Number(65536, zero=True),
        ),
        same("response-socket-timeout", number=_ANY),
        differs("response-flush-delay", "0 by default, not 5 ms.", number=_ANY),
        same("socket-user"),
        same("script-user"),
        same("script-group"),
        better("cpu-time-limit", "The successor starts at once.", number=_ANY),
        same("cpu-priority", "-20 to 19.", number=Number(-20, 19)),
        same("memory-limit", "At least 16 MiB, or 0.", number=_MEMORY),
        same("virtual-memory-limit", "At least 16 MiB, or 0.", number=_MEMORY),
        same("server-metrics"),
    ),
)
