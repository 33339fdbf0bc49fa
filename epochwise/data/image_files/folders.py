"""Folders of images: train|valid|test / CLASS / files, or CLASS / files to be divided."""

from collections import Counter
from pathlib import Path

from epochwise.core.cli import InputError
from epochwise.core.images import SUFFIXES, UNREAD, load_image
from epochwise.core.progress import track
from epochwise.data.image_files.archive import UNUSABLE
from epochwise.data.image_files.arrays import PARTS, WHOLE

ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"}
"""How the names of archives end, which a folder may hold in place of images."""
DEPTH = 3
"""How far below a folder its splits are looked for."""
GROUP = 500
"""Images between two signs of progress."""
IMAGES = SUFFIXES | UNREAD
SHOWN = 5
"""Kinds of files in a message."""
OF_MACOS = "__MACOSX"
"""The folder of notes on files that macOS puts into a zip archive."""

ImageFiles = dict[str, dict[str, list[Path]]]
"""Files by part of the source and by class."""


def list_images(folder: Path) -> ImageFiles:
    """The files of images in `folder`, sorted by name, also those in formats that are not read.

    Those in no folder of a class are left out, and counted on standard output. The splits may be
    some folders deeper, as in an archive with one folder around everything.

    Raises:
        InputError: no folder of classes is found, or a class of valid or test is not in train.
    """
    parts = _find_parts(folder)
    images = {part: _classes(path) for part, path in parts.items()}
    images = {part: classes for part, classes in images.items() if classes}
    if not images or max(map(len, images.values())) < 2:
        found = Counter(path.suffix.lower() or path.name for path in _listed_below(folder))
        most = sorted(found, key=lambda suffix: (-found[suffix], suffix))[:SHOWN]
        listed = ", ".join(f"{found[suffix]} {suffix}" for suffix in most)
        unpack = "unpack the archives, and " if ARCHIVES & found.keys() else ""
        raise InputError(
            f"{folder}: found no images of two classes or more, but {listed or 'no files'}:"
            f" {unpack}expected train|valid|test/CLASS/images, or CLASS/images to be divided, and"
            f" images in {', '.join(sorted(SUFFIXES))}"
        )
    beside = [path for part in parts.values() for path in _listed(part) if _is_image(path)]
    if beside:
        shown = beside[0].relative_to(folder)
        print(f"{len(beside)} images are in no folder of a class, and left out: {shown} …")
    known = images.get("train", next(iter(images.values())))
    for part, classes in images.items():
        for name in sorted(classes.keys() - known.keys()):
            raise InputError(
                f"{parts[part]}: found the class '{name}', which train does not have: expected"
                f" {', '.join(known)}"
            )
    return images


def readable(images: ImageFiles) -> tuple[ImageFiles, list[Path]]:
    """The images that can be read to their last byte, and the files of the others."""
    files = [path for classes in images.values() for paths in classes.values() for path in paths]
    by_name: dict[Path, bool] = {}
    groups = [files[start : start + GROUP] for start in range(0, len(files), GROUP)]
    for group in track(groups, len(groups), f"fetch: {GROUP} images"):
        by_name |= {path: _is_readable(path) for path in group}
    kept = {
        part: {name: [path for path in paths if by_name[path]] for name, paths in classes.items()}
        for part, classes in images.items()
    }
    return kept, [path for path in files if not by_name[path]]


def _find_parts(folder: Path) -> dict[str, Path]:
    level = [folder]
    for _ in range(DEPTH):
        for candidate in level:
            found: dict[str, Path] = {}
            for path in _folders(candidate):
                part = PARTS.get(path.name.lower())
                if part in found:
                    raise InputError(f"both {found[part]} and {path} hold '{part}': keep one")
                if part:
                    found[part] = path
            if found:
                _refuse_other_parts(candidate, found)
                if candidate != folder:
                    _refuse_outside(folder, candidate, found)
                return found
        level = [path for parent in level for path in _folders(parent)]
    # One folder around everything, as archives have.
    while len(inside := _folders(folder)) == 1 and _folders(inside[0]):
        folder = inside[0]
    return {WHOLE: folder}


def _refuse_other_parts(folder: Path, parts: dict[str, Path]) -> None:
    for path in _folders(folder):
        if path not in parts.values() and any(
            file.suffix.lower() in IMAGES for file in _listed_below(path)
        ):
            raise InputError(
                f"{path} has images, but its name is that of no split, as {', '.join(parts)} beside"
                " it are: call it train, valid or test, or put it elsewhere"
            )


def _refuse_outside(folder: Path, place: Path, parts: dict[str, Path]) -> None:
    for file in _listed_below(folder):
        if file.suffix.lower() in IMAGES and place not in file.parents:
            raise InputError(
                f"{place} has the splits {', '.join(parts)}, but {file} is outside of it: put all"
                " images into folders of one place, or rename what is no split"
            )


def _folders(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.is_dir()]


def _classes(folder: Path) -> dict[str, list[Path]]:
    listed = {
        path.name: [file for file in _listed_below(path) if _is_image(file)]
        for path in _folders(folder)
    }
    return {name: files for name, files in listed.items() if files}


def _is_image(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in IMAGES


def _listed_below(folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """The files in a folder and in those below it, sorted by name; `above` it are these.

    Raises:
        InputError: a link leads to a folder that it stands in.
    """
    if (real := folder.resolve()) in above:
        raise InputError(f"{folder} is a link to a folder that it stands in: remove it")
    found = _listed(folder)
    inside = [
        file for path in found if path.is_dir() for file in _listed_below(path, (*above, real))
    ]
    return sorted([*(path for path in found if path.is_file()), *inside])


def _listed(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted by name."""
    found = [
        path for path in sorted(folder.glob("*")) if path.name[0] != "." and path.name != OF_MACOS
    ]
    for path in found:
        check_name(path.name, folder)
    return found


def check_name(name: str, folder: Path) -> None:
    """Make sure that the name of a file in `folder` can be written to a table.

    Raises:
        InputError: it has control characters, or is not UTF-8.
    """
    if UNUSABLE.search(name):
        raise InputError(f"{folder}: the name {name!r} is not plain UTF-8: rename it")


def _is_readable(path: Path) -> bool:
    try:
        load_image(path)
    except InputError:
        return False
    return True
