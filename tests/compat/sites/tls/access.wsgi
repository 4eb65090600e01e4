"""The intranet is for this machine."""


def allow_access(environ, host):
    return host in ("127.0.0.1", "localhost") and environ["QUERY_STRING"] != "away"
