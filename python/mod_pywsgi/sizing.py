"""How many Apache processes and threads stand before the application. Arithmetic only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mod_pywsgi.errors import ConfigError

# Share of the clients to start with, the least to have idle, the most to have idle.
_SHARES: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"event": (0.2, 0.2, 0.6), "worker": (0.2, 0.2, 0.6), "prefork": (0.05, 0.05, 0.1)}
)
_PREFERENCE = ("event", "worker", "prefork")
_PREFERENCE_EMBEDDED = ("worker", "prefork", "event")
_RELAYS_PER_CHILD = 64
_LEAST_RELAYS = 512
_STACK_SIZE = 262144  # bytes; plenty for Apache, not for Python


@dataclass(frozen=True)
class Mpm:
    """The processing module and its directives, in order.

    :param clients: how many requests are handled at once.
    """

    name: str
    clients: int
    directives: tuple[tuple[str, int], ...]


def choose_mpm(asked_for: tuple[str, ...], installed: tuple[str, ...], embedded: bool) -> str:
    """The first installed one in order of preference.

    :raises ConfigError: none of those asked for is installed.
    """
    preference = asked_for or (_PREFERENCE_EMBEDDED if embedded else _PREFERENCE)
    for name in preference:
        if name in installed:
            return name
    raise ConfigError(
        f"This Apache has no {' or '.join(preference)} processing module.",
        f"It has {', '.join(installed)}: choose with --server-mpm.",
    )


def for_daemons(name: str, processes: int, threads: int) -> Mpm:
    """Apache as a relay to processes of the application: more clients than those have threads.

    A thread that only relays costs little, and the event MPM closes kept-alive connections as
    soon as none is idle: there are enough of them for that to be rare.
    """
    clients = 10 + max(10, int(1.5 * processes * threads))
    if name == "prefork":
        per_child = 1
    else:
        clients = max(clients, _LEAST_RELAYS)
        per_child = _RELAYS_PER_CHILD
    children = -(-clients // per_child)
    initial, least, most = _SHARES[name]
    start = max(1, int(initial * children))
    least_idle = max(per_child, int(least * children) * per_child)
    most_idle = max(per_child, int(most * children) * per_child)
    return _mpm(name, children, per_child, start, least_idle, most_idle, relay=True)


def embedded(name: str, processes: int, threads: int) -> Mpm:
    """Apache running the application itself: exactly as many processes and threads as asked."""
    if name == "prefork":
        clients = processes * threads
        return _mpm(name, clients, 1, min(processes, clients), 1, clients, relay=False)
    clients = processes * threads
    return _mpm(name, processes, threads, processes, clients, clients, relay=False)


def _mpm(
    name: str, children: int, per_child: int, start: int, least: int, most: int, *, relay: bool
) -> Mpm:
    clients = children * per_child
    if name == "prefork":
        directives = [
            ("ServerLimit", children),
            ("StartServers", start),
            ("MinSpareServers", least),
            ("MaxSpareServers", max(most, least + 1)),
            ("MaxRequestWorkers", clients),
        ]
    else:
        directives = [
            ("ServerLimit", children),
            ("ThreadLimit", per_child),
            ("StartServers", start),
            ("MinSpareThreads", least),
            ("MaxSpareThreads", max(most, least + per_child)),
            ("ThreadsPerChild", per_child),
            ("MaxRequestWorkers", clients),
        ]
        if relay:
            directives.append(("ThreadStackSize", _STACK_SIZE))
    directives.append(("MaxConnectionsPerChild", 0))
    if name == "event":
        directives.append(("MaxKeepAliveRequests", 0))
    else:
        directives.append(("MaxKeepAliveRequests", 500 if relay else 100))
    return Mpm(name, clients, tuple(directives))
