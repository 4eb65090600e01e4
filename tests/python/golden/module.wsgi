# Written by mod-pywsgi-express, anew at each start.
from mod_pywsgi.runtime.handler import prepare, touched

reload_required = touched('/golden/site/mysite/wsgi.py')
application = prepare(
    kind='module',
    name='mysite.wsgi',
    callable_name='application',
    is_factory=False,
    arguments=(),
    keywords={},
    working_directory=None,
    reload_on_changes=False,
)
