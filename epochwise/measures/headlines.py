"""The headline metrics of each task: by what families and revisions are compared."""

from dataclasses import dataclass

from epochwise.measures.columns import LOWEST


@dataclass(frozen=True)
class Metric:
    """A metric: its key in test.json, its words, and its decimals."""

    key: str
    title: str
    digits: int

    @property
    def higher_is_better(self) -> bool:
        """Which way is better."""
        return self.key not in LOWEST


ROC_AUC = Metric("roc_auc", "ROC AUC", 3)
BALANCED_ACCURACY = Metric("balanced_accuracy", "balanced accuracy", 3)
RECALL_0 = Metric("recall_0", "recall 0", 3)
RECALL_1 = Metric("recall_1", "recall 1", 3)
ACCURACY = Metric("accuracy", "accuracy", 3)
CROSS_ENTROPY = Metric("cross_entropy", "cross-entropy", 4)
FRECHET = Metric("frechet", "Fréchet distance", 2)

BINARY, MULTICLASS = "binary", "multiclass"
RECONSTRUCTION, GENERATION = "reconstruction", "generation"

HEADLINES = {
    BINARY: (ROC_AUC, BALANCED_ACCURACY, RECALL_0, RECALL_1),
    MULTICLASS: (ACCURACY,),
    RECONSTRUCTION: (CROSS_ENTROPY,),
    GENERATION: (FRECHET,),
}
"""Task to its headline metrics, the one that orders its families first."""
TRADED = (RECALL_0, RECALL_1)
"""Of these, what a threshold buys with the other: more of one alone is no better model."""

TITLES = {
    BINARY: "Reviews, positive or negative",
    MULTICLASS: "Images, one of several classes",
    RECONSTRUCTION: "Images through a code and back",
    GENERATION: "Images from noise",
}
