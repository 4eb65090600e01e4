# Written by mod-pywsgi-express, anew at each start.
from mod_pywsgi.runtime.handler import prepare

application = prepare(
    script=None,
    module='mysite.wsgi',
    callable_name='application',
    is_factory=False,
    working_directory=None,
    reload_on_changes=False,
)
