"""Write model cards (Mitchell et al. 2019): what each family does, learned from, and is worth.

Reads metrics/<family>/{valid,test}.json, metrics/noise.json and the counts of the data sets. Writes
cards/<family>.md.
"""

from typing import Any

from epochwise import families
from epochwise.core import paths, training_noise
from epochwise.core.cli import run
from epochwise.core.files import read_json, replacing
from epochwise.core.forms import Form, Report
from epochwise.reports.escaping import escape

TASKS: dict[families.Task, tuple[str, str]] = {
    "binary": (
        "Says whether a review is positive (1) or negative (0): 1 where its probability is at least"
        " the threshold.",
        "Reviews of another language, length or kind than those it was trained on, and irony. Words"
        " that training has not seen say little or nothing to it. A probability is one of this"
        " data's mix of classes.",
    ),
    "multiclass": (
        "Says which of the classes an image shows, with a probability for each.",
        "Images of anything else than these classes: it cannot answer that it is none of"
        " them. Images that are cut, lit or drawn otherwise than those it was trained on.",
    ),
    "reconstruction": (
        "Turns an image of 28 x 28 pixels into a short code, and the code into an image again.",
        "Images of anything else than those it was trained on: they come back as the nearest it"
        " knows. The code is not made to tell classes apart.",
    ),
    "generation": (
        "Draws images of 28 x 28 pixels like those it was trained on, from random numbers.",
        "It may draw some classes more often than others, or repeat images of its training set. The"
        " Fréchet distance is one in the features of our own cnn, and compares with no other's.",
    ),
}
"""What families of a task do, and what they are not for."""
SHOWN: dict[families.Task, tuple[str, ...]] = {
    "binary": (
        "roc_auc",
        "balanced_accuracy",
        "accuracy",
        "log_loss",
        "precision_0",
        "recall_0",
        "precision_1",
        "recall_1",
        "calibration_error",
    ),
    "multiclass": ("accuracy", "log_loss", "macro_precision", "macro_recall", "calibration_error"),
    "reconstruction": ("cross_entropy", "mse", "psnr", "probe_accuracy", "pca_probe_accuracy"),
    "generation": ("frechet", "frechet_of_train", "classes_of_200"),
}


class Fetched(Form):
    """metrics/<data set>/fetch.json."""

    source: str
    licence: str
    train: int = 0
    valid: int = 0
    test: int = 0


class Size(Form):
    """The size of a split."""

    n: int


class Divided(Form):
    """metrics/reviews/split.json."""

    train: Size
    valid: Size
    test: Size


def card(family: str, row: families.Row, noise: dict[str, Any]) -> str:
    """The model card of `family`, as Markdown, from what the pipeline keeps of it."""
    form = Report.of(("n", "epoch", "parameters"))
    test, valid = (
        read_json(paths.metrics(family, f"{split}.json"), form) for split in ("test", "valid")
    )
    does, limits = TASKS[row.task]
    parts = [
        f"# {family}",
        does,
        *_section("Data", _data(row.dataset)),
        *_section("Choice", _choice(test, valid, row)),
        *_section("Metrics", _metrics(test, valid, row.task, repeated(noise.get(family), test))),
        *_section("Slices of test", _slices(test)),
        *_section("Classes", _classes(test)),
        *_section("Weights", _weights(test)),
        *_section("Limits", limits),
        *_section("Cost", f"{test['parameters']:,} parameters."),
    ]
    return "\n\n".join(parts) + "\n"


def repeated(noise: dict[str, Any] | None, test: dict[str, Any]) -> dict[str, Any] | None:
    """The `noise` of a family, if the training that `test` reports is one of its repeats.

    Otherwise they are of other params, data or code, or were made on another processor, and may
    say nothing of this training.
    """
    measured = noise["metrics"].items() if noise else ()
    return noise if all(test.get(name) in known["values"] for name, known in measured) else None


def _section(title: str, content: str) -> list[str]:
    return [f"## {title}", content] if content else []


def _data(dataset: str) -> str:
    fetched = read_json(paths.dataset_metrics(dataset, "fetch"), Fetched)
    sizes = _split_sizes(dataset, fetched)
    listed = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
    return f"Source `{fetched['source']}`: {listed}. Terms: {fetched['licence']}."


def _split_sizes(dataset: str, fetched: dict[str, Any]) -> dict[str, int]:
    """Samples by split: counted by the stage `split`, or by `fetch`, as a whole or by class."""
    counted = paths.dataset_metrics(dataset, "split")
    if counted.exists():
        counts = read_json(counted, Divided)
        return {split: counts[split]["n"] for split in paths.SPLITS}
    return {
        split: sum(
            count
            for key, count in fetched.items()
            if key == split or (key.startswith(f"{split}_") and isinstance(count, int))
        )
        for split in paths.SPLITS
    }


def _choice(test: dict[str, Any], valid: dict[str, Any], row: families.Row) -> str:
    threshold = f", threshold {test['threshold']:g}" if "threshold" in test else ""
    rule = "`threshold`" if row.task == "binary" else "`select`"
    rules = f"the rules `filter` and {rule}" if row.kept == "filter.json" else f"the rule {rule}"
    return (
        f"Epoch {test['epoch']}{threshold}: by {rules} of params.yaml, on {valid['n']:,} samples of"
        f" valid. The {test['n']:,} of test were read after that."
    )


def _metrics(
    test: dict[str, Any], valid: dict[str, Any], task: families.Task, noise: dict[str, Any] | None
) -> str:
    seeds = f"mean ± deviation of {noise['repeats']} seeds" if noise else ""
    lines = [f"| metric | test [95 %] | valid |{f' test, {seeds} |' if seeds else ''}"]
    lines.append("| --- | --- | --- |" + (" --- |" if seeds else ""))
    for name in SHOWN[task]:
        if name not in test:
            continue
        # A small number, such as a squared error, to three digits.
        digits = 3 if abs(test[name]) >= 0.01 else 5
        low, high = test.get("ci95", {}).get(name, (None, None))
        interval = f" [{low:.{digits}f}, {high:.{digits}f}]" if low is not None else ""
        other = _number(valid[name], digits) if name in valid else ""
        line = f"| {name} | {_number(test[name], digits)}{interval} | {other} |"
        if noise:
            known = noise["metrics"].get(name)
            spread = f" {known['mean']:.{digits}f} ± {known['std']:.{digits}f}" if known else ""
            line += f"{spread} |"
        lines.append(line)
    return "\n".join(lines)


def _number(value: float, digits: int) -> str:
    """A count as it is, another number with so many `digits` behind its point."""
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _slices(test: dict[str, Any]) -> str:
    slices = test.get("slices", [])
    if not slices:
        return ""
    columns = [name for name in slices[0] if name not in ("by", "slice", "n")]
    lines = [f"| slice | n | {' | '.join(columns)} |", "| --- |" + " --- |" * (len(columns) + 1)]
    for found in slices:
        values = (
            f"{found[name]:.3f}" if isinstance(found.get(name), float) else "" for name in columns
        )
        lines.append(
            f"| {found['by']}: {escape(found['slice'])} | {found['n']} | {' | '.join(values)} |"
        )
    return "\n".join(lines)


def _weights(test: dict[str, Any]) -> str:
    weights = test.get("weights", {})
    if not weights:
        return ""
    lines = ["| member | weight of its logit |", "| --- | --- |"]
    lines += [f"| {name} | {weight:.3f} |" for name, weight in weights.items()]
    return "\n".join(lines)


def _classes(test: dict[str, Any]) -> str:
    classes = test.get("per_class", {})
    if not classes:
        return ""
    lines = ["| class | n | precision | recall |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {escape(name)} | {found['n']} | {found['precision']:.3f} | {found['recall']:.3f} |"
        for name, found in classes.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the card of every family."""
    noise = training_noise.read()
    with replacing(paths.CARDS) as folder:
        folder.mkdir()
        for family, row in families.table().items():
            (folder / f"{family}.md").write_text(card(family, row, noise), encoding="utf-8")


if __name__ == "__main__":
    run(main)
