"""What is measured of a task: the columns of its epoch tables, and the numbers of its reports."""


def _of_splits(*names: str, apart: tuple[str, ...]) -> list[str]:
    """`names` of train and of valid, and how far the two are `apart`."""
    measured = [f"{split}_{name}" for name in names for split in ("train", "valid")]
    return [*measured, *(f"diff_{name}" for name in apart)]


BY_CLASS = ("precision_0", "recall_0", "precision_1", "recall_1")
EPOCHS = {
    "binary": _of_splits("loss", "roc_auc", *BY_CLASS, apart=("recall_0", "recall_1")),
    "multiclass": _of_splits("loss", "accuracy", apart=("loss", "accuracy")),
    "reconstruction": _of_splits("loss", "mse", "psnr", apart=("loss",)),
    "generation": ["discriminator_loss", "generator_loss", "valid_frechet", "classes"],
}
"""The columns of the epoch tables, by task."""


def falls(column: str) -> bool:
    """Whether less is better in this column of an epoch table."""
    return column.startswith("diff_") or not column.endswith(("accuracy", "psnr", "classes"))


LOSSES = {
    task: list(filter(falls, measured)) for task, measured in EPOCHS.items() if task != "binary"
}
"""The columns of which `select` can take the lowest, by task: less is better there."""
REPORTS = {
    "binary": [
        *("accuracy", "balanced_accuracy", "log_loss", "roc_auc", *BY_CLASS),
        "calibration_error",
    ],
    "multiclass": [
        *("accuracy", "log_loss", "macro_precision", "macro_recall"),
        *("micro_precision", "micro_recall", "calibration_error"),
    ],
    "reconstruction": ["cross_entropy", "mse", "psnr"],
    "generation": ["frechet"],
}
"""The numbers by which `champion` can choose a family, by task."""
COMPARED = {name for names in REPORTS.values() for name in names}
"""The same of all tasks."""
LOWEST = {"calibration_error", "cross_entropy", "frechet", "log_loss", "mse"}
"""The numbers of reports of which less is better."""
