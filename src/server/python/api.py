"""The part of the module `mod_wsgi` that is easier said in Python: what it adds to the import
of some modules, and its handler for `logging`.

The server executes this file once in each interpreter, as no module, and calls `install`. It
costs nothing before the modules in question are imported.
"""

import sys
from _thread import _local, get_ident
from importlib.machinery import ModuleSpec

server = {}  # functions and values from C, by name: see python/api.c
waiting = {}  # what after_fork registered, in order: a key of its own -> thread, function
# `handled`, `streamed`: the records that this thread's LogHandler, and its stream handlers, last wrote
thread = _local()


class Finder:
    """First in sys.meta_path: looks after the imports that it has hooks for, and no others."""

    def __init__(self, hooks):
        self.hooks = hooks

    def find_spec(self, name, path=None, target=None):
        hook = self.hooks.get(name)
        return hook(self.find_genuine(name, path, target)) if hook else None

    def find_genuine(self, name, path, target):
        """What the import would find without this finder."""
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not self else None
            if spec is not None:
                return spec
        return None


class After:
    """A loader that does something once the genuine one has loaded the module."""

    def __init__(self, loader, then):
        self.loader = loader
        self.then = then

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.then(module)


class Nothing:
    """The loader of a module that has no file."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        pass


def share_names(module):
    """`mod_pywsgi` in the server: what `mod_wsgi` has, and the installed package's submodules."""
    source = server["module"]

    def find_name(name):
        return getattr(source, name)

    module.__getattr__ = find_name
    module.__dir__ = lambda: sorted({*module.__dict__, *dir(source)})
    module.__all__ = sorted({*getattr(module, "__all__", ()), *dir(source)})


def find_twin(genuine):
    if genuine is None:
        genuine = ModuleSpec("mod_pywsgi", Nothing(), origin="built-in", is_package=True)
    genuine.loader = After(genuine.loader or Nothing(), share_names)
    return genuine


def fill_apache(module):
    module.__dict__.update(server["apache"])


def find_apache(genuine):
    if genuine is not None and server["is_embedded"]:
        return genuine
    return ModuleSpec("apache", After(Nothing(), fill_apache), origin="built-in")


def find_logging(genuine):
    if genuine is not None and genuine.loader is not None:
        genuine.loader = After(genuine.loader, adapt_logging)
    return genuine


def adapt_logging(logging):
    """Records that reach the server's log through a stream keep their level, and stay in one piece."""
    genuine_emit = logging.StreamHandler.emit
    genuine_error = logging.Handler.handleError

    def emit(self, record):
        if is_last("handled", record) and server["is_log"](self.stream):
            return  # not twice
        if "LogHandler" in server["module"].__dict__ and server["is_log"](self.stream):
            thread.streamed = mark_of(record)
        before = server["set_level"](record.levelno)
        try:
            genuine_emit(self, record)
        finally:
            server["set_level"](before)

    def handleError(self, record):
        before = server["set_level"](None)
        try:
            genuine_error(self, record)
        finally:
            server["set_level"](before)

    for mine, genuine in ((emit, genuine_emit), (handleError, genuine_error)):
        mine.__doc__ = genuine.__doc__
        mine.__qualname__ = genuine.__qualname__
    logging.StreamHandler.emit = emit
    logging.Handler.handleError = handleError


def find_threading(genuine):
    if genuine is not None and genuine.loader is not None:
        genuine.loader = After(genuine.loader, adapt_threading)
    return genuine


def adapt_threading(threading):
    """What is printed of an exception that ends a thread is one entry."""
    genuine = threading.excepthook

    def excepthook(args, /):
        before = server["hold"](True)
        try:
            genuine(args)
        finally:
            server["hold"](before)

    excepthook.__doc__ = genuine.__doc__
    threading.excepthook = excepthook


def mark_of(record):
    """Tells records apart without keeping them alive."""
    return id(record), record.created


def is_last(way, record):
    return getattr(thread, way, None) == mark_of(record)


def make_handler():
    """The class mod_wsgi.LogHandler; made when it is asked for, because it needs `logging`."""
    import logging

    class LogHandler(logging.Handler):
        """Writes records to Apache's error log: of the request, or of the process."""

        def emit(self, record):
            if is_last("streamed", record):
                return  # not twice
            try:
                server["log"](self.format(record), record.levelno)
                thread.handled = mark_of(record)
            except RecursionError:
                raise
            except Exception:
                self.handleError(record)

    LogHandler.__module__ = "mod_wsgi"
    LogHandler.__qualname__ = "LogHandler"
    return LogHandler


def after_fork(function, /):
    """Calls the function, without arguments, once in each process that serves: after its
    script was imported and, with preload=On, after the process was forked."""
    if not callable(function):
        raise TypeError(f"a callback must be callable, not {type(function).__name__}")
    waiting[object()] = get_ident(), function
    return function


def run_after_fork(of_all, is_wanted):
    """Calls what this thread registered, or all threads did; the first that raises is the last."""
    keys = [key for key, (ident, _) in list(waiting.items()) if of_all or ident == get_ident()]
    for function in [waiting.pop(key)[1] for key in keys]:
        if is_wanted:
            function()


def install(names):
    server.update(names)
    after_fork.__module__ = "mod_wsgi"
    server["module"].after_fork = after_fork
    hooks = {"mod_pywsgi": find_twin, "apache": find_apache}
    for name, find, adapt in (
        ("logging", find_logging, adapt_logging),
        ("threading", find_threading, adapt_threading),
    ):
        if name in sys.modules:
            adapt(sys.modules[name])
        else:
            hooks[name] = find
    sys.meta_path.insert(0, Finder(hooks))
