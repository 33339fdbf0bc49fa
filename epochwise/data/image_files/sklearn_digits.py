"""The digits that scikit-learn ships, in the form of MNIST."""

from typing import Any

import numpy as np

from epochwise.data.image_files.arrays import SIZE, Labelled


def sklearn_digits() -> Labelled:
    """The 1,797 digits of 8 x 8 (values 0-16) that scikit-learn ships, resized to 28 x 28."""
    from PIL import Image
    from sklearn.datasets import load_digits

    loaded: Any = load_digits()
    pixels = np.round(loaded.images * (255 / 16)).astype("uint8")
    images = [
        np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for image in pixels
    ]
    return Labelled(np.stack(images), loaded.target.astype("int64"))
