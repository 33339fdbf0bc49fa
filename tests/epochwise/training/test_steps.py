"""Training and predicting step by step is what Keras does, from memory and from elsewhere."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from epochwise.core.cli import InputError
from epochwise.training import runtime
from epochwise.training.steps import BATCH, Average, Predictor, Trainer, read_ahead

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.random((2 * BATCH + 7, 5), "float32")
LABELS = (INPUTS.sum(axis=1) > 2.5).astype("int64")
WEIGHTS = RANDOM.random(len(INPUTS), "float32")
COLUMNS = (INPUTS, LABELS, WEIGHTS)
ORDER = RANDOM.permutation(len(INPUTS))
SIZE = 100
BATCHES = [ORDER[start : start + SIZE] for start in range(0, len(ORDER), SIZE)]


class Elsewhere:
    """Samples that are not in memory, as files are not; knows which rows were read."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.shape, self.dtype = values.shape, values.dtype
        self.read: list[Any] = []

    def __getitem__(self, rows: Any) -> np.ndarray:
        self.read.append(rows)
        return self._values[rows]


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    runtime.start(seed=0)
    yield


def network() -> keras.Model:
    """The same network at every call, with dropout."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(8, "relu")(inputs)
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.5, seed=3)(x))
    made = keras.Model(inputs, keras.layers.Dense(2, "softmax")(x))
    made.compile("adam", "sparse_categorical_crossentropy")
    made.optimizer.build(made.trainable_variables)
    return made


def weights(made: keras.Model) -> list[np.ndarray]:
    return [weight.numpy() for weight in made.weights]


def test_an_epoch_is_an_epoch_of_keras() -> None:
    ours, theirs = network(), network()
    Trainer(ours).epoch(COLUMNS, BATCHES)
    inputs, labels, weighted = (column[ORDER] for column in COLUMNS)
    theirs.fit(inputs, labels, SIZE, sample_weight=weighted, shuffle=False, verbose=0)
    for left, right in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_an_epoch_ends_with_the_mean_of_the_weights_that_the_optimizer_keeps() -> None:
    ours, theirs = network(), network()
    for made in (ours, theirs):
        averaging = keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)
        made.compile(averaging, "sparse_categorical_crossentropy")
        averaging.build(made.trainable_variables)
    Trainer(ours).epoch(COLUMNS, BATCHES[:2])
    inputs, labels, weighted = (column[ORDER[: 2 * SIZE]] for column in COLUMNS)
    theirs.fit(inputs, labels, SIZE, sample_weight=weighted, shuffle=False, verbose=0)
    for left, right in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_an_epoch_gives_the_same_bytes_after_one_of_another_size() -> None:
    """A training that resumes has traced no graph of other batches before."""
    first, second = network(), network()
    start = [variable.numpy() for variable in (*second.variables, *second.optimizer.variables)]
    trainer = Trainer(second)
    trainer.epoch(COLUMNS, [ORDER[: SIZE + 1], ORDER[SIZE + 1 : -3]])
    for variable, value in zip(
        (*second.variables, *second.optimizer.variables), start, strict=True
    ):
        variable.assign(value)
    trainer.epoch(COLUMNS, BATCHES)
    Trainer(first).epoch(COLUMNS, BATCHES)
    for left, right in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(left, right)


def test_what_is_not_in_memory_is_trained_on_alike() -> None:
    first, second = network(), network()
    inputs = Elsewhere(INPUTS)
    Trainer(first).epoch(COLUMNS, BATCHES)
    Trainer(second).epoch((inputs, LABELS, WEIGHTS), BATCHES)
    for left, right in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(np.concatenate(inputs.read), ORDER)


def test_the_average_is_the_running_mean_of_the_weights_after_every_step() -> None:
    learns, mean = network(), network()
    trainer = Trainer(learns, Average(learns, mean, decay=0.3))
    expected = weights(mean)
    for step in range(1, 6):
        trainer.epoch(COLUMNS, BATCHES[:1])
        decay = min(0.3, (1 + step) / (10 + step))
        pairs = zip(expected, weights(learns), strict=True)
        expected = [decay * old + (1 - decay) * new for old, new in pairs]
    for left, right in zip(weights(mean), expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("inputs", [INPUTS, Elsewhere(INPUTS)], ids=["memory", "elsewhere"])
def test_predictions_are_those_of_the_network(inputs: Any) -> None:
    made = network()
    found = Predictor(made).predict(inputs)
    np.testing.assert_allclose(found, made(INPUTS, training=False), rtol=1e-5)
    np.testing.assert_array_equal(found, Predictor(made).predict(INPUTS))


def test_predictions_do_not_depend_on_the_order_of_reading() -> None:
    predictor = Predictor(network())
    found = predictor.predict(INPUTS, BATCHES)
    np.testing.assert_allclose(found, predictor.predict(INPUTS), rtol=1e-5)


def test_nothing_is_predicted_of_nothing() -> None:
    assert Predictor(network()).predict(INPUTS[:0]).shape == (0, 2)


def test_predictions_that_are_no_numbers_are_told() -> None:
    made = network()
    made.weights[-1].assign([0.0, np.inf])
    with pytest.raises(InputError, match=r"not a number: .* lower optimizer\.learning_rate"):
        Predictor(made).predict(INPUTS)


def test_only_one_part_is_read_ahead() -> None:
    values = Elsewhere(INPUTS)
    parts = [np.array([row]) for row in range(6)]
    for done, (found,) in enumerate(read_ahead([values], parts), start=1):
        np.testing.assert_array_equal(found, INPUTS[done - 1 : done])
        assert len(values.read) <= done + 1
