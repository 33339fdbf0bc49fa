"""The headline metrics of each task: what a comparison of two revisions is about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric: its key in test.json, its words, its decimals, and which way is better."""

    key: str
    title: str
    digits: int
    higher_is_better: bool


ROC_AUC = Metric("roc_auc", "ROC AUC", 3, higher_is_better=True)
BALANCED_ACCURACY = Metric("balanced_accuracy", "balanced accuracy", 3, higher_is_better=True)
ACCURACY = Metric("accuracy", "accuracy", 3, higher_is_better=True)
CROSS_ENTROPY = Metric("cross_entropy", "cross-entropy", 4, higher_is_better=False)
FRECHET = Metric("frechet", "Fréchet distance", 2, higher_is_better=False)

BINARY, MULTICLASS = "binary", "multiclass"
RECONSTRUCTION, GENERATION = "reconstruction", "generation"

HEADLINES = {
    BINARY: (ROC_AUC, BALANCED_ACCURACY),
    MULTICLASS: (ACCURACY,),
    RECONSTRUCTION: (CROSS_ENTROPY,),
    GENERATION: (FRECHET,),
}
"""Task to its headline metrics, the one that orders its families first."""

TITLES = {
    BINARY: "Reviews, positive or negative",
    MULTICLASS: "Images, one of several classes",
    RECONSTRUCTION: "Images through a code and back",
    GENERATION: "Images from noise",
}

FURTHER = {
    BINARY: ("accuracy", "recall_0", "recall_1", "log_loss", "threshold"),
    MULTICLASS: ("log_loss", "macro_precision", "macro_recall"),
    RECONSTRUCTION: ("mse", "psnr", "probe_accuracy", "pca_probe_accuracy"),
    GENERATION: ("classes_of_200",),
}
"""Further metrics on test that a leaderboard shows."""


def task_of(metrics: dict[str, object]) -> str | None:
    """The task that a family's test metrics are of, for revisions without families.yaml."""
    for task, headlines in HEADLINES.items():
        if all(metric.key in metrics for metric in headlines):
            return task
    return None
