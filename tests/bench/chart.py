"""The charts of a run, as PNG: the cells, the aims, and each campaign that says how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import aims

OURS, PEER, FLOOR, MISSED = "#2a6fb0", "#b8bcc2", "#e3c57a", "#c0504d"
MEASURES = (("rate", "requests/s", "{:,.0f}"), ("cpu_us", "CPU µs a request", "{:,.0f}"))
BAR, FRAME = 0.26, 0.75  # inches: of a bar, and around them
Document = Mapping[str, Any]


def why_missing() -> str:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return "matplotlib is not installed: no chart"
    return ""


def draw(found: Document, output: Path) -> list[Path]:
    """Draw the document of report.py: its cells into OUTPUT.png, the others beside; the files."""
    drawn = []
    if found["cells"]:
        drawn.append(_saved(_cells(found["cells"]), found, output.with_suffix(".png")))
    if measured := [row for row in found["aims"] if row["is_factor"] and row["value"] is not None]:
        drawn.append(_saved(_aims(measured), found, output.with_name("aims.png")))
    for campaign in found["campaigns"]:
        rows = [row for row in campaign["rows"] if not row["problem"]]
        if campaign["chart"] and rows:
            file = output.with_name(f"{campaign['campaign']}.png")
            drawn.append(_saved(_campaign(campaign, rows), found, file))
    return drawn


def _saved(figure: Any, found: Document, path: Path) -> Path:
    from matplotlib import pyplot

    about = found["about"]
    figure.suptitle(f"{about['commit']}, {about['date']}, {about['machine']}", fontsize=9)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path


def _figure(lines: int, columns: int, heights: Sequence[float]) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(
        lines,
        columns,
        figsize=(13 if columns > 1 else 9, sum(heights) + 0.6),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
        layout="constrained",
    )


def _cells(cells: Sequence[Document]) -> Any:
    heights = [FRAME + BAR * len(cell["servers"]) for cell in cells]
    figure, axes = _figure(len(cells), len(MEASURES), heights)
    for line, cell in zip(axes, cells, strict=True):
        for axis, (key, label, form) in zip(line, MEASURES, strict=True):
            _bars(axis, [_bar(row, row["name"], key, form) for row in cell["servers"]])
            axis.set_title(f"{cell['title']}: {label}", fontsize=9, loc="left")
    return figure


def _bar(row: Document, name: str, key: str, form: str) -> tuple[str, float, str, str]:
    """Label, length, what is written at its end, and colour."""
    if row["problem"]:
        return row["title"], 0.0, "not measured", PEER
    value = row.get(key) or 0.0
    failed = f", {row['failed']:,.0f} failed" if row.get("failed") else ""
    return row["title"], value, form.format(value) + failed, _colour(name)


def _bars(axis: Any, bars: Sequence[tuple[str, float, str, str]]) -> None:
    labels, values, ends, colours = zip(*bars, strict=True)
    axis.barh(range(len(bars)), values, color=colours)
    for place, (value, end) in enumerate(zip(values, ends, strict=True)):
        axis.text(value, place, f" {end}", va="center", fontsize=8)
    axis.set_yticks(range(len(bars)), labels, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, max([*values, 1e-9]) * 1.25)
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.tick_params(axis="x", labelsize=7)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _colour(name: str) -> str:
    return (
        OURS
        if name.startswith("pywsgi")
        else FLOOR
        if name in ("floor", "static", "static-sendfile")
        else PEER
    )


def _aims(rows: Sequence[Document]) -> Any:
    """What was measured of what was wanted, in per cent: the line is the aim, its good side is shaded."""
    verdicts = [aims.Verdict(**row) for row in rows]
    figure, axes = _figure(1, 1, [FRAME + BAR * 1.2 * len(rows)])
    axis = axes[0][0]
    _bars(
        axis,
        [
            (
                f"{each.title}: {each.wanted}",
                (each.value or 0.0) / each.bound,
                each.measured,
                OURS if each.is_reached else MISSED,
            )
            for each in verdicts
        ],
    )
    axis.axvline(1, color="black", linewidth=1)
    axis.set_title(
        "measured / wanted; red: not reached (≤: shorter is better)", fontsize=9, loc="left"
    )
    return figure


def _campaign(campaign: Document, rows: Sequence[Document]) -> Any:
    chart = campaign["chart"]
    columns = {column["key"]: column for column in campaign["columns"]}
    height = 4.2 if chart["across"] else FRAME + BAR * len(rows)
    figure, axes = _figure(len(chart["values"]), 1, [height] * len(chart["values"]))
    for (axis,), key in zip(axes, chart["values"], strict=True):
        if chart["across"]:
            _lines(axis, rows, chart, key)
            axis.set_xlabel(columns[chart["across"]]["label"], fontsize=8)
        else:
            form = columns[key]["form"]
            _bars(axis, [_bar(_told(row, campaign), row["server"], key, form) for row in rows])
        axis.set_title(f"{campaign['title']}: {columns[key]['label']}", fontsize=9, loc="left")
    return figure


def _told(row: Document, campaign: Document) -> Document:
    """The row with the words of its columns in its title: they are what tells rows of one server apart."""
    words = [row[c["key"]] for c in campaign["columns"] if isinstance(row.get(c["key"]), str)]
    return {**row, "title": ", ".join([row["title"], *words])}


def _lines(axis: Any, rows: Sequence[Document], chart: Document, key: str) -> None:
    across = chart["across"]
    for title in dict.fromkeys(row["title"] for row in rows):
        mine = [row for row in rows if row["title"] == title and row.get(key) is not None]
        is_ours = any(row["server"].startswith("pywsgi") for row in mine)
        axis.plot(
            [row[across] for row in mine],
            [row[key] for row in mine],
            marker="o",
            markersize=4,
            linewidth=2.4 if is_ours else 1.2,
            label=title,
        )
    if chart["is_logarithmic"]:
        axis.set_xscale("log")
        places = sorted({row[across] for row in rows})
        axis.set_xticks(places, [f"{place:,}" for place in places])
        axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.grid(axis="y", linewidth=0.4)
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axis)
