"""Directives of old releases that mod_wsgi itself has dropped, and what to do instead."""

DIRECTIVES = {
    "WSGIChunkedRequestBuffer": "take it out: chunked bodies are not buffered",
    "WSGILazyInitialization": "take it out: Python starts where it is needed",
    "WSGIPythonExecutable": "write WSGIPythonHome with the environment's directory",
    "WSGIReloadMechanism": "take it out: a changed script is served by a new process",
    "WSGIThreadSwitch": "write WSGISwitchInterval",
    "WSGIUserAuthoritative": "write AuthBasicAuthoritative or AuthDigestAuthoritative",
}
