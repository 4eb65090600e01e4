"""Options of mod_wsgi-express that this version does not have yet, by name.

Kept so that the error for one of them can say so, rather than "no such option".
"""

UNBUILT = frozenset(
    """
    add-handler allow-localhost allow-override access-log-format access-log-name
    application-group auth-group auth-group-script auth-type auth-user-script
    chunked-request compress-responses coverage-directory daemon-backlog debugger-startup
    directory-index directory-listing disable-reloading enable-coverage enable-debugger
    enable-docs enable-gdb enable-profiler enable-recorder enable-sendfile
    enable-telemetry envvars-script error-document error-log-format error-log-name
    error-override free-threading gdb-executable header-buffer-size host-access-script
    hsts-policy http2 https-only https-port httpd-executable
    initial-workers lang locale log-directory map-head-to-get max-clients max-log-size
    maximum-requests maximum-spare-workers mime-types minimum-spare-workers
    modules-directory orphan-interpreter passenv pid-file process-group process-name
    profiler-directory proxy-mount-point proxy-timeout proxy-url-alias
    proxy-virtual-host python-eggs python-warnings receive-buffer-size
    recorder-directory response-buffer-size rewrite-rules rotate-logs
    rotatelogs-executable send-buffer-size server-alias server-backlog server-metrics
    server-status service-log-file
    shell-executable slow-requests socket-prefix ssl-ca-certificate-file
    ssl-certificate ssl-certificate-chain-file ssl-certificate-file
    ssl-certificate-key-file ssl-environment ssl-port ssl-verify-client startup-log
    startup-log-name switch-interval telemetry-interval telemetry-options
    telemetry-service telemetry-ui-port trust-proxy trust-proxy-header
    verbose-debugging with-cgi with-php5
    """.split()
)
