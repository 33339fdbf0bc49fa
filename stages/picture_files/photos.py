"""Folders of photographs: train|valid|test / CLASS / files, or CLASS / files to be divided."""

from pathlib import Path

from stages.core.cli import InputError
from stages.core.progress import track
from stages.picture_files.arrays import PARTS, WHOLE

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}
DEPTH = 3
"""How far below a folder its splits are looked for."""
GROUP = 500
"""Pictures between two signs of progress."""

Photos = dict[str, dict[str, list[Path]]]
"""Files by part of the source and by class."""


def list_photos(folder: Path) -> Photos:
    """The files of pictures in `folder`, sorted by name.

    The splits may stand some folders deeper, as in an archive with one folder around everything.

    Raises:
        InputError: no folder of classes is found, or a class of valid or test is not in train.
    """
    parts = _find_parts(folder)
    photos = {part: _classes(path) for part, path in parts.items()}
    photos = {part: classes for part, classes in photos.items() if classes}
    if not photos or max(map(len, photos.values())) < 2:
        raise InputError(
            f"{folder}: found no pictures of two classes or more, expected"
            " train|valid|test/CLASS/pictures, or CLASS/pictures to be divided"
        )
    known = photos.get("train", next(iter(photos.values())))
    for part, classes in photos.items():
        for name in classes.keys() - known.keys():
            raise InputError(
                f"{parts[part]}: found the class '{name}', which train does not have: expected"
                f" {', '.join(known)}"
            )
    return photos


def readable(photos: Photos) -> tuple[Photos, list[Path]]:
    """The photos that can be read to their last byte, and the files of the others."""
    files = [path for classes in photos.values() for paths in classes.values() for path in paths]
    by_name: dict[Path, bool] = {}
    groups = [files[start : start + GROUP] for start in range(0, len(files), GROUP)]
    for group in track(groups, len(groups), f"fetch: {GROUP} pictures"):
        by_name |= {path: _is_readable(path) for path in group}
    kept = {
        part: {name: [path for path in paths if by_name[path]] for name, paths in classes.items()}
        for part, classes in photos.items()
    }
    return kept, [path for path in files if not by_name[path]]


def _find_parts(folder: Path) -> dict[str, Path]:
    level = [folder]
    for _ in range(DEPTH):
        for candidate in level:
            found = {
                PARTS[path.name.lower()]: path
                for path in _folders(candidate)
                if path.name.lower() in PARTS
            }
            if found:
                return found
        level = [path for parent in level for path in _folders(parent)]
    return {WHOLE: folder}


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if path.is_dir() and path.name[0] != "."]


def _classes(folder: Path) -> dict[str, list[Path]]:
    listed = {
        path.name: [
            file
            for file in sorted(path.glob("*"))
            if file.suffix.lower() in SUFFIXES and file.name[0] != "."
        ]
        for path in _folders(folder)
    }
    return {name: files for name, files in listed.items() if files}


def _is_readable(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    # Pillow raises what a decoder happens to raise, a SyntaxError for a broken PNG among it.
    except Exception:
        return False
    return True
