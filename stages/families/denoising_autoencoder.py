"""The convolutional autoencoder that reads noisy pictures and is to write clean ones."""

from pydantic import PositiveFloat

from stages.images.autoencoder import AutoencoderFamily
from stages.images.convolutional import Convolutional, build


class Denoising(Convolutional):
    """`train.denoising_autoencoder` in params.yaml.

    The pictures read are clip(x + `noise` * N(0, 1), 0, 1).
    """

    noise: PositiveFloat


family = AutoencoderFamily("denoising_autoencoder", Denoising, build, lambda section: section.noise)
