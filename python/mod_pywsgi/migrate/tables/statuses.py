"""What the client gets when something fails."""

from mod_pywsgi.migrate.model import Section, better, differs, same

SECTION = Section(
    "Statuses of failed requests",
    "what fails",
    (
        same("403: neither an alias nor ExecCGI"),
        same("404: script is missing"),
        same("403: script is a directory"),
        same("404: path info where AcceptPathInfo is Off"),
        same("501 or 400: Transfer-Encoding other than chunked"),
        differs("411: chunked body", "Only with `WSGIChunkedRequest Off`."),
        same("400: malformed Content-Length"),
        same("413: body over LimitRequestBody"),
        same("500: embedded request with WSGIRestrictEmbedded On"),
        differs("500: Python does not start", "In daemon mode 503, until it does."),
        better("500: script does not load", "Not run again on each request."),
        better("404 or 500: callable is missing", "500 in both modes."),
        same("500: exception before the headers"),
        better("exception after the headers", "The response is cut visibly, in both modes."),
        same("504: RequestTimeout escapes"),
        same("500: process group is unknown"),
        same("500: process group is not in WSGIRestrictProcess"),
        same("500: process group belongs to another host"),
        same("403: script-user= or script-group= does not hold"),
        same("500: dispatch function raises or returns another type"),
        same("503: no process accepts within connect-timeout="),
        same("503: socket cannot be reached"),
        better("504: queue-timeout= is over", "While the request still waits."),
        differs(
            "503: restarted too often", "Tried until `connect-timeout=` is over, not so many times."
        ),
        differs(
            "408 or 500: client fails while its body is read",
            "Nonsense is 400, not 500.",
        ),
        same("504: no header within socket-timeout="),
        better("502: process dies before the headers", "The signal is in the request's log."),
        differs("500: header line is too long", "Only with `header-buffer-size=`."),
        differs("500: header line is malformed", "Refused in the process, or 502."),
        better("process dies in mid body", "The response is cut visibly."),
        differs(
            "500, 403, denied: script for users, hosts, groups is broken",
            "`Require wsgi-group` without a `WSGIAuthGroupScript` is 500, not denied.",
        ),
    ),
)
