"""Choose the champion of each task on valid.

A family whose metric differs from the best one's by no more than training noise ties with it; of
those that tie the one with the fewest parameters is the champion.

Reads metrics/<family>/valid.json and, of metrics/noise.json, what was measured on valid. Writes
metrics/champions.json, which `predict`, `classify` and the artifacts in dvc.yaml follow.
"""

from math import hypot
from typing import Any, Self, get_args

from pydantic import NonNegativeFloat, model_validator

from epochwise import families
from epochwise.core import params, paths, training_noise
from epochwise.core.cli import InputError, run
from epochwise.core.files import read_json, write_metrics
from epochwise.core.forms import Report
from epochwise.measures.columns import COMPARED, LOWEST


class Champion(params.Section):
    """`champion` in params.yaml: the metric of each task, and when two families tie.

    They tie if they differ by at most `deviations` standard deviations of the difference of two
    trainings with other seeds: sqrt(s1^2 + s2^2), s on valid from metrics/noise.json, whatever
    params and data that was measured with, or `noise` where it has none.
    """

    metric: dict[families.Task, str]
    deviations: NonNegativeFloat
    noise: NonNegativeFloat

    @model_validator(mode="after")
    def _has_a_metric_of_each_task(self) -> Self:
        if lacking := [task for task in get_args(families.Task) if task not in self.metric]:
            raise ValueError(f"metric lacks the task '{lacking[0]}'")
        return self


def groups(table: dict[str, families.Row]) -> dict[str, list[str]]:
    """The families that do the same task on the same data set, by `<task>_<data set>`."""
    found: dict[str, list[str]] = {}
    for name, row in table.items():
        found.setdefault(f"{row.task}_{row.dataset}", []).append(name)
    return found


def choose(
    metric: str, reports: dict[str, dict[str, Any]], noise: dict[str, Any], champion: Champion
) -> dict[str, Any]:
    """The champion of families that do the same task, from their `reports` on valid.

    Returns:
        `family`, the `metric` and its `value`, and the families that `ties` hold with the best.

    Raises:
        InputError: the reports have no such metric, or it is none to compare families by.
    """
    for family, report in reports.items():
        known = [name for name in report if name in COMPARED]
        if metric not in known:
            raise InputError(
                f"champion.metric is '{metric}', by which {family} cannot be compared on"
                f" valid: choose among {', '.join(known)}"
            )
    sign = 1 if metric in LOWEST else -1
    order = sorted(reports, key=lambda family: (sign * reports[family][metric], family))

    def deviation(family: str) -> float:
        known = noise.get(family, {}).get("valid", {}).get(metric, {})
        return float(known.get("std", champion.noise))

    def tie(family: str) -> bool:
        apart = abs(reports[family][metric] - reports[order[0]][metric])
        spread = hypot(deviation(family), deviation(order[0]))
        return family == order[0] or apart <= champion.deviations * spread

    ties = [family for family in order if tie(family)]
    chosen = min(ties, key=lambda family: (reports[family]["parameters"], order.index(family)))
    return {
        "family": chosen,
        "metric": metric,
        "value": reports[chosen][metric],
        "ties": [family for family in ties if family != chosen],
    }


def main() -> None:
    """Choose the champions."""
    section = params.read("champion", Champion)
    table = families.table()
    noise = training_noise.read()
    champions = {}
    for name, members in groups(table).items():
        metric = section.metric[table[members[0]].task]
        form = Report.of({"parameters", metric} & {"parameters", *COMPARED})
        reports = {
            family: read_json(paths.metrics(family, "valid.json"), form) for family in members
        }
        champions[name] = choose(metric, reports, noise, section)
    write_metrics(paths.CHAMPIONS, {"champions": champions})
    for name, chosen in champions.items():
        print(f"{name}: {chosen['family']}, {chosen['metric']} {chosen['value']:.4f} on valid")


if __name__ == "__main__":
    run(main)
