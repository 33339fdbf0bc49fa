"""Images in files of others: of a few formats, and of no more pixels than the memory holds."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from epochwise.core.cli import InputError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp"}
UNREAD = {".avif", ".dng", ".heic", ".heif", ".jp2", ".svg", ".tif", ".tiff"}
"""What images are called that nothing here reads."""
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
"""Pillow's formats of these suffixes: it would run other programs for some other formats."""


def load_image(path: Path) -> "Image.Image":
    """The image in a file, decoded to its last byte.

    Raises:
        InputError: the file is of none of the FORMATS, damaged, or an image of more pixels than
            Pillow trusts.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                image.load()
    except UnidentifiedImageError:
        raise InputError(
            f"{path} cannot be read as an image in {', '.join(FORMATS)}: convert it, or get it"
            " again"
        ) from None
    # Pillow raises what a decoder happens to raise, a SyntaxError for a broken PNG among it.
    except Exception as error:
        raise InputError(f"{path} cannot be read as an image: {error}: get it again") from None
    return image
