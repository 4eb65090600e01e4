"""The chart: requests/s and CPU per request of every cell, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

OURS, PEER, FLOOR = "#2a6fb0", "#b8bcc2", "#e3c57a"
MEASURES = (("rate", "requests/s", "{:,.0f}"), ("cpu_us", "CPU µs a request", "{:,.0f}"))


def why_missing() -> str:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return "matplotlib is not installed: no chart"
    return ""


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw the document of report.py into PATH, a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cells = found["cells"]
    heights = [0.7 + 0.26 * len(cell["servers"]) for cell in cells]
    figure, axes = pyplot.subplots(
        len(cells),
        len(MEASURES),
        figsize=(13, sum(heights) + 1),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
        layout="constrained",
    )
    for line, cell in zip(axes, cells, strict=True):
        for axis, (key, label, form) in zip(line, MEASURES, strict=True):
            _bars(axis, cell, key, form)
            axis.set_title(f"{cell['title']}: {label}", fontsize=9, loc="left")
    about = found["about"]
    figure.suptitle(f"{about['commit']}, {about['date']}, {about['machine']}", fontsize=9)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axis: Any, cell: Mapping[str, Any], key: str, form: str) -> None:
    servers = cell["servers"]
    values = [0.0 if server["problem"] else server[key] for server in servers]
    colours = [_colour(server["name"]) for server in servers]
    axis.barh(range(len(servers)), values, color=colours)
    for place, (server, value) in enumerate(zip(servers, values, strict=True)):
        text = "not measured" if server["problem"] else form.format(value)
        failed = f", {server['failed']} failed" if server["failed"] else ""
        axis.text(value, place, f" {text}{failed}", va="center", fontsize=7)
    axis.set_yticks(range(len(servers)), [server["title"] for server in servers], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, max([*values, 1e-9]) * 1.2)
    axis.tick_params(axis="x", labelsize=7)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _colour(name: str) -> str:
    return OURS if name.startswith("pywsgi") else FLOOR if name in ("floor", "static") else PEER
