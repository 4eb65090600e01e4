"""The 49 directives of mod_wsgi 6, by area."""

from mod_pywsgi.migrate.model import Section, better, differs, same

SECTIONS = (
    Section(
        "Mapping and routing",
        "directive",
        (
            same("WSGIScriptAlias"),
            same("WSGIScriptAliasMatch"),
            same("WSGIHandlerScript"),
            better("WSGIImportScript", "A script that fails is tried again when it changes."),
            same("WSGIDispatchScript", "No internal keys in its environ."),
            same("WSGICallableObject"),
            better(
                "WSGIScriptReloading",
                "A new process starts at once and running requests get `graceful-timeout=`, not 5 s.",
            ),
            same("WSGICaseSensitivity"),
            same("WSGIProcessGroup"),
            same("WSGIApplicationGroup"),
            same("WSGIRestrictProcess"),
            same("WSGIRestrictEmbedded"),
        ),
    ),
    Section(
        "Requests",
        "directive",
        (
            same("WSGIPassAuthorization"),
            same("WSGIPassApacheRequest"),
            differs("WSGIChunkedRequest", "On by default: chunked bodies are bounded and served."),
            better("WSGIErrorOverride", "In embedded mode too."),
            same("WSGIMapHEADToGET"),
            same("WSGIIgnoreActivity"),
            better("WSGIEnableSendfile", "In daemon mode the file itself goes to Apache, unread."),
            same("WSGITrustedProxyHeaders"),
            same("WSGITrustedProxies"),
        ),
    ),
    Section(
        "Python",
        "directive",
        (
            better("WSGIPythonHome", "Any version of Python; a wrong directory is said once."),
            same("WSGIPythonPath"),
            same("WSGIPythonEggs"),
            same("WSGIPythonOptimize"),
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
            same("WSGIRestrictSignal"),
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
                "Accepted: old children reach their own processes until they end, either way.",
            ),
            better("WSGIAcceptMutex", "Accepted: processes share no lock that could be chosen."),
            same("WSGIVerboseDebugging", "Without effect, as there."),
        ),
    ),
    Section(
        "Scripts that decide",
        "directive",
        (
            same("WSGIAuthUserScript"),
            same("WSGIAuthGroupScript"),
            same("WSGIAccessScript"),
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
