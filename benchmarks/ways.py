"""Two ways to train a family: the project's own, and plain Keras as its guides have it.

The plain way gives arrays to `fit` and to `predict`, sequences padded to the length that ours reads
at most, images as they are; with Keras's defaults but for the batch size of `fit` and the class of
the optimizer, which are those of the family. `transfer` applies its frozen base to every image,
and the gan calls `train_on_batch`.
"""

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from benchmarks import work
from benchmarks.rows import timed
from epochwise import families
from epochwise.core import params as sections
from epochwise.families import Family
from epochwise.inputs import images
from epochwise.inputs.reviews.network import (
    SequenceParams,
    choose_inputs,
    read_prepared,
)
from epochwise.inputs.reviews.sequences import Sequences
from epochwise.learners.autoencoder import scored_inputs
from epochwise.training import keras_file, streams
from epochwise.training.layers import sample_weights

SEED = 1
SPLITS = ("train", "valid")
Name = Literal["plain", "ours"]


class Way(NamedTuple):
    """A way to train: an epoch of it, and how many operations of matrices that takes."""

    epoch: Callable[[], object]
    operations: float


def matrix_peak(side: int) -> float:
    """The operations a second of a product of matrices of `side` rows: the best of ten."""
    matrix = keras.random.normal((side, side), seed=SEED)
    seconds = min(timed(lambda: keras.ops.matmul(matrix, matrix))[1] for _ in range(10))
    return 2 * side**3 / seconds


def prepare(name: str, way: Name) -> Way:
    """The training of the family `name`, in the project of the working directory."""
    family = families.load(name)
    params: Any = family.read_params()
    return ours(family, params) if way == "ours" else PLAIN[family.row.learner](family, params)


def ours(family: Family, params: Any) -> Way:
    """The epochs of the family's own training; checkpoints do not count."""
    training = families.load_learner(family.row.learner).prepare(family, params, SEED)

    def epoch() -> None:
        training.fit(0)
        training.score(0)

    networks = training.networks
    match family.row.learner:
        case "text":
            operations = work.epoch(networks[""], *_words(params))
        case "gan":
            *_, judge = networks[""].layers
            operations = _operations_of_gan(params, networks["generator"], judge)
        case _:
            # The base of transfer does not learn: its features are kept.
            network = networks["head" if family.name == "transfer" else ""]
            data = images.dataset(family.row.dataset)
            operations = work.epoch(network, *(np.ones(len(data.labels(s))) for s in SPLITS))
    return Way(epoch, operations)


def _words(params: Any) -> list[np.ndarray]:
    """How many words are read of each review of train and valid, padding among them if it is."""
    inputs = choose_inputs(params)
    read = [read_prepared(inputs, split)[1] for split in SPLITS]
    return [
        x.sizes if isinstance(x, Sequences) and x.cut.trim else np.full(len(x), x.shape[1])
        for x in read
    ]


def _plain_text(family: Family, params: Any) -> Way:
    if isinstance(params, SequenceParams):
        params = params.model_copy(update={"trim": False, "embedding_updates": "all"})
    inputs = choose_inputs(params)
    read = {split: read_prepared(inputs, split) for split in SPLITS}
    x = {split: np.asarray(prepared[:]) for split, (_, prepared) in read.items()}
    y = read["train"][0]["label"].to_numpy()
    network = family.module.build(inputs.params, inputs.vectors(x["train"]))
    network.compile(params.optimizer.name, "binary_crossentropy")
    weights = sample_weights(y, params.class_weight)
    epoch = _fit_and_predict(network, (x["train"], y, weights), params.batch_size, x)
    return Way(epoch, work.epoch(network, *_words(params)))


def _plain_classifier(family: Family, params: Any) -> Way:
    data = images.dataset(family.row.dataset)
    network = family.module.phases(params, data)[1][""]
    network.compile(params.optimizer.name, "sparse_categorical_crossentropy")
    samples = {split: data.read(split, network.input_shape[1:]) for split in SPLITS}
    x = {split: np.asarray(read.inputs[:]) for split, read in samples.items()}
    y = samples["train"].labels
    weights = sample_weights(y, params.class_weight)
    epoch = _fit_and_predict(network, (x["train"], y, weights), params.batch_size, x)
    return Way(epoch, work.epoch(network, *(np.ones(len(x[split])) for split in SPLITS)))


def _plain_autoencoder(family: Family, params: Any) -> Way:
    data = images.Digits()
    network = family.module.build(params)[""]
    network.compile(params.optimizer.name, "binary_crossentropy")
    clean = {split: data.read(split, network.input_shape[1:]).inputs for split in SPLITS}
    x = {split: scored_inputs(clean[split], split, params, SEED) for split in SPLITS}
    epoch = _fit_and_predict(network, (x["train"], clean["train"]), params.batch_size, x)
    return Way(epoch, work.epoch(network, *(np.ones(len(x[split])) for split in SPLITS)))


def _fit_and_predict(
    network: keras.Model, train: tuple[np.ndarray, ...], size: int, x: dict[str, np.ndarray]
) -> Callable[[], None]:
    inputs, targets, *weights = train

    def epoch() -> None:
        network.fit(inputs, targets, size, sample_weight=weights[0] if weights else None, verbose=0)
        for split in SPLITS:
            network.predict(x[split], verbose=0)

    return epoch


def _plain_gan(family: Family, params: Any) -> Way:
    made = family.module.build(params)
    generator, discriminator = made.generator, made.discriminator
    noise = keras.Input((params.noise_size,))
    combined = keras.Model(noise, discriminator(generator(noise)))
    for network in (discriminator, combined):
        network.compile(params.optimizer.name, "binary_crossentropy")
    judges = [keras_file.load(Path(family.row.pretrained, f"{name}.keras")) for name in JUDGES]
    real = images.Digits().read("train").inputs.reshape(-1, 28 * 28) * 2 - 1
    random = streams.generator("epoch", SEED, 0)
    ones, zeros = np.ones((params.batch_size, 1)), np.zeros((params.batch_size, 1))

    def draw(count: int) -> np.ndarray:
        return random.standard_normal((count, params.noise_size), "float32")

    def epoch() -> None:
        for _ in range(params.steps_per_epoch):
            drawn = generator.predict_on_batch(draw(params.batch_size))
            # Each network keeps the variables that learn when its first batch is trained.
            discriminator.trainable = True
            discriminator.train_on_batch(real[random.integers(len(real), size=len(ones))], ones)
            discriminator.train_on_batch(drawn, zeros)
            discriminator.trainable = False
            for _ in range(2):
                combined.train_on_batch(draw(params.batch_size), ones)
        drawn = generator.predict(draw(params.measured), verbose=0).reshape(-1, 28, 28, 1)
        for judge in judges:
            judge.predict(drawn, verbose=0)

    return Way(epoch, _operations_of_gan(params, generator, discriminator))


JUDGES = ("features", "model")
PLAIN: dict[str, Callable[[Family, Any], Way]] = {
    "text": _plain_text,
    "classifier": _plain_classifier,
    "autoencoder": _plain_autoencoder,
    "gan": _plain_gan,
}


def _operations_of_gan(params: Any, generator: keras.Model, judge: keras.Model) -> float:
    """Of the steps of an epoch alone: the discriminator learns twice, the generator twice.

    The gradient of the generator goes through the discriminator, which does not learn from it.
    """
    draws = work.operations(generator, 1)
    judges = work.operations(judge, 1)
    step = draws + 2 * 3 * judges + 2 * (3 * draws + 2 * judges)
    return float(params.steps_per_epoch * params.batch_size * step)


def make_models(name: str) -> None:
    """Make what the family `name` starts from or is judged by, with random weights."""
    from epochwise.families import cnn
    from stages import base

    pretrained = Path(families.row(name).pretrained)
    if pretrained == Path("models/base"):
        with redirect_stdout(StringIO()):
            base.main()
    elif pretrained == Path("models/cnn"):
        whole, features = cnn.build(sections.read("train.cnn", cnn.Params), 10)
        for file, network in (("model", whole), ("features", features)):
            pretrained.mkdir(parents=True, exist_ok=True)
            keras_file.save(network, pretrained / f"{file}.keras")
