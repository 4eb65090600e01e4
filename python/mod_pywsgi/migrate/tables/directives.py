"""The 49 directives of mod_wsgi 6, by area."""

from mod_pywsgi.migrate.model import Section, better, differs, same

_IN_A_GROUP = "`process-group=` runs it in a process group, out of Apache's processes."

SECTIONS = (
    Section(
        "Mapping and routing",
        "directive",
        (
            same("WSGIScriptAlias", "The URL begins with `/`."),
            same("WSGIScriptAliasMatch"),
            same("WSGIHandlerScript"),
            same("WSGIImportScript"),
            better("WSGIDispatchScript", _IN_A_GROUP),
            same("WSGICallableObject"),
            better(
                "WSGIScriptReloading",
                "The old code serves until the new is ready, and goes on if that does not import.",
            ),
            same("WSGICaseSensitivity"),
            same("WSGIProcessGroup"),
            better(
                "WSGIApplicationGroup",
                "A port that only the client names (`Host: x:99`) makes no interpreter.",
            ),
            same("WSGIRestrictProcess", "At least one name."),
            same("WSGIRestrictEmbedded"),
        ),
    ),
    Section(
        "Requests",
        "directive",
        (
            same("WSGIPassAuthorization"),
            better(
                "WSGIPassApacheRequest", "The capsule gives nothing any more after the request."
            ),
            differs("WSGIChunkedRequest", "On by default: chunked bodies are bounded and served."),
            better(
                "WSGIErrorOverride",
                "In embedded mode too; an application may make the `ErrorDocument`.",
            ),
            same("WSGIMapHEADToGET", "`Off`: filters see no body of a HEAD."),
            same("WSGIIgnoreActivity"),
            differs(
                "WSGIEnableSendfile", "On, unless Apache's `EnableSendfile` is Off; in both modes."
            ),
            better(
                "WSGITrustedProxyHeaders",
                "An unknown name is a warning in the log; a header without a meaning changes nothing.",
            ),
            same("WSGITrustedProxies", "At least one address."),
        ),
    ),
    Section(
        "Python",
        "directive",
        (
            better("WSGIPythonHome", "Any version of Python; a wrong directory is said once."),
            same("WSGIPythonPath"),
            same("WSGIPythonEggs"),
            same("WSGIPythonOptimize", "0 to 2."),
            same("WSGIPythonWarnings"),
            same("WSGIDontWriteBytecode"),
            better("WSGIPythonHashSeed", "`random` is random; mod_wsgi makes it seed 0."),
            same("WSGISwitchInterval"),
            same("WSGIDestroyInterpreter"),
            same("WSGIPerInterpreterGIL"),
            same("WSGIFreeThreading"),
            same("WSGIInterpreterOptions"),
            same("WSGIRestrictStdin"),
            same("WSGIRestrictStdout"),
            better(
                "WSGIRestrictSignal",
                "Off: handlers run beside the server's own, never instead of it.",
            ),
        ),
    ),
    Section(
        "Process groups",
        "directive",
        (
            same("WSGIDaemonProcess", "See the options."),
            differs(
                "WSGISocketPrefix", "Names a directory `PREFIX.<pid>.<generation>/`, not sockets."
            ),
            better(
                "WSGISocketRotation",
                "Old children reach the processes of their generation in either case.",
            ),
            better(
                "WSGIAcceptMutex",
                "Nothing to choose, which the log says: no process competes for connections.",
            ),
            same("WSGIVerboseDebugging", "Without effect, as there; the log says so."),
        ),
    ),
    Section(
        "Scripts that decide",
        "directive",
        (
            better("WSGIAuthUserScript", _IN_A_GROUP),
            better("WSGIAuthGroupScript", _IN_A_GROUP),
            better("WSGIAccessScript", _IN_A_GROUP),
            same("WSGIGroupAuthoritative", "Without effect, as there."),
        ),
    ),
    Section(
        "Metrics",
        "directive",
        (
            same("WSGIServerMetrics"),
            same("WSGITelemetryService"),
            same("WSGISlowRequests"),
            same("WSGITelemetryOptions"),
        ),
    ),
)
