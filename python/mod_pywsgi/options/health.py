"""What load balancers and container platforms ask."""

from mod_pywsgi.options.model import flag

HEALTH_ENDPOINTS = flag(
    "health-endpoints",
    "Answer `/-/health` and `/-/ready` without the application: 200, or 503 when the server"
    " hangs, and when it cannot serve.",
    section="Listener",
)

OPTIONS = (HEALTH_ENDPOINTS,)
