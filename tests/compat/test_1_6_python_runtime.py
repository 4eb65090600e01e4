"""Compat 1.6: directives of the Python runtime, which hold for a whole process."""

from __future__ import annotations

import re

import pytest

from support import inline, wait
from support.inline import value as ask

GLOBALS = [
    "WSGIPythonEggs /tmp",
    "WSGIPythonOptimize 1",
    "WSGIPythonWarnings error",
    "WSGIDontWriteBytecode On",
    "WSGIPythonHashSeed 1",
    "WSGISwitchInterval 0.1",
    "WSGIDestroyInterpreter Off",
    "WSGIPerInterpreterGIL On",
    "WSGIFreeThreading On",
    "WSGIRestrictStdin On",
    "WSGIRestrictStdout On",
    "WSGIRestrictSignal Off",
    "<WSGIInterpreterOptions>\n</WSGIInterpreterOptions>",
]

ALL = """
WSGIPythonOptimize 2
WSGIDontWriteBytecode On
WSGIPythonHashSeed 12345
WSGIPythonWarnings error::UserWarning
WSGIPythonWarnings "ignore:not today:DeprecationWarning"
"""


@pytest.mark.parametrize("text", GLOBALS)
@pytest.mark.parametrize(
    "section", ["<VirtualHost *:80>\n{}\n</VirtualHost>", "<Directory />\n{}\n</Directory>"]
)
def test_only_the_main_server_may_say_it(configtest, text, section):
    status, words = configtest(section.format(text))
    assert status != 0
    assert re.search(r"<?WSGI\w+", text)[0] in words
    assert "not allowed" in words or "cannot occur within" in words, words


def test_flags_follow_the_directives(start, mode):
    server = start(ALL, mode=mode)
    flags = ask(
        server,
        "[sys.flags.optimize, sys.flags.dont_write_bytecode, sys.dont_write_bytecode,"
        " sys.flags.hash_randomization, __debug__]",
    )
    assert flags == [2, 1, True, 1, False]
    assert ask(server, "sys.warnoptions") == [
        "error::UserWarning",
        "ignore:not today:DeprecationWarning",
    ]
    # The later one stands in front, as after `python -W`.
    assert ask(server, "[f[0] for f in warnings.filters][:2]") == ["ignore", "error"]


def test_flags_of_a_sub_interpreter_are_the_same(start, mode):
    server = start(f"{ALL}\n<Location /inline>\nWSGIApplicationGroup sub\n</Location>", mode=mode)
    assert ask(server, "environ['mod_wsgi.application_group']") == "sub"
    assert ask(server, "[sys.flags.optimize, sys.dont_write_bytecode]") == [2, True]
    assert ask(server, "sys.warnoptions[0]") == "error::UserWarning"


def test_without_directives_python_is_as_it_comes(server):
    assert ask(server, "[sys.flags.optimize, sys.flags.dont_write_bytecode]") == [0, 0]
    assert ask(server, "sys.flags.hash_randomization") == 1
    assert ask(server, "sys.warnoptions") == []


def hash_in_two_lives(start, extra):
    """hash() of the same text in two processes of daemon mode."""
    server = start(extra, mode="daemon_multi")
    seen = {}

    def both():
        pid, number = ask(server, "[os.getpid(), hash('the same text')]")
        seen[pid] = number
        return len(seen) == 2

    wait.until(both, "both processes to answer")
    return list(seen.values())


def test_a_seed_makes_hashes_the_same_in_all_processes(start):
    one, other = hash_in_two_lives(start, "WSGIPythonHashSeed 7")
    assert one == other


@pytest.mark.parametrize("extra", ["WSGIPythonHashSeed random", ""])
def test_random_hashes_differ_from_process_to_process(start, extra):
    """6.4 #1: `random` must not be the seed 0."""
    one, other = hash_in_two_lives(start, extra)
    assert one != other


def test_random_beats_the_environment(start):
    server = start(
        "WSGIPythonHashSeed random", mode="daemon", options="env=PYTHONHASHSEED=0 processes=1"
    )
    assert ask(server, "sys.flags.hash_randomization") == 1


def test_seed_zero_switches_randomization_off(start, mode):
    server = start("WSGIPythonHashSeed 0", mode=mode)
    assert ask(server, "sys.flags.hash_randomization") == 0


def test_no_bytecode_is_written(start, mode):
    server = start(
        "WSGIDontWriteBytecode On",
        mode=mode,
        options="python-path=@SCRATCH@" if mode != "embedded" else "",
        prepare=lambda server: (server.scratch / "a_module.py").write_text("x = 1\n"),
    )
    assert ask(server, "[sys.path.insert(0, environ['test.scratch']), __import__('a_module').x]")
    assert not (server.scratch / "__pycache__").exists()


# WSGIPythonEggs, WSGIPythonPath: embedded mode; groups have options. They have one for
# WSGISwitchInterval too, which holds for them without.

EMBEDDED_ONLY = """
WSGIPythonEggs @ROOT@/eggs
WSGISwitchInterval 0.25
WSGIPythonPath @ROOT@/lib
"""
FOUND = (
    "[os.environ.get('PYTHON_EGG_CACHE', ''), sys.getswitchinterval(),"
    " any(p.endswith('/lib') and 'pywsgi' in p for p in sys.path)]"
)


def test_what_is_for_embedded_mode(start):
    server = start(EMBEDDED_ONLY, mode="embedded", files={"lib/x": ""})
    assert ask(server, FOUND) == [f"{server.root}/eggs", 0.25, True]


def test_groups_take_the_interval_alone(start):
    server = start(EMBEDDED_ONLY, mode="daemon", files={"lib/x": ""})
    assert ask(server, FOUND) == ["", 0.25, False]


def test_groups_have_options_instead(start):
    server = start(
        EMBEDDED_ONLY,
        mode="daemon",
        options="python-eggs=@ROOT@/eggs switch-interval=0.125 python-path=@ROOT@/lib",
        files={"lib/x": ""},
    )
    assert ask(server, FOUND) == [f"{server.root}/eggs", 0.125, True]


# WSGIDestroyInterpreter

AT_EXIT = """
    import atexit
    path = environ["test.scratch"] + "/ended"
    atexit.register(lambda: open(path, "w").close())
    start_response("200 OK", [])
    return [b"registered"]
"""


@pytest.mark.parametrize(("value", "runs"), [("On", True), ("Off", False)])
@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
@pytest.mark.parametrize("mode", ["embedded", "daemon"])
def test_exit_functions(start, mode, value, runs, group):
    server = start(
        f"WSGIDestroyInterpreter {value}\n"
        f"<Location /inline>\nWSGIApplicationGroup {group}\n</Location>",
        mode=mode,
    )
    assert inline.run(server, AT_EXIT).body == b"registered"
    assert server.stop() == []
    assert (server.scratch / "ended").exists() == runs


# Restricted streams


@pytest.mark.parametrize(("directive", "name"), [("Stdin", "sys.stdin"), ("Stdout", "sys.stdout")])
def test_restricted_stream(start, mode, directive, name):
    server = start(f"WSGIRestrict{directive} On", mode=mode)
    code = f"""
        def look(what):
            try:
                what()
            except OSError as error:
                return str(error)
            return "nothing"
        stream = {name}
        found = [type(stream).__module__ + "." + type(stream).__qualname__]
        found.append(look(lambda: stream.read))
        found.append(look(lambda: stream.write("x")))
        found.append(look(lambda: stream.__class__))
        found.append(look(lambda: setattr(stream, "x", 1)))
        found.append(look(lambda: print("x") if {name!r} == "sys.stdout" else input()))
        start_response("200 OK", [])
        return [json.dumps(found).encode()]
    """
    found = inline.run(server, code).json()
    assert found == ["mod_wsgi.Restricted", *[f"{name} access restricted by mod_wsgi"] * 5]
    other = "sys.stdout" if name == "sys.stdin" else "sys.stdin"
    assert ask(server, f"type({other}).__name__") == "TextIOWrapper"


def test_streams_are_free_by_default(server):
    assert ask(server, "[type(sys.stdin).__name__, sys.stdin.fileno()]") == ["TextIOWrapper", 0]
    ask(server, "print('said on stdout')")
    wait.until(
        lambda: [line for line in server.log.since_mark() if "said on stdout" in line.text],
        "the line in the log",
    )
    server.log.claim("said on stdout")


def test_signals_are_restricted_by_default(server):
    code = """
        import signal
        handler = lambda *_: None
        answer = signal.signal(signal.SIGUSR2, handler)
        start_response("200 OK", [])
        return [repr([answer is handler, signal.getsignal(signal.SIGUSR2) is handler]).encode()]
    """
    assert inline.run(server, code).body == b"[True, False]"
    assert any(line.code == "PYW0111" for line in server.log.since_mark())


# What this Python cannot do


def one_warning_each(server, code):
    """Each process that runs Python says it once, at its start; what all of a group say, the
    supervisor may pass on once."""
    assert len(server.log.claim(code)) <= len(server.daemons() or [1])
    server.log.allow(code)


def test_free_threading_of_a_build_with_a_gil_is_one_warning(start, mode):
    server = start("WSGIFreeThreading On", mode=mode)
    if ask(server, "bool(__import__('sysconfig').get_config_var('Py_GIL_DISABLED'))"):
        assert ask(server, "sys._is_gil_enabled()") is False
    else:
        one_warning_each(server, "PYW0115")


def test_own_gil_of_an_old_python_is_one_warning(start, mode):
    server = start(
        "WSGIPerInterpreterGIL On\n<Location /inline>\nWSGIApplicationGroup sub\n</Location>",
        mode=mode,
    )
    assert ask(server, "environ['mod_wsgi.application_group']") == "sub"
    if ask(server, "sys.version_info < (3, 12)"):
        one_warning_each(server, "PYW0113")
    elif not ask(server, "getattr(sys, '_is_gil_enabled', lambda: True)()"):
        one_warning_each(server, "PYW0114")
