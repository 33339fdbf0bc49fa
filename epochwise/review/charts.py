"""Vega-Lite specifications of the charts of a report; Vega itself draws them.

A chart brings its data along and no colours of text, grid or ground: those are the page's.
"""

import io
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from epochwise.core import paths
from epochwise.measures.headlines import BINARY, Metric
from epochwise.review.report import Report
from epochwise.review.snapshot import Snapshot
from epochwise.review.statistics import Verdict

COLOURS = (
    "#3d84d6", "#d9730d", "#1f9d5c", "#d6457a", "#8f63d8",
    "#9a8412", "#129bb0", "#7d8790", "#b05fae", "#b0603a",
)  # fmt: skip
"""Told apart from each other, and read on a white ground as on a dark one."""
VERDICT_COLOURS = {
    Verdict.BETTER: COLOURS[2],
    Verdict.WORSE: COLOURS[3],
    Verdict.WITHIN_NOISE: COLOURS[7],
    Verdict.UNDECIDED: COLOURS[5],
}
POINTS = 300
"""Points of a curve at most: a page with more is slow and looks the same."""
STEP = 26
"""Pixels of a family in a chart of intervals."""
CURVES = {
    "roc": ("ROC", "share of class 0 predicted as 1", "recall of class 1"),
    "calibration": ("Calibration", "mean probability of class 1", "share of class 1"),
}
"""Curves that are drawn of all families: title and axes by the name in plots/curves."""
_ONCE: dict[str, Any] = {"values": [{}]}
"""The data of a mark that is there once, not for every row of the chart."""

Spec = dict[str, Any]


def values(snapshots: list[Snapshot], task: str, metric: Metric) -> Spec | None:
    """The values of a metric with their intervals, a row a family, the best on top.

    `snapshots` are the revisions to show, the one that orders the families last. A family alone
    has nothing to stand beside: None.
    """
    found = [
        (
            value,
            {
                "family": family.name,
                "revision": facts.name,
                "value": value,
                "low": low,
                "high": high,
            },
        )
        for facts in snapshots
        for family in facts.families.values()
        if family.task == task and (value := family.value(metric.key)) is not None
        for low, high in [family.interval(metric.key) or (value, value)]
    ]
    rows = [row for _, row in found]
    ranked = sorted(found, key=lambda each: each[0], reverse=metric.higher_is_better)
    order = [str(row["family"]) for _, row in ranked if row["revision"] == snapshots[-1].name]
    colours = dict(zip((facts.name for facts in snapshots), COLOURS, strict=False))
    colour = _nominal("revision", colours, legend=len(colours) > 1)
    return _intervals(rows, f"{metric.title} on test", order, colour) if len(order) > 1 else None


def differences(report: Report, metric: Metric) -> Spec | None:
    """The differences of a metric with their intervals, against none."""
    rows = [
        {
            "family": family.name,
            "value": each.found.difference,
            "low": each.found.low,
            "high": each.found.high,
            "verdict": str(each.verdict),
        }
        for family in report.changed
        for each in family.comparisons
        if each.metric == metric and each.verdict != Verdict.UNCHANGED
    ]
    if not rows:
        return None
    told = {row["verdict"] for row in rows}
    colours = {str(verdict): at for verdict, at in VERDICT_COLOURS.items() if verdict in told}
    colour = _nominal("verdict", colours, legend=True)
    direction = "more is better" if metric.higher_is_better else "less is better"
    spec = _intervals(rows, f"difference of {metric.title}, {direction}", None, colour)
    zero = {
        "data": _ONCE,
        "mark": {"type": "rule", "strokeDash": [4, 4]},
        "encoding": {"x": {"datum": 0}},
    }
    return spec | {"layer": [zero, *spec["layer"]]}


def curves(snapshots: list[Snapshot], kind: str, compared: set[str]) -> Spec | None:
    """The curves of one kind of all families of reviews, each in its colour.

    The last of `snapshots` is shown whole, of those before it only the families in `compared`.
    """
    rows = [
        {"family": family, "revision": facts.name, "x": point.x, "y": point.y}
        for facts in snapshots
        for family in _reviewers(facts)
        if facts is snapshots[-1] or family in compared
        for point in _points(facts, family, kind).itertuples()
    ]
    if not rows:
        return None
    colours = _family_colours(snapshots, {row["family"] for row in rows})
    title, x, y = CURVES[kind]
    encoding = {
        "x": _share("x", x),
        "y": _share("y", y),
        "order": {"field": "order"},
        "color": _nominal("family", colours, legend=True),
        "opacity": {"condition": {"param": "shown", "value": 1}, "value": 0.1},
        "tooltip": [{"field": name, "type": "nominal"} for name in ("family", "revision")],
    }
    if len(snapshots) > 1:
        names = [facts.name for facts in reversed(snapshots)]
        scale = {"domain": names, "range": [[], [5, 3]]}
        legend = {"orient": "top", "title": None, "symbolStrokeColor": "gray"}
        encoding["strokeDash"] = {"field": "revision", "scale": scale, "legend": legend}
    mark = {"type": "line", "point": kind == "calibration", "strokeWidth": 2, "clip": True}
    shown = {"name": "shown", "select": {"type": "point", "fields": ["family"]}, "bind": "legend"}
    diagonal = {
        "data": _ONCE,
        "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.5},
        "encoding": {"x": {"datum": 0}, "y": {"datum": 0}, "x2": {"datum": 1}, "y2": {"datum": 1}},
    }
    lines = {"mark": mark, "params": [shown], "encoding": encoding}
    ordered = [row | {"order": index} for index, row in enumerate(rows)]
    return _chart(ordered) | {"title": title, "height": 380, "layer": [diagonal, lines]}


def _intervals(rows: list[Spec], title: str, order: list[str] | None, colour: Spec) -> Spec:
    """Points with rules through them, a row a family; several revisions beside each other."""
    offset = {"yOffset": {"field": "revision"}} if colour["field"] == "revision" else {}
    scale = {"zero": False, "nice": True}
    shared = {
        "y": {"field": "family", "type": "nominal", "sort": order, "title": None},
        "color": colour,
        "tooltip": [
            {
                "field": name,
                "type": "quantitative" if name in ("value", "low", "high") else "nominal",
            }
            for name in rows[0]
        ],
        **offset,
    }
    # Labels at an end would be moved inwards, on to their neighbours where numbers are long.
    axis = {"tickCount": 6, "labelFlush": False, "labelSeparation": 8}
    x = {"field": "low", "type": "quantitative", "scale": scale, "title": title, "axis": axis}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": shared | {"x": x, "x2": {"field": "high"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": shared | {"x": x | {"field": "value"}},
    }
    height = STEP * len({row["family"] for row in rows})
    return _chart(rows) | {"height": height, "layer": [rule, point]}


def _chart(rows: list[Spec]) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
    }


def _nominal(field: str, colours: dict[str, str], *, legend: bool) -> Spec:
    """The colours of the values of a field."""
    shown = {"orient": "bottom", "title": None, "columns": 3, "symbolType": "stroke"}
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": [*colours], "range": [*colours.values()]},
        "legend": shown if legend else None,
    }


def _family_colours(snapshots: list[Snapshot], drawn: set[str]) -> dict[str, str]:
    """The colours of the families that are `drawn`, the same in all charts of the snapshots."""
    known = dict.fromkeys(name for facts in reversed(snapshots) for name in _reviewers(facts))
    return {
        name: colour for name, colour in zip(known, cycle(COLOURS), strict=False) if name in drawn
    }


def _share(field: str, title: str) -> Spec:
    axis = {"tickCount": 5}
    scale = {"domain": [0, 1]}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _reviewers(facts: Snapshot) -> list[str]:
    return [family.name for family in facts.families.values() if family.task == BINARY]


def _points(facts: Snapshot, family: str, kind: str) -> pd.DataFrame:
    """The points `x, y` of a curve of a family; none where the revision does not have it."""
    content = facts.revision.optional(paths.plot("curves", family, "csv"))
    empty = pd.DataFrame({"x": [], "y": []})
    if content is None:
        return empty
    try:
        table = pd.read_csv(io.BytesIO(content), usecols=["curve", "x", "y"])
        points = table.loc[table["curve"] == kind, ["x", "y"]].astype("float64")
    except ValueError:
        return empty
    points = points[np.isfinite(points).all(axis=1)]
    return points.iloc[:: -(-len(points) // POINTS) or 1]
