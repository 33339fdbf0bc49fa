"""The figure of a binary classifier is drawn from its curves."""

from pathlib import Path

import numpy as np
import pandas as pd

from epochwise.figures.curves import draw_report
from epochwise.reports import binary


def test_the_figure_depends_on_the_curves_and_on_nothing_else(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    written = []
    for shift in (0.0, 0.0, 0.3):
        likely = np.clip(labels * (0.4 + shift) + 0.3, 0, 1)
        measured = binary.report(labels, likely, 0.5)
        measured |= {"threshold": 0.5, "calibration_error": 0.1}
        curves: list[pd.DataFrame] = [
            binary.roc_curve(labels, likely),
            binary.calibration_curve(labels, likely),
            binary.confusion(labels, (likely >= 0.5).astype("int8")),
        ]
        draw_report(tmp_path / "figure.png", "lstm on test", measured, curves)
        written.append((tmp_path / "figure.png").read_bytes())
    assert written[0].startswith(b"\x89PNG")
    assert written[0] == written[1] != written[2]
