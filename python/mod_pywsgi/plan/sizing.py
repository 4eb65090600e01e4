"""How many Apache processes and threads stand before the application."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import capacity, listen
from mod_pywsgi.plan.application import Application
from mod_pywsgi.settings import Settings

# Share of the clients to start with, the least to have idle, the most to have idle.
_SHARES: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"event": (0.2, 0.2, 0.6), "worker": (0.2, 0.2, 0.6), "prefork": (0.05, 0.05, 0.1)}
)
_PREFERENCE = ("event", "worker", "prefork")
_PREFERENCE_EMBEDDED = ("worker", "prefork", "event")
_RELAYS_PER_CHILD = 64
_LEAST_RELAYS = 512
_STACK_SIZE = 262144  # bytes; plenty for Apache, not for Python
# Of a process of Apache: two for each connection (its socket, and a file while its client is slow to take a
# response), and one for each channel that a thread may have to a process of the application. With some
# files it is below 1024, which is what there may be unless somebody has raised it; and whoever runs out
# of them ends.
_DESCRIPTORS = 896


@dataclass(frozen=True)
class Mpm:
    """The processing module and its directives, in order.

    :param clients: how many requests are handled at once.
    """

    name: str
    clients: int
    directives: tuple[tuple[str, int], ...]


def decide(settings: Settings, installed: tuple[str, ...], application: Application) -> Mpm:
    """Decide the module and its size.

    :param installed: the modules that there are.
    :raises ConfigError: none of those asked for is installed.
    """
    http2 = settings[listen.HTTP2]
    name = choose_mpm(settings[opt.SERVER_MPM], installed, application.embedded, http2)
    if not application.embedded:
        return for_daemons(
            name,
            application.processes.most,
            application.threads,
            max_clients=settings[capacity.MAX_CLIENTS],
            shares=_shares(settings, name),
        )
    made = embedded(name, application.processes.least, application.threads)
    if not http2:
        return made
    # mod_http2 hands requests to threads of its own: as many as the application may have.
    workers = (("H2MinWorkers", application.threads), ("H2MaxWorkers", application.threads))
    return replace(made, directives=(*made.directives, *workers))


def _shares(settings: Settings, name: str) -> tuple[float, float, float]:
    """Of the clients: what there is at the start, what is idle at least, and at most."""
    given = (
        settings[capacity.INITIAL_WORKERS],
        settings[capacity.MINIMUM_SPARE_WORKERS],
        settings[capacity.MAXIMUM_SPARE_WORKERS],
    )
    initial, least, most = (
        own if own is not None else usual for own, usual in zip(given, _SHARES[name], strict=True)
    )
    if least > most:
        raise ConfigError(
            f"More would be idle at least ({least:g}) than at most ({most:g}).",
            f"Choose {capacity.MINIMUM_SPARE_WORKERS.flag} and"
            f" {capacity.MAXIMUM_SPARE_WORKERS.flag} the other way round.",
        )
    return initial, least, most


def choose_mpm(
    asked_for: tuple[str, ...], installed: tuple[str, ...], embedded: bool, http2: bool = False
) -> str:
    """The first installed one in order of preference.

    :raises ConfigError: none of those asked for is installed, or can do what is asked for.
    """
    preference = asked_for or (_PREFERENCE_EMBEDDED if embedded else _PREFERENCE)
    if http2:
        preference = tuple(name for name in preference if name != "prefork")
        if not preference or not set(preference) & set(installed):
            raise ConfigError(
                f"{listen.HTTP2.flag} needs the processing module event or worker: HTTP/2 answers"
                " several requests at once, which a process of prefork does not.",
                f"This Apache has {', '.join(installed)}: leave {opt.SERVER_MPM.flag} prefork or"
                f" {listen.HTTP2.flag} out.",
            )
    for name in preference:
        if name in installed:
            return name
    raise ConfigError(
        f"This Apache has no {' or '.join(preference)} processing module.",
        f"It has {', '.join(installed)}: choose with --server-mpm.",
    )


def for_daemons(
    name: str,
    processes: int,
    threads: int,
    *,
    max_clients: int | None = None,
    shares: tuple[float, float, float] | None = None,
) -> Mpm:
    """Apache as a relay to processes of the application: more clients than those have threads.

    A thread that only relays costs little, and while none is idle new connections wait to be
    accepted: there are enough of them for that to be rare. Who says how many they are to be has
    threads as mod_wsgi-express shares them out.

    :param max_clients: as many at least, unless there are more threads. :param shares: of them,
        at the start, idle at least, and idle at most.
    """
    clients = max_clients or 10 + max(10, int(1.5 * processes * threads))
    if max_clients is not None:
        clients = max(clients, processes * threads)
    elif name != "prefork":
        clients = max(clients, _LEAST_RELAYS)
    per_child = _threads_per_child(name, clients, is_given=max_clients is not None)
    children = -(-clients // per_child)
    initial, least, most = shares or _SHARES[name]
    start = max(1, int(initial * children))
    least_idle = max(per_child, int(least * children) * per_child)
    most_idle = max(per_child, int(most * children) * per_child)
    return _mpm(name, children, per_child, start, least_idle, most_idle, channels=processes)


def _threads_per_child(name: str, clients: int, *, is_given: bool) -> int:
    if name == "prefork":
        return 1
    if not is_given:
        return _RELAYS_PER_CHILD
    return int(clients / (clients // 20 + 1)) if clients > 20 else min(10, clients)


def embedded(name: str, processes: int, threads: int) -> Mpm:
    """Apache running the application itself: exactly as many processes and threads as asked."""
    if name == "prefork":
        clients = processes * threads
        return _mpm(name, clients, 1, min(processes, clients), 1, clients, channels=0)
    clients = processes * threads
    return _mpm(name, processes, threads, processes, clients, clients, channels=0)


def _mpm(
    name: str, children: int, per_child: int, start: int, least: int, most: int, *, channels: int
) -> Mpm:
    """The directives.

    :param channels: that a thread may have, one to each process of the application; 0 where Apache runs it.
    """
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
        if channels:
            directives.append(("ThreadStackSize", _STACK_SIZE))
    directives.append(("MaxConnectionsPerChild", 0))
    if name == "event":
        factor = max(2, (_DESCRIPTORS // per_child - channels) // 2 - 1)
        directives.append(("AsyncRequestWorkerFactor", factor))
        directives.append(("MaxKeepAliveRequests", 0))
    else:
        directives.append(("MaxKeepAliveRequests", 500 if channels else 100))
    return Mpm(name, clients, tuple(directives))
