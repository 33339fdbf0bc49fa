"""Report what a family's chosen epoch and threshold are worth, from its scores alone."""

from importlib import import_module

from epochwise import families
from epochwise.core import params, paths
from epochwise.core.cli import run
from epochwise.core.files import read_json
from epochwise.core.forms import ReviewSelection, Selection
from epochwise.core.settings import Seed


def main(family: str) -> None:
    """Evaluate FAMILY: metrics of every split with their intervals, predictions, plots."""
    task = families.row(family).task
    report = import_module(f"epochwise.reports.{task}")
    form = ReviewSelection if task == "binary" else Selection
    selection = read_json(paths.metrics(family, "selection.json"), form)
    report.write(family, selection, params.read("seed", Seed).data)
    shown = read_json(paths.headline(family), dict[str, float])
    print(f"{family} on test: {', '.join(f'{name} {value}' for name, value in shown.items())}")


if __name__ == "__main__":
    run(main)
