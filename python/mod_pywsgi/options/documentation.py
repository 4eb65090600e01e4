"""The pages of this documentation."""

from mod_pywsgi.options.model import flag

ENABLE_DOCS = flag(
    "enable-docs",
    "Serve this documentation at `/__wsgi__/docs/`, as is done where there is no application.",
    section="Development",
)

OPTIONS = (ENABLE_DOCS,)
