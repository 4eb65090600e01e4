"""What Python code finds: modules, attributes, functions, events, metrics, scripts that decide."""

from mod_pywsgi.migrate.model import Section, better, differs, same

_INSTALLED = "Where that package is installed: it is not ours."

MODULES = Section(
    "Modules",
    "module",
    (
        same("mod_wsgi"),
        same("apache"),
        same("mod_wsgi.express", _INSTALLED),
        differs("mod_wsgi.express.reloader", "`mod_pywsgi.reloader` has both of its functions."),
        same("mod_wsgi.server", _INSTALLED),
        same("mod_wsgi.diagnostics", _INSTALLED),
        same("mod_wsgi.telemetry", _INSTALLED),
    ),
)

ATTRIBUTES = Section(
    "Attributes of mod_wsgi",
    "attribute",
    (
        differs("version", "mod_pywsgi's own."),
        same("process_group"),
        same("application_group"),
        same("maximum_processes"),
        same("threads_per_process"),
        same("FileWrapper"),
        same("RequestTimeout"),
        better("LogHandler", "No record twice where a stream handler writes to the same log."),
        same("event_callbacks"),
        same("shutdown_callbacks"),
        same("signal_callbacks"),
        same("active_requests"),
    ),
)

APACHE = Section(
    "Attributes of apache",
    "attribute",
    (
        same("apache.version"),
        same("apache.maximum_processes"),
        same("apache.threads_per_process"),
        same("apache.description"),
        same("apache.mpm_name"),
        same("apache.build_date"),
    ),
)

FUNCTIONS = Section(
    "Functions of mod_wsgi",
    "function",
    (
        better("subscribe_events", "What cannot be called is a TypeError at once."),
        better("subscribe_shutdown", "Likewise."),
        better("subscribe_signals", "Likewise."),
        same("request_data"),
        same("start_recording_metrics"),
        same("request_metrics"),
        same("process_metrics"),
        same("server_metrics"),
    ),
)

EVENTS = Section(
    "Events",
    "event",
    (
        same("request_started"),
        same("response_started"),
        same("request_finished"),
        same("request_exception"),
        same("process_signal"),
        differs("process_stopping", "When the process begins to drain, and requests still run."),
    ),
)

FIELDS = Section(
    "Fields of events",
    "field",
    (
        same("request_id"),
        same("thread_id"),
        same("daemon_connects"),
        differs("daemon_restarts", "Always 0: no request is refused because a process restarts."),
        same("server_pid"),
        same("request_start"),
        same("queue_start"),
        same("daemon_start"),
        same("application_start"),
        same("application_finish"),
        same("application_time"),
        same("application_object"),
        same("callable_object"),
        same("request_environ"),
        same("request_data"),
        same("response_status"),
        same("response_headers"),
        same("exception_info"),
        same("input_reads, input_length, input_time"),
        same("output_writes, output_length, output_time"),
        same("cpu_user_time, cpu_system_time, cpu_time"),
        same("gil_wait_time, gil_wait_count"),
        same("status"),
        same("signame, signum"),
        differs(
            "shutdown_reason", "Never `deadlock_timeout`: a process that is stuck tells nobody."
        ),
    ),
)

METRICS = Section(
    "Metrics",
    "group",
    (
        same("request_metrics: identity and time"),
        same("request_metrics: volume"),
        same("request_metrics: threads"),
        same("request_metrics: mean seconds"),
        same("request_metrics: extremes"),
        same("request_metrics: histograms"),
        same("request_metrics: GIL"),
        same("request_metrics: CPU"),
        same("request_metrics: memory"),
        same("process_metrics: process"),
        differs(
            "process_metrics: threads", "Those that serve requests: no row 0 of the main thread."
        ),
        same("server_metrics: server"),
        same("server_metrics: processes and workers"),
        differs("telemetry datagrams", "The same framing; ids of fields are our own."),
    ),
)

SCRIPTS = Section(
    "Functions of scripts that decide",
    "function",
    (
        differs(
            "check_password", "A name that it returns is latin-1, like its arguments, not UTF-8."
        ),
        same("get_realm_hash"),
        better("groups_for_user", "A single str is an error, not its letters."),
        same("allow_access"),
        same("handle_request"),
        same("reload_required", "First asked once the script has served a request in the process."),
        same("process_group, application_group, callable_object", "Of a dispatch script."),
    ),
)

SECTIONS = (MODULES, ATTRIBUTES, APACHE, FUNCTIONS, EVENTS, FIELDS, METRICS, SCRIPTS)
