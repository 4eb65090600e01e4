# Written by mod-pywsgi-express, anew at each start.
from mod_pywsgi.runtime.handler import prepare

application = prepare(
    script='/golden/site/app.py',
    module=None,
    callable_name='application',
    is_factory=False,
    working_directory=None,
    reload_on_changes=True,
)
