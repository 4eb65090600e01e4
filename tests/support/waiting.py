"""A process group `web` with apps/inline, and requests that run until the test lets them go on.

A request whose code begins with WAIT leaves the file `running` in the scratch folder, and goes on once
`go` is there. PID answers with the process.
"""

ROUTES = (
    "WSGIApplicationGroup %{GLOBAL}\nWSGIProcessGroup web\nSetEnv test.scratch @SCRATCH@\n"
    "WSGIScriptAlias /inline @APPS@/inline/wsgi.py\n"
)
PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'
WAIT = """
open(environ["test.scratch"] + "/running", "w").close()
while not os.path.exists(environ["test.scratch"] + "/go"):
    time.sleep(0.01)
"""
