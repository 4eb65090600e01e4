"""What can go wrong, as sentences: every error says what happened and the way out.

Exit codes are part of the interface: 2 the command line or the application is not
usable as given, or a running server was not found or refuses, 3 Apache or the module is
not usable, 4 the server root or the machine is not.
"""


class PywsgiError(Exception):
    """Base of all errors that are shown to the user without a traceback.

    :param message: one sentence that names the thing.
    :param hint: the way out, one line or several.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        indented = "\n".join(f"  {line}" for line in self.hint.splitlines())
        return f"{self.message}\n{indented}"


class ConfigError(PywsgiError):
    """An option, or a combination of options, cannot be used."""

    exit_code = 2


class ApplicationError(ConfigError):
    """The application was not found, is not readable or has no callable."""


class HttpdError(PywsgiError):
    """Apache httpd or the module is missing, unusable, or refuses its configuration."""

    exit_code = 3


class InstanceError(PywsgiError):
    """The server root, the port or the identity cannot be used."""

    exit_code = 4
