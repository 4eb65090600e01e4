"""The keys of the WSGI environ."""

from mod_pywsgi.migrate.model import Section, better, differs, same

CGI = Section(
    "CGI keys of the environ",
    "key",
    (
        same("REQUEST_METHOD", "As `WSGIMapHEADToGET` says."),
        same("REQUEST_SCHEME"),
        differs("REQUEST_URI", "Without scheme and host, where the client sent them."),
        same("QUERY_STRING"),
        same("SCRIPT_NAME"),
        same("PATH_INFO"),
        same("SERVER_NAME"),
        same("SERVER_PORT"),
        same("SERVER_PROTOCOL"),
        same("SERVER_ADDR"),
        same("SERVER_ADMIN"),
        differs("SERVER_SOFTWARE", "Names mod_pywsgi, where `ServerTokens` shows modules."),
        same("REMOTE_ADDR"),
        same("REMOTE_PORT"),
        same("REMOTE_USER"),
        same("AUTH_TYPE"),
        same("REDIRECT_REMOTE_USER"),
        same("REDIRECT_URL"),
        same("REDIRECT_QUERY_STRING"),
        same("DOCUMENT_ROOT"),
        same("SCRIPT_FILENAME"),
        same("CONTEXT_PREFIX"),
        same("CONTEXT_DOCUMENT_ROOT"),
        same("CONTENT_TYPE"),
        same("CONTENT_LENGTH"),
        same("HTTP_*", "The same headers are withheld."),
        better(
            "SetEnv, SetEnvIf, PassEnv, RewriteRule [E=], SSL_*",
            "They make up no `wsgi.*`, nor `CONTENT_TYPE` and `CONTENT_LENGTH`.",
        ),
        same(
            "PATH, PATH_TRANSLATED, REMOTE_HOST, REMOTE_IDENT, HTTPS",
            "Not there. `PassEnv PATH` is heeded.",
        ),
        same("SERVER_SIGNATURE, GATEWAY_INTERFACE", "Not there."),
    ),
)

WSGI = Section(
    "WSGI keys of the environ",
    "key",
    (
        same("wsgi.version"),
        same("wsgi.url_scheme"),
        better("wsgi.input", "`read(None)` and its kin read to the end."),
        same("wsgi.input_terminated"),
        better("wsgi.errors", "Records of `logging` have their own level."),
        better(
            "wsgi.file_wrapper",
            "`gzip.open()` gives what is in the file, not the compressed bytes.",
        ),
        same("wsgi.multithread"),
        same("wsgi.multiprocess"),
        same("wsgi.run_once"),
    ),
)

MODULE = Section(
    "Module keys of the environ",
    "key",
    (
        same("apache.version"),
        same("apache.request_rec"),
        differs("mod_wsgi.version", "mod_pywsgi's own."),
        same("mod_wsgi.process_group"),
        same("mod_wsgi.application_group"),
        same("mod_wsgi.callable_object"),
        same("mod_wsgi.request_handler"),
        same("mod_wsgi.handler_script"),
        same("mod_wsgi.listener_host"),
        same("mod_wsgi.listener_port"),
        same("mod_wsgi.server_pid"),
        same("mod_wsgi.request_id"),
        same("mod_wsgi.connection_id"),
        same("mod_wsgi.script_name"),
        same("mod_wsgi.path_info"),
        same("mod_wsgi.mount_point"),
        same("mod_wsgi.request_start"),
        same("mod_wsgi.queue_start"),
        same("mod_wsgi.daemon_start"),
        same("mod_wsgi.application_start"),
        same("mod_wsgi.thread_id"),
        better("mod_wsgi.x-*", "Never there, for scripts that dispatch neither."),
        differs(
            "mod_ssl.is_https, mod_ssl.var_lookup",
            "For scripts that authenticate; the second knows a fixed list of variables.",
        ),
    ),
)

SECTIONS = (CGI, WSGI, MODULE)
