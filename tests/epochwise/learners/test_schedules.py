"""Every learner gives its optimizer the steps that it takes, and words the optimizer asked for."""

from pathlib import Path
from typing import Any, TypeAlias

import keras
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.families import cnn
from epochwise.families import gan as adversaries
from epochwise.learners import autoencoder, classifier, text
from epochwise.training import keras_file, runtime
from epochwise.training.layers import schedule
from epochwise.training.lazy import LazyAdamax
from tests import image_data
from tests.epochwise import review_project

Given: TypeAlias = list[tuple[keras.Optimizer, int]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """The optimizers of a training, and in how many steps the learning rate of each may fall."""
    found: Given = []

    def noted(made: keras.Optimizer, params: Any, steps: int) -> None:
        schedule(made, params, steps)
        found.append((made, steps))

    for module in (text, classifier, autoencoder, adversaries):
        monkeypatch.setattr(module, "schedule", noted)
    return found


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with 24 digits of train, and with a cnn that has been chosen."""
    image_data.make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    image_data.write_digits("train", "valid")
    runtime.start(seed=0)
    section: Any = families.load("cnn").read_params()
    for name, network in zip(
        ("model", "features"), cnn.build(section, image_data.CLASSES), strict=True
    ):
        keras_file.save(network, paths.chosen("cnn") / f"{name}.keras")


def check_last_step(name: str, given: Given, steps: int, **changes: Any) -> None:
    """Train the family `name` along a cosine, and make sure that this ends after `steps`."""
    family = families.load(name)
    section: Any = family.read_params()
    changes["optimizer"] = section.optimizer.model_copy(update={"schedule": "cosine"})
    learner = families.load_learner(family.row.learner)
    training = learner.prepare(family, section.model_copy(update=changes), seed=1)
    assert given and all(float(made.learning_rate) > 1e-4 for made, _ in given)
    for epoch in range(training.epochs):
        training.fit(epoch)
    for made, expected in given:
        assert int(made.iterations) == expected == steps
        assert float(made.learning_rate) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "steps", "changes"),
    [
        ("cnn", 2 * 3, {"epochs": 2, "batch_size": 10}),
        ("autoencoder", 2 * 3, {"epochs": 2, "batch_size": 10}),
        ("gan", 2 * 3 * 2, {"epochs": 2, "steps_per_epoch": 3}),
    ],
)
def test_the_learning_rate_of_images_falls_until_the_last_step(
    name: str, steps: int, changes: dict[str, Any], digits: None, given: Given
) -> None:
    check_last_step(name, given, steps, **changes)


def test_the_learning_rate_of_reviews_falls_until_as_many_have_been_shown(
    tmp_path: Path, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two epochs of 60 reviews, and not in three."""
    review_project.make_project(tmp_path, monkeypatch)
    check_last_step("transformer", given, 2 * 3, epochs=3, shown=1, batch_size=25)


@pytest.mark.parametrize(
    ("updates", "kind"), [("touched", LazyAdamax), ("all", keras.optimizers.Adamax)]
)
def test_vectors_of_words_that_a_batch_lacks_are_left_alone_if_params_say_so(
    updates: str, kind: type, tmp_path: Path, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    review_project.make_project(tmp_path, monkeypatch)
    family = families.load("transformer")
    section = family.read_params().model_copy(update={"embedding_updates": updates})
    text.prepare(family, section, seed=1)
    ((made, _),) = given
    assert type(made) is kind
