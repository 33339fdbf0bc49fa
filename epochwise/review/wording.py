"""A report in plain words: the sentences that the terminal, the Markdown and the page share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from epochwise.measures.headlines import Metric
from epochwise.review.pairs import Comparison
from epochwise.review.report import FamilyChange, Report
from epochwise.review.snapshot import Data, Snapshot
from epochwise.review.statistics import Verdict

CLAIMS = (Verdict.BETTER, Verdict.WORSE, Verdict.MIXED, Verdict.TRADED, Verdict.UNDECIDED)
"""Verdicts that get a sentence for each family."""
MOST_NAMES = 12
"""Names that a sentence lists at most."""
UNKNOWN_NOISE = "trained anew, and how much training noise moves it is not known"


@dataclass(frozen=True)
class Sentence:
    """What is said first, what it rests on, and the verdict where it is of one family."""

    lead: str
    rest: str = ""
    verdict: Verdict | None = None

    def __str__(self) -> str:
        """The sentence as one line."""
        return f"{self.lead}: {self.rest}" if self.rest else self.lead


def verdicts(report: Report) -> list[Sentence]:
    """One sentence a family of which something is claimed, and one for all others of a kind."""
    claimed = [_claim(family) for verdict in CLAIMS for family in report.with_verdict(verdict)]
    within = [family.name for family in report.with_verdict(Verdict.WITHIN_NOISE)]
    unchanged = report.with_verdict(Verdict.UNCHANGED)
    found = claimed + ([Sentence(f"{listed(within)} within noise")] if within else [])
    found += _not_compared(report.with_verdict(Verdict.NOT_COMPARED))
    if unchanged:
        count = counted(len(unchanged), "family", "families")
        told = f"{count} unchanged"
        found.append(Sentence(told) if found else Sentence("Nothing changed", told))
    return found or [Sentence("No families to compare")]


def difference(comparison: Comparison) -> str:
    """The difference of a metric and its interval: +0.018 [+0.009, +0.027]."""
    found = comparison.found
    shown = [
        # Adding zero turns a rounded -0 into 0.
        f"{round(value, comparison.metric.digits) + 0.0:+.{comparison.metric.digits}f}"
        for value in (found.difference, found.low, found.high)
    ]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def values(comparison: Comparison) -> str:
    """Both values of a metric: 0.831 → 0.849, and of how many seeds they are the mean."""
    old, new = (amount(value, comparison.metric) for value in (comparison.old, comparison.new))
    if comparison.runs == (1, 1):
        return f"{old} → {new}"
    return f"{old} → {new} (means of {comparison.runs[0]} and {comparison.runs[1]} seeds)"


def p_value(p: float | None) -> str:
    """A p value, as far as it is worth telling."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def amount(value: float | None, metric: Metric) -> str:
    """A value of a metric with its decimals."""
    return "-" if value is None else f"{value:.{metric.digits}f}"


def spans(sentence: str) -> list[tuple[str, bool]]:
    """The pieces of a sentence, and whether each stood between backticks, as code does."""
    return [(piece, bool(index % 2)) for index, piece in enumerate(sentence.split("`"))]


def shortened(sentence: str, longest: int) -> str:
    """The sentence, cut after a word that is no code if it has more characters than `longest`."""
    if len(sentence) <= longest:
        return sentence
    text = sentence[: longest - 1]
    if text.count("`") % 2:
        text = text[: text.rindex("`")]
    return f"{text.rpartition(' ')[0] or text}…"


def listed(names: Iterable[str]) -> str:
    """Names with commas between, and how many more there are."""
    kept = list(names)
    shown = ", ".join(kept[:MOST_NAMES])
    return shown if len(kept) <= MOST_NAMES else f"{shown} and {len(kept) - MOST_NAMES} more"


def counted(count: int, one: str, many: str) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def notes(report: Report) -> list[str]:
    """What a reader has to know beside the verdicts."""
    found = [
        *champions(report),
        test_samples(report),
        training_noise(report),
        *(not_run(facts) for facts in (report.old, report.new)),
    ]
    # A state that is compared with itself would be told of twice.
    return list(dict.fromkeys(note for note in found if note))


def test_samples(report: Report) -> str:
    """How much of test the compared families share."""
    found: dict[str, list[str]] = {}
    for family in report.changed:
        if family.compared:
            shared = family.compared.shared
            text = f"{shared.samples:,} samples, all shared"
            if not shared.whole:
                text = f"{shared.samples:,} samples shared of {shared.old:,} and {shared.new:,}"
            found.setdefault(text, []).append(family.name)
    if len(found) == 1:
        return f"Test: {next(iter(found))}."
    groups = (f"{text} ({listed(names)})" for text, names in found.items())
    return f"Test: {'; '.join(groups)}." if found else ""


def training_noise(report: Report) -> str:
    """What is known of the training noise of the families that were trained anew."""
    found: dict[str, list[str]] = {}
    for family in report.changed:
        trained = [each for each in family.comparisons if each.verdict != Verdict.UNCHANGED]
        if trained and family.model.anew:
            found.setdefault(_noise(family, report), []).append(family.name)
    groups = (f"{text} ({listed(names)})" for text, names in found.items())
    return f"Training noise: {'; '.join(groups)}." if found else ""


def champions(report: Report) -> list[str]:
    """The champions that are others than before, and in one sentence those that are not."""
    if not report.new.champions_current:
        return [
            f"{report.new.name}: champions were chosen before, among other results: run `dvc repro"
            " champion`."
        ]
    old, new = report.old.champions, report.new.champions
    same = [task for task, family in new.items() if old.get(task) == family]
    found = [
        f"Champion of {task.replace('_', ' ')}: {old.get(task, 'none')} → {family}."
        for task, family in new.items()
        if task not in same
    ]
    if len(found) > MOST_NAMES:
        found[MOST_NAMES:] = [f"And {len(found) - MOST_NAMES} more champions."]
    kept = listed(f"{new[task]} ({task.replace('_', ' ')})" for task in same)
    return [*found, f"Champions unchanged: {kept}."] if same else found


def not_run(facts: Snapshot) -> str:
    """A warning where params.yaml was changed and the pipeline has not run since."""
    if not facts.not_run:
        return ""
    families = dict.fromkeys(name.partition("@")[2] or name for name in facts.not_run)
    return (
        f"{facts.name}: params.yaml was changed after {listed(families)} ran, "
        "and what is compared is from before: run `dvc repro`."
    )


def rows(data: Data | None) -> str:
    """Rows of a data set by split, and what was left out by reason."""
    if data is None:
        return "-"
    by_split = ", ".join(f"{split} {count:,}" for split, count in data.rows.items())
    by_reason = ", ".join(f"{reason} {count:,}" for reason, count in data.dropped.items())
    return f"{by_split}; dropped: {by_reason}" if by_reason else by_split


def seconds(value: float | None) -> str:
    """A duration."""
    return "-" if value is None else f"{value:,.1f} s"


def size(value: float | None) -> str:
    """Bytes in the unit that suits them."""
    if value is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:  # from there on three digits would be those of 1000
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def whole(value: float | None) -> str:
    """A count."""
    return "-" if value is None else f"{value:,.0f}"


def figure(value: float | None) -> str:
    """Any figure: a whole one as it is, others to four digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def plain(value: Any) -> str:
    """A value of params or counts as text; None is a key that is not there."""
    return "-" if value is None else str(value)


def _claim(family: FamilyChange) -> Sentence:
    told = [each for each in family.comparisons if each.verdict in CLAIMS]
    parts = [
        f"{each.metric.title} {values(each)}, {difference(each)}, p {p_value(each.corrected)}"
        for each in told
        if each.known
    ]
    parts += [
        f"{each.metric.title} {values(each)}, {difference(each)} by test alone; {UNKNOWN_NOISE}"
        for each in told
        if not each.known
    ]
    return Sentence(f"{family.name} {family.verdict}", "; ".join(parts), family.verdict)


def _not_compared(families: list[FamilyChange]) -> list[Sentence]:
    groups: dict[str, list[FamilyChange]] = {}
    for family in families:
        command = family.missing.command if family.missing else ""
        groups.setdefault(f"{family.reason}{command}", []).append(family)
    return [
        Sentence(f"{listed(each.name for each in group)} cannot be compared", _why(group))
        for group in groups.values()
    ]


def _why(group: list[FamilyChange]) -> str:
    missing = [family.missing for family in group if family.missing]
    if not missing:
        return group[0].reason
    return f"run `{missing[0].run(missing)}`, as what was predicted {missing[0].why}"


def _noise(family: FamilyChange, report: Report) -> str:
    if not any(side.seeded for side in (family.old, family.new) if side):
        return "none, as no seed moves a linear model"
    if not all(each.known for each in family.comparisons):
        return "not known, as metrics/noise.json has no repeats"
    sides = [
        (name, next(iter(side.noise.values())))
        for name, side in ((report.old.name, family.old), (report.new.name, family.new))
        if side and side.noise
    ]
    if len({noise for _, noise in sides}) == 1:
        # The same repeats, taken over: of the revision with whose params they were made.
        sides = [next((side for side in sides if side[1].own), sides[0])]
    return " and ".join(f"{noise.repeats} seeds of {name}" for name, noise in sides)
