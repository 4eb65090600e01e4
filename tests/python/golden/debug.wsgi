# Written by mod-pywsgi-express, anew at each start.
from mod_pywsgi.runtime.handler import prepare, touched

application = prepare(
    kind='script',
    name='/golden/site/app.py',
    callable_name='application',
    is_factory=False,
    arguments=(),
    keywords={},
    working_directory='/golden/site',
    reload_on_changes=False,
    debug={'debugger': False, 'debugger_startup': False, 'coverage': None, 'profiler': None, 'recorder': None},
)
