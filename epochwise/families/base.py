"""Base networks of the family transfer: images of 0 to 255 in, features out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np
from keras.applications.imagenet_utils import preprocess_input
from pydantic import PositiveFloat, field_validator, model_validator

from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256
from epochwise.core.params import Section, suggest
from epochwise.data.download import Sha256
from epochwise.families import cnn
from epochwise.inputs.images import MODES, Samples
from epochwise.training import batches, keras_file, streams
from epochwise.training.steps import Predictor, Rows

Preprocessing = Literal["caffe", "tf", "torch", "unit", "none"]
SIDE = 224
"""Height and width of images for a network that takes any."""


class Transfer(Section):
    """`transfer` in params.yaml.

    `base` is digits (the family cnn, trained here), one of NAMED, or the path of a `.keras` file
    without its last layer. `weights` of a named one are imagenet, a file of weights, or null for
    random ones; `alpha` is mobilenet's width. `preprocessing` is the network's preprocessing mode,
    by Keras's names, or unit (0 to 1), or none; null is the named network's own, and caffe for a
    file. `sha256` (null: any) is that of the file of `base` or of `weights`, so that the pipeline
    notices another one.
    """

    base: str
    weights: str | None
    alpha: PositiveFloat
    preprocessing: Preprocessing | None
    sha256: Sha256 | None

    @model_validator(mode="after")
    def _fits_the_base(self) -> Self:
        if self.alpha != 1 and self.base != "mobilenet":
            raise ValueError(f"alpha is for base: mobilenet, found {self.base}: set it to 1.0")
        if self.preprocessing is not None and self.base == "digits":
            raise ValueError("base: digits has a preprocessing of its own: set preprocessing: null")
        return self

    @model_validator(mode="after")
    def _reads_all(self) -> Self:
        if self.weights not in (None, "imagenet") and self.base not in NAMED:
            raise ValueError(f"weights are for a base of {', '.join(NAMED)}: set weights: null")
        of_file = self.base.endswith(".keras") or Path(self.weights or "imagenet").suffix
        if self.sha256 is not None and not of_file:
            raise ValueError("sha256 is for a file of base or of weights: set sha256: null")
        return self

    @field_validator("base")
    @classmethod
    def _is_known(cls, base: str) -> str:
        known = ("digits", *NAMED)
        if base not in known and Path(base).suffix != ".keras":
            raise ValueError(
                f"expected {', '.join(known)}, or the path of a .keras file{suggest(base, known)}"
            )
        return base


def _vgg16(params: Transfer) -> keras.Model:
    whole = keras.applications.VGG16(weights=params.weights)
    return keras.Model(whole.inputs, whole.get_layer("fc2").output)


def _resnet50(params: Transfer) -> keras.Model:
    return keras.applications.ResNet50(
        weights=params.weights, include_top=False, input_shape=(224, 224, 3)
    )


def _inception_v3(params: Transfer) -> keras.Model:
    return keras.applications.InceptionV3(
        weights=params.weights, include_top=False, input_shape=(299, 299, 3)
    )


def _mobilenet(params: Transfer) -> keras.Model:
    return keras.applications.MobileNet(
        weights=params.weights, include_top=False, input_shape=(224, 224, 3), alpha=params.alpha
    )


NAMED: dict[str, tuple[Callable[[Transfer], keras.Model], Preprocessing]] = {
    "vgg16": (_vgg16, "caffe"),
    "resnet50": (_resnet50, "caffe"),
    "inception_v3": (_inception_v3, "tf"),
    "mobilenet": (_mobilenet, "tf"),
}
"""How each is built, and its preprocessing mode."""


def load_base(params: Transfer) -> tuple[keras.Model, Preprocessing]:
    """The network that `base` names or the file holds, and its preprocessing mode.

    Raises:
        InputError: there is no such name or file, its weights cannot be had, or its SHA-256 is
            another.
    """
    if params.base not in NAMED:
        return _from_file(params), params.preprocessing or "caffe"
    make, preprocessing = NAMED[params.base]
    if params.weights and Path(params.weights).is_file():
        _check_sha256(Path(params.weights), params)
    try:
        network = make(params)
    except Exception as error:  # Keras raises a plain one where it cannot download
        raise InputError(
            f"transfer.base '{params.base}' with transfer.weights '{params.weights}':"
            f" {' '.join(str(error).split())}: connect to the internet, or give a file of weights"
        ) from None
    return network, params.preprocessing or preprocessing


def _from_file(params: Transfer) -> keras.Model:
    path = Path(params.base)
    if not path.is_file():
        raise InputError(f"transfer.base is '{path}': there is no such file")
    _check_sha256(path, params)
    network = keras_file.load(path)
    reads, gives = (getattr(network, f"{side}_shape", None) for side in ("input", "output"))
    if not (isinstance(reads, tuple) and len(reads) == 4 and reads[3] in MODES):
        raise InputError(f"{path} reads {reads}, expected images (n, height, width, 1 or 3)")
    if not (isinstance(gives, tuple) and len(gives) in (2, 4)):
        raise InputError(f"{path} gives {gives}, expected features (n, d) or (n, h, w, d)")
    return network


def _check_sha256(path: Path, params: Transfer) -> None:
    if params.sha256 not in (None, found := file_sha256(path)):
        raise InputError(f"{path}: its SHA-256 is {found}, transfer.sha256 is {params.sha256}")


def train_on_digits(
    params: cnn.Params, images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[keras.Model, Preprocessing]:
    """The convolutions of the cnn, trained on `images` (n, 28, 28, 1) of 0 to 1 and `labels` (n,).

    At a constant learning rate, whatever the schedule of `params`, and every image counts alike.

    Raises:
        InputError: there are no images.
    """
    if not len(labels):
        raise InputError(
            "transfer.base is 'digits', which needs target.source digits_transfer: expected"
            f" {', '.join(NAMED)}, or the path of a .keras file"
        )
    (phase,), kept = cnn.phases_of(params, int(labels.max()) + 1, {"train": images})
    phase.network.optimizer.build(phase.network.trainable_variables)
    for epoch in range(phase.epochs):
        random = streams.generator("epoch", seed, epoch)
        shuffled = batches.shuffled(len(labels), params.batch_size, random)
        phase.trainer.epoch((images, labels), shuffled)
    network = kept[""]
    (flat,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Flatten))
    # From the first convolution on: what augments images stays behind.
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    return keras.Model(first.input, flat.output), "unit"


def with_preprocessing(network: keras.Model, preprocessing: Preprocessing) -> keras.Model:
    """`network` behind its preprocessing, and before an average over places if it has places.

    Reads images (n, h, w, channels), red first, values from 0 to 255; gives features (n, d).

    Raises:
        InputError: the preprocessing is for more channels.
    """
    height, width, channels = network.input_shape[1:]
    if channels == 1 and preprocessing in ("caffe", "torch"):
        raise InputError(
            f"the base network reads images of 1 channel, and preprocessing {preprocessing} is for"
            " 3: set transfer.preprocessing to unit, tf or none, as the network was trained"
        )
    inputs = keras.Input((height or SIDE, width or SIDE, channels))
    features = network(preprocess(inputs, preprocessing))
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, features, name="base")


def preprocess(images: Any, preprocessing: Preprocessing) -> Any:
    """Images (n, h, w, channels) of 0 to 255 as `keras.applications` prepares them."""
    match preprocessing:
        case "unit":
            return keras.layers.Rescaling(1 / 255)(images)
        case "none":
            return images
        case mode:
            return preprocess_input(images, data_format="channels_last", mode=mode)


def features(base: keras.Model, samples: Samples[Rows]) -> Samples[np.ndarray]:
    """`samples` with what `base` makes of their images, float32 (n, d), as inputs."""
    return Samples(Predictor(base).predict(samples.inputs), samples.labels, samples.ids)
