"""The convolutional autoencoder."""

from stages.images.autoencoder import AutoencoderFamily
from stages.images.convolutional import Convolutional, build

family = AutoencoderFamily("conv_autoencoder", Convolutional, build)
