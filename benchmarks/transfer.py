"""Five epochs of transfer, the plain way against ours, on the same pictures.

The plain way runs the frozen base on every picture in every epoch; ours runs it once and trains the
new layers on the kept features. Both start from the same weights, read the pictures in the same
order in one process, and must end with the same probabilities.
"""

import argparse
import time

import keras
import numpy as np

from stages.images.base import Transfer, load_trunk, with_preprocessing
from stages.images.classifier import predict
from stages.images.transfer import TransferFit, build_head, join
from stages.training import runtime
from stages.training.choices import optimizer

EPOCHS = 5
BATCH = 10
CLASSES = 2
TOLERANCE = 1e-3
"""How far apart probabilities may be: sums of float32 in batches of other sizes differ."""
HEAD = TransferFit.model_validate(
    {
        "units": [100, 50],
        "dropout": 0.0,
        "activation": "relu",
        "normalization": "none",
        "augmentation": {
            "rotation": 0.0,
            "brightness": 0.0,
            "shear": 0.0,
            "zoom": 0.0,
            "horizontal_flip": False,
        },
        "fine_tune": {"layers": 0, "epochs": 0, "learning_rate": 1e-5},
        "initializer": "glorot_uniform",
        "optimizer": {"name": "adam", "learning_rate": 1e-4, "clip_norm": None},
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "keep_epochs": None,
        "class_weight": None,
    }
)
"""The new layers and their training in the source."""


def synthesize(count: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (count, *shape) of noise, and their labels: class 1 is brighter."""
    random = np.random.default_rng(1)
    labels = random.integers(CLASSES, size=count)
    noise = random.integers(0, 200, size=(count, *shape), dtype=np.uint8)
    return noise + (50 * labels[:, None, None, None]).astype("uint8"), labels


def train(network: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Fit `network` to `inputs` (n, ...) for EPOCHS epochs."""
    network.compile(optimizer(HEAD.optimizer), "sparse_categorical_crossentropy")
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(labels))
        network.fit(runtime.batches((inputs, labels), BATCH, order), shuffle=False, verbose=0)


def compare(base: keras.Model, count: int) -> dict[str, float]:
    """Seconds of the ways "plain" and "kept" on `count` pictures.

    Raises:
        ValueError: their probabilities for other pictures differ by more than TOLERANCE.
    """
    base.trainable = False
    inputs, labels = synthesize(count, base.input_shape[1:])
    start = build_head(HEAD, base.output_shape[-1], CLASSES)
    seconds, found = {}, {}
    predict(base, inputs[:BATCH])  # whichever way comes first must not pay for the first call
    for way in ("plain", "kept"):
        head = keras.models.clone_model(start)
        head.set_weights(start.get_weights())
        whole = join(base, head, HEAD.augmentation, frozen=True)
        started = time.perf_counter()
        if way == "plain":
            train(whole, inputs, labels)
        else:
            train(head, predict(base, inputs), labels)
        seconds[way] = time.perf_counter() - started
        found[way] = predict(whole, inputs[::-1])
    apart = np.abs(found["plain"] - found["kept"]).max()
    if apart > TOLERANCE:
        raise ValueError(f"probabilities differ by {apart}, more than {TOLERANCE}")
    return seconds


def load_base(name: str) -> keras.Model:
    """The base called `name`, with random weights where it is not a file."""
    runtime.start(1)
    section = Transfer(base=name, weights=None, alpha=1.0, preprocessing=None, sha256=None)
    return with_preprocessing(*load_trunk(section))


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.transfer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base", default="mobilenet", help="a name, or the path of a .keras file")
    parser.add_argument("--pictures", type=int, default=1000, help="how many (default: 1000)")
    arguments = parser.parse_args()
    seconds = compare(load_base(arguments.base), arguments.pictures)
    ratio = seconds["kept"] / seconds["plain"]
    print(f"{arguments.base}, {arguments.pictures} pictures, {EPOCHS} epochs; equal results")
    print(f"plain {seconds['plain']:.1f} s, kept {seconds['kept']:.1f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
