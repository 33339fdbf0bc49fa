"""Five epochs of transfer, the plain way against ours, on the same images.

The plain way applies the frozen base network to every image in every epoch; ours applies it once
and trains the new layers on the kept features. Both start from the same weights, read the images in
the same order in one process, and must end with the same probabilities.
"""

import time
from statistics import median
from typing import Annotated

import keras
import numpy as np
import typer

from benchmarks.rows import Measured, Row
from epochwise.core.cli import run
from epochwise.families.base import Transfer, load_base, with_preprocessing
from epochwise.families.head import LOSS, HeadFit, build_head, join
from epochwise.training import runtime
from epochwise.training.layers import optimizer

EPOCHS = 5
BATCH = 10
CLASSES = 2
SCORED = 256
"""Images that are scored at once."""
TOLERANCE = 1e-3
"""How far apart probabilities may be: sums of float32 in batches of other sizes differ."""
HEAD = HeadFit.model_validate(
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
            "translation": 0.0,
            "horizontal_flip": False,
        },
        "initializer": "glorot_uniform",
        "optimizer": {
            "name": "adam",
            "learning_rate": 1e-4,
            "clip_norm": None,
            "schedule": "constant",
            "average": 0.0,
        },
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "keep_epochs": None,
        "class_weight": None,
    }
)
"""The new layers and their training in the textbook."""


def synthesize(count: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (count, *shape) of noise, and their labels: class 1 is brighter."""
    random = np.random.default_rng(1)
    labels = random.integers(CLASSES, size=count)
    noise = random.integers(0, 200, size=(count, *shape), dtype=np.uint8)
    return noise + (50 * labels[:, None, None, None]).astype("uint8"), labels


def train(network: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Fit `network` to `inputs` (n, ...) for EPOCHS epochs."""
    network.compile(optimizer(HEAD.optimizer), LOSS)
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(labels))
        network.fit(inputs[order], labels[order], BATCH, shuffle=False, verbose=0)


def compare(base: keras.Model, count: int) -> dict[str, float]:
    """Seconds of the ways "plain" and "kept" on `count` images.

    Raises:
        ValueError: their probabilities for other images differ by more than TOLERANCE.
    """
    base.trainable = False
    inputs, labels = synthesize(count, base.input_shape[1:])
    start = build_head(HEAD, base.output_shape[-1], CLASSES)
    seconds, found = {}, {}
    # Whichever way comes first must not pay for the first call.
    base.predict(inputs[:BATCH], SCORED, verbose=0)
    for way in ("plain", "kept"):
        head = keras.models.clone_model(start)
        head.set_weights(start.get_weights())
        whole = join(base, head, HEAD.augmentation, frozen=True)
        started = time.perf_counter()
        if way == "plain":
            train(whole, inputs, labels)
        else:
            train(head, base.predict(inputs, SCORED, verbose=0), labels)
        seconds[way] = time.perf_counter() - started
        found[way] = whole.predict(inputs[::-1], SCORED, verbose=0)
    apart = np.abs(found["plain"] - found["kept"]).max()
    if apart > TOLERANCE:
        raise ValueError(f"probabilities differ by {apart}, more than {TOLERANCE}")
    return seconds


def make_base(name: str) -> keras.Model:
    """The base network called `name`, with random weights where it is not a file."""
    runtime.start(1)
    params = Transfer(base=name, weights=None, alpha=1.0, preprocessing=None, sha256=None)
    return with_preprocessing(*load_base(params))


def rows(base: str, images: int, repeats: int) -> list[Row]:
    """A row for all epochs, with the base network called `base`."""
    network = make_base(base)
    found = [compare(network, images) for _ in range(repeats)]
    ways = (Measured(median(seconds[way] for seconds in found)) for way in ("plain", "kept"))
    return [Row("transfer", f"{EPOCHS} epochs, {images} images, {base}", *ways)]


def main(
    base: Annotated[str, typer.Option(help="A name, or the path of a .keras file.")] = "mobilenet",
    images: Annotated[int, typer.Option(help="How many.")] = 1000,
) -> None:
    """Print both times and their ratio."""
    seconds = compare(make_base(base), images)
    ratio = seconds["kept"] / seconds["plain"]
    print(f"{base}, {images} images, {EPOCHS} epochs; equal results")
    print(f"plain {seconds['plain']:.1f} s, kept {seconds['kept']:.1f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    run(main)
