"""New layers on a base network: what learns, in which phase, and from what."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochwise.core import params
from epochwise.families import base, head, scratch, transfer
from epochwise.inputs.images import Samples
from epochwise.training import runtime
from epochwise.training.phases import Phase
from tests.configuration import compose
from tests.epochwise.training.test_layers import STILL

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, size=(10, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(10) % 2
FLIP = {"augmentation": STILL | {"horizontal_flip": True}}


class Target:
    """The target data set in memory, with a base network of random weights."""

    classes = ("a", "b")

    def __init__(self) -> None:
        layers = keras.layers
        inputs = keras.Input((8, 8, 3))
        x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
        network = keras.Model(inputs, layers.Conv2D(5, 3, padding="same")(layers.ReLU()(x)))
        self.network = base.with_preprocessing(network, "tf")
        self.read_splits: list[str] = []

    def base(self) -> keras.Model:
        return self.network

    def features(self, split: str) -> Samples:
        return Samples(self.network.predict(IMAGES, 4, verbose=0), LABELS, np.arange(10))

    def read(self, split: str, shape: tuple[int, int, int]) -> Samples:
        assert shape == (8, 8, 3)
        self.read_splits.append(split)
        return Samples(IMAGES, LABELS, np.arange(10))


@pytest.fixture
def target() -> Any:
    runtime.start(seed=0)
    return Target()


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=source")["train"]


def section(family: Any, block: Any, **changes: Any) -> Any:
    return params.check({**block, **changes}, family.Params, "train")


def copies(network: keras.Model) -> list[np.ndarray]:
    return [weight.numpy().copy() for weight in network.weights]


def changed(before: list[np.ndarray], network: keras.Model) -> list[bool]:
    return [not np.array_equal(old, new) for old, new in zip(before, copies(network), strict=True)]


def fit(phases: list[Phase], network: keras.Model) -> list[list[bool]]:
    """Which weights of `network` each phase changes, fitted in turn."""
    for phase in phases:
        phase.prepare()
        phase.network.optimizer.build(phase.network.trainable_variables)
    found = []
    for phase in phases:
        before = copies(network)
        phase.prepare()
        phase.network.fit(phase.inputs, LABELS, verbose=0)
        found.append(changed(before, network))
    return found


def test_kept_features_give_what_the_whole_network_gives(target: Any, textbook: Any) -> None:
    (phase,), networks = transfer.phases(section(transfer, textbook["transfer"]), target)
    assert phase.scored is networks["head"] and phase.network.layers == phase.scored.layers
    assert target.read_splits == [], "the images need not be read"
    found = phase.scored.predict(phase.score_inputs["valid"], verbose=0)
    np.testing.assert_allclose(found, networks[""].predict(IMAGES, verbose=0), atol=1e-6)


def test_a_frozen_base_stays_as_it_is(target: Any, textbook: Any) -> None:
    new = section(transfer, textbook["transfer"], **FLIP)
    (phase,), networks = transfer.phases(new, target)
    assert phase.network is networks[""]
    before = copies(networks["head"])
    (base_changed,) = fit([phase], target.network)
    assert not any(base_changed)
    assert all(changed(before, networks["head"]))


def test_the_base_learns_in_the_second_phase_alone(target: Any, textbook: Any) -> None:
    tuned = {"fine_tune": {"layers": 1, "epochs": 1, "learning_rate": 0.01}}
    phases, _ = transfer.phases(section(transfer, textbook["transfer"], **FLIP, **tuned), target)
    last = [weight.shape[-1] == 5 for weight in target.network.weights]
    assert fit(phases, target.network) == [[False] * len(last), last]
    assert float(phases[1].network.optimizer.learning_rate) == pytest.approx(0.01)


def test_only_the_last_layers_are_unfrozen_and_no_batch_normalization(target: Any) -> None:
    frozen = target.network
    for count, expected in ((1, [5]), (2, [4, 5]), (9, [4, 5])):
        transfer.train_last_layers(frozen, count)
        filters = [weight.shape[-1] for weight in frozen.trainable_weights if weight.ndim == 4]
        assert filters == expected
        assert all(weight.ndim in (1, 4) for weight in frozen.trainable_weights)
        assert len(frozen.trainable_weights) == 2 * len(expected)


def test_scratch_learns_all_of_it_from_other_weights(target: Any, textbook: Any) -> None:
    (phase,), networks = scratch.phases(section(scratch, textbook["scratch"]), target)
    assert phase.network is phase.scored is networks[""]
    assert networks[""].count_params() == target.network.count_params() + sum(
        weight.numpy().size for weight in networks["head"].weights
    )
    kernels = [weight for weight in networks[""].weights if weight.ndim == 4]
    started = [weight for weight in target.network.weights if weight.ndim == 4]
    for ours, theirs in zip(kernels, started, strict=True):
        assert not np.array_equal(ours, theirs)
    before = copies(target.network)
    (all_changed,) = fit([phase], networks[""])
    assert all(all_changed)
    assert not any(changed(before, target.network)), "the base network is another family's"


def test_a_head_without_dropout_has_none(textbook: Any) -> None:
    for dropout, count in ((0.0, 0), (0.5, 2)):
        made = head.build_head(section(scratch, textbook["scratch"], dropout=dropout), 7, 2)
        assert sum(isinstance(layer, keras.layers.Dropout) for layer in made.layers) == count
        assert (made.input_shape, made.output_shape) == ((None, 7), (None, 2))


def test_the_textbook_tunes_nothing(textbook: Any, tmp_path: Path) -> None:
    assert section(transfer, textbook["transfer"]).fine_tune.epochs == 0
