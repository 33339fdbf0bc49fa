"""Base networks of the family transfer: pictures of 0 to 255 in, features out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from pydantic import PositiveFloat

from stages.core import params
from stages.core.cli import InputError
from stages.core.files import file_sha256, read_arrays, replacing, write_arrays
from stages.core.params import Section
from stages.download import Sha256
from stages.families import cnn
from stages.images import pets
from stages.images.classifier import predict
from stages.images.digits import scaled
from stages.training import keras_file, runtime

Preprocessing = Literal["caffe", "tf", "torch", "unit", "none"]
ARRAYS = pets.FOLDER / "base.npz"
"""Digits for a base network to learn from."""
SIDE = 224
"""Height and width of pictures for a network that takes any."""
IMAGENET_MEANS = (0.485, 0.456, 0.406)
IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
CAFFE_MEANS = (103.939, 116.779, 123.68)
"""Of the channels blue, green and red."""


class Transfer(Section):
    """`transfer` in params.yaml.

    `base` is digits (the family cnn, trained here), one of NAMED, or the path of a `.keras` file
    without its last layer. `weights` of a named one are imagenet, a file of weights, or null for
    random ones; `alpha` is mobilenet's width. `preprocessing` is what the network expects, by
    Keras's names, or unit (0 to 1), or none; null is the named network's own, and caffe for a file.
    `sha256` (null: any) is that of the file, so that the pipeline notices another one.
    """

    base: str
    weights: str | None
    alpha: PositiveFloat
    preprocessing: Preprocessing | None
    sha256: Sha256 | None


def _vgg16(section: Transfer) -> keras.Model:
    whole = keras.applications.VGG16(weights=section.weights)
    return keras.Model(whole.inputs, whole.get_layer("fc2").output)


def _resnet50(section: Transfer) -> keras.Model:
    return keras.applications.ResNet50(
        weights=section.weights, include_top=False, input_shape=(224, 224, 3)
    )


def _inception_v3(section: Transfer) -> keras.Model:
    return keras.applications.InceptionV3(
        weights=section.weights, include_top=False, input_shape=(299, 299, 3)
    )


def _mobilenet(section: Transfer) -> keras.Model:
    return keras.applications.MobileNet(
        weights=section.weights, include_top=False, input_shape=(224, 224, 3), alpha=section.alpha
    )


NAMED: dict[str, tuple[Callable[[Transfer], keras.Model], Preprocessing]] = {
    "vgg16": (_vgg16, "caffe"),
    "resnet50": (_resnet50, "caffe"),
    "inception_v3": (_inception_v3, "tf"),
    "mobilenet": (_mobilenet, "tf"),
}
"""How each is built, and what its pictures want."""


def load_trunk(section: Transfer) -> tuple[keras.Model, Preprocessing]:
    """The network that `base` names or the file holds, and what its pictures want.

    Raises:
        InputError: there is no such name or file, or its weights cannot be had.
    """
    if section.base not in NAMED:
        return _from_file(section), section.preprocessing or "caffe"
    make, preprocessing = NAMED[section.base]
    try:
        trunk = make(section)
    except Exception as error:  # Keras raises a plain one where it cannot download
        raise InputError(
            f"transfer.base '{section.base}' with transfer.weights '{section.weights}':"
            f" {' '.join(str(error).split())}: connect to the internet, or give a file of weights"
        ) from None
    return trunk, section.preprocessing or preprocessing


def _from_file(section: Transfer) -> keras.Model:
    path = Path(section.base)
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(
            f"transfer.base in params.yaml is '{path}': expected digits, {', '.join(NAMED)}, or the"
            " path of a .keras file"
        )
    if section.sha256 not in (None, found := file_sha256(path)):
        raise InputError(f"{path}: its SHA-256 is {found}, transfer.sha256 is {section.sha256}")
    return keras_file.load(path)


def with_preprocessing(trunk: keras.Model, preprocessing: Preprocessing) -> keras.Model:
    """`trunk` behind its preprocessing, and before an average over places if it has places.

    Reads pictures (n, h, w, channels), red first, values from 0 to 255; gives features (n, d).
    """
    height, width, channels = trunk.input_shape[1:]
    inputs = keras.Input((height or SIDE, width or SIDE, channels))
    features = trunk(preprocess(inputs, preprocessing))
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, features, name="base")


def preprocess(pictures: Any, preprocessing: Preprocessing) -> Any:
    """Pictures (n, h, w, channels) of 0 to 255 as `keras.applications` prepares them."""
    rescaling = keras.layers.Rescaling
    match preprocessing:
        case "caffe":
            flipped = keras.ops.flip(pictures, axis=-1)
            return rescaling(1.0, offset=[-mean for mean in CAFFE_MEANS])(flipped)
        case "tf":
            return rescaling(1 / 127.5, offset=-1.0)(pictures)
        case "torch":
            pairs = list(zip(IMAGENET_MEANS, IMAGENET_DEVIATIONS, strict=True))
            scale = [1 / (255 * deviation) for _, deviation in pairs]
            return rescaling(scale, offset=[-mean / deviation for mean, deviation in pairs])(
                pictures
            )
        case "unit":
            return rescaling(1 / 255)(pictures)
        case "none":
            return pictures


def digits_trunk(seed: int) -> tuple[keras.Model, Preprocessing]:
    """The convolutions of the cnn of `train.cnn`, trained on the digits kept for it.

    Raises:
        InputError: the data set has none.
    """
    arrays = read_arrays(ARRAYS)
    pictures, labels = scaled(arrays["images"]), arrays["labels"]
    if not len(labels):
        raise InputError(
            "transfer.base in params.yaml is 'digits', which goes with pets.source digits_transfer"
            f" alone: expected {', '.join(NAMED)}, or the path of a .keras file"
        )
    section = params.read("train.cnn", cnn.Cnn)
    network, _ = cnn.compiled(section, int(labels.max()) + 1)
    for epoch in range(section.epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        batches = runtime.batches((pictures, labels), section.batch_size, order)
        network.fit(batches, shuffle=False, verbose=runtime.verbosity())
    (flat,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Flatten))
    # From the first convolution on: what augments pictures stays behind.
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    return keras.Model(first.input, flat.output), "unit"


def make() -> None:
    """Write models/transfer/base as `transfer` in params.yaml says."""
    section = params.read("transfer", Transfer)
    seed = params.read_value("seed")
    runtime.start(seed)
    trunk, preprocessing = digits_trunk(seed) if section.base == "digits" else load_trunk(section)
    base = with_preprocessing(trunk, preprocessing)
    print(f"base: {section.base}, preprocessing {preprocessing}, {base.count_params()} parameters")
    with replacing(pets.BASE) as folder:
        folder.mkdir()
        keras_file.save(base, folder / "network.keras")
        for split in ("train", "valid"):
            samples = pets.read(split, base.input_shape[1:])
            features = samples._replace(inputs=predict(base, samples.inputs))
            write_arrays(folder / f"{split}.npz", **features._asdict())
