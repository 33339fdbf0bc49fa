"""What a code is worth: how well a linear classifier reads classes from it, beside PCA."""

import numpy as np

from stages.images.digits import Samples


def probe(train: Samples, test: Samples, codes: dict[str, np.ndarray]) -> dict[str, float | int]:
    """Accuracy on test of logistic regression on codes (n, d), and on as many components of PCA.

    Returns:
        `code_size`, `probe_accuracy`, `pca_size` (fewer where there are fewer pictures),
        `pca_probe_accuracy`, and the squared error `pca_mse` of its reconstructions.
    """
    from sklearn.decomposition import PCA

    size = codes["train"].shape[1]
    flat = {name: x.reshape(len(x), -1) for name, x in (("train", train[0]), ("test", test[0]))}
    pca = PCA(min(size, *flat["train"].shape), svd_solver="full").fit(flat["train"])
    projected = {name: pca.transform(x) for name, x in flat.items()}
    restored = pca.inverse_transform(projected["test"])
    return {
        "code_size": size,
        "probe_accuracy": _accuracy(codes, train.labels, test.labels),
        "pca_size": int(pca.n_components_),
        "pca_probe_accuracy": _accuracy(projected, train.labels, test.labels),
        "pca_mse": float(np.square(restored - flat["test"]).mean(dtype="float64")),
    }


def _accuracy(codes: dict[str, np.ndarray], train: np.ndarray, test: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(model.fit(codes["train"], train).score(codes["test"], test))
