"""Images in files of others: of a few formats, and of no more pixels than the memory holds."""

import errno
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from epochwise.core.cli import InputError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp"}
UNREAD = {".avif", ".dng", ".heic", ".heif", ".jp2", ".svg", ".tif", ".tiff"}
"""What images are called that nothing here reads."""
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
"""Pillow's formats of these suffixes: it would run other programs for some other formats."""
RUN_LENGTHS = (1, 2)
"""BMP's compressions that Pillow decodes pixel by pixel."""
MOST_SCANS = 50
"""Scans of a JPEG: each goes over the whole image, however few bytes it has."""
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""What begins a part of a JPEG that has a length, or ends it."""
SCAN, END = b"\xda", b"\xd9"


def load_image(path: Path) -> "Image.Image":
    """The image in a file, decoded to its last byte, the way up that its camera has noted.

    Raises:
        InputError: the file is of none of the FORMATS, damaged, or an image of more pixels than
            Pillow trusts.
        OSError: the system refuses the file, or has no room for it.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong beside the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.format == "BMP" and image.info.get("compression") in RUN_LENGTHS:
                    raise ValueError("BMP with run lengths is unsupported")
                if image.format in ("JPEG", "MPO") and _scans(path.read_bytes()) > MOST_SCANS:
                    raise ValueError(f"JPEG of more than {MOST_SCANS} scans is unsupported")
                image.load()
                with suppress(Exception):  # a damaged note is none
                    ImageOps.exif_transpose(image, in_place=True)
                if image.mode.startswith("I"):
                    # Pillow would clip 16 bits to 8 instead of dividing them.
                    return Image.fromarray((np.asarray(image) // 257).astype("uint8"))
    except UnidentifiedImageError:
        raise InputError(
            f"{path} cannot be read as an image in {', '.join(FORMATS)}: convert it, or get it"
            " again"
        ) from None
    # Pillow raises what a decoder happens to raise, a SyntaxError for a broken PNG among it.
    except Exception as error:
        # An image that may not be read is not damaged; a place that is none its content can name.
        number = getattr(error, "errno", None)
        if number not in (None, errno.EINVAL):
            raise OSError(number, os.strerror(number), str(path)) from None
        large = isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError)
        remedy = "make it smaller" if large else _remedy(str(error))
        raise InputError(f"{path} cannot be read as an image: {error}: {remedy}") from None
    return image


def _remedy(trouble: str) -> str:
    """What to do about an image that may be whole, but of a kind that is not decoded."""
    return "convert it to PNG" if "unsupported" in trouble.lower() else "get it again"


def _scans(content: bytes) -> int:
    """The scans of a JPEG, up to its end: a telephone may have written a film behind it."""
    scans, place = 0, 0
    while (marker := MARKER.search(content, place)) and marker[1] != END:
        scans += marker[1] == SCAN
        place = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    return scans
