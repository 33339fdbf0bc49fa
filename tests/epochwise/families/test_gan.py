"""The two networks of the gan learn what they should, each in its own update alone."""

from pathlib import Path

import keras
import numpy as np
import pytest

from epochwise.core import params
from epochwise.families import gan
from epochwise.training import runtime
from tests.configuration import compose

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(-1, 1, (12, gan.PIXELS)).astype("float32")


@pytest.fixture
def adversaries(tmp_path: Path) -> gan.Adversaries:
    runtime.start(seed=0)
    block = compose(tmp_path / "params.yaml", "budget=source")["train"]["gan"]
    block |= {"generator": [8], "discriminator": [8], "noise_size": 4}
    block |= {"instance_noise": 0.1, "optimizer": block["optimizer"] | {"average": 0.9}}
    return gan.build(params.check(block, gan.Params, "train.gan"))


def weights(network: keras.Model) -> list[np.ndarray]:
    return [weight.numpy().copy() for weight in network.trainable_weights]


def moved(before: list[np.ndarray], network: keras.Model) -> bool:
    changed = [
        not np.array_equal(old, new) for old, new in zip(before, weights(network), strict=True)
    ]
    assert len(set(changed)) == 1, "some weights move, others do not"
    return changed[0]


def test_the_discriminator_moves_in_its_own_update_alone(adversaries: gan.Adversaries) -> None:
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    adversaries.update_discriminator(IMAGES, 1.0, [1, 2])
    assert moved(before[0], adversaries.discriminator)
    assert not moved(before[1], adversaries.generator)
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    adversaries.update_generator(RANDOM.standard_normal((12, 4), "float32"), [1, 2])
    assert not moved(before[0], adversaries.discriminator)
    assert moved(before[1], adversaries.generator)


def test_a_step_trains_both_and_averages_the_generator(adversaries: gan.Adversaries) -> None:
    start = [weight.numpy().copy() for weight in adversaries.averaged.weights]
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    noise = RANDOM.standard_normal((3, 12, 4), "float32")
    losses = adversaries.step(IMAGES, noise, np.ones((4, 2), "int64")).numpy()
    assert losses.shape == (2,) and np.isfinite(losses).all()
    assert moved(before[0], adversaries.discriminator)
    assert moved(before[1], adversaries.generator)
    decay = adversaries.average
    ends = (weight.numpy() for weight in adversaries.generator.weights)
    for old, new, mean in zip(start, ends, adversaries.averaged.weights, strict=True):
        np.testing.assert_allclose(mean.numpy(), decay * old + (1 - decay) * new, atol=1e-6)


def test_real_is_1_and_generated_0_in_two_updates_of_each(adversaries: gan.Adversaries) -> None:
    """A discriminator that tells white images from generated grey ones loses nothing by it."""
    first, last = (x for x in adversaries.discriminator.layers if isinstance(x, keras.layers.Dense))
    first.kernel.assign(np.full(first.kernel.shape, 1 / gan.PIXELS))
    last.kernel.assign(np.full(last.kernel.shape, 18 / last.kernel.shape[0]))
    last.bias.assign([-9.0])
    grey = adversaries.generator.layers[-1]
    grey.kernel.assign(np.zeros(grey.kernel.shape))
    noise = RANDOM.standard_normal((3, 12, 4), "float32")
    losses = adversaries.step(np.ones_like(IMAGES), noise, np.ones((4, 2), "int64")).numpy()
    np.testing.assert_allclose(losses, [0, 9], atol=0.2)
    updates = {name: int(made.iterations) for name, made in adversaries.optimizers.items()}
    assert updates == {"generator": 2, "discriminator": 2}


def test_a_falling_learning_rate_ends_with_the_last_step(tmp_path: Path) -> None:
    block = compose(tmp_path / "params.yaml", "budget=smoke")["train"]["gan"]
    block |= {"epochs": 2, "steps_per_epoch": 3}
    block["optimizer"] |= {"schedule": "cosine"}
    runtime.start(seed=0)
    made = gan.build(params.check(block, gan.Params, "train.gan"))
    noise = np.zeros((3, 12, block["noise_size"]), "float32")
    for step in range(6):
        before = weights(made.discriminator)
        made.step(IMAGES, noise, np.ones((4, 2), "int64"))
        assert moved(before, made.discriminator), step
    for optimizer in made.optimizers.values():
        assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-9)


def test_the_state_holds_both_networks_the_average_and_both_optimizers(
    adversaries: gan.Adversaries,
) -> None:
    state = {id(variable) for variable in adversaries.variables}
    networks = (adversaries.generator, adversaries.averaged, adversaries.discriminator)
    for part in (*networks, *adversaries.optimizers.values()):
        assert {id(variable) for variable in part.variables} <= state
    assert len(adversaries.optimizers) == 2
