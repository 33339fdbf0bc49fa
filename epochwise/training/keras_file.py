"""Write `.keras` files whose bytes depend on the network alone, and read them back."""

import json
import re
import tempfile
import zipfile
from pathlib import Path

import keras

from epochwise.core.cli import InputError
from epochwise.core.files import replacing

NO_DATE = (1980, 1, 1, 0, 0, 0)
SHARED_ID = re.compile(r'("shared_object_id": )(\d+)')


def save(network: keras.Model, path: Path) -> None:
    """Save `network` to `path` for use: layers and weights, without the state of its optimizer.

    Dates are fixed, and so are ids, which Keras takes from memory.
    """
    bare = keras.Model(network.input, network.output, name=network.name)
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "network.keras"
        bare.save(dated)
        with zipfile.ZipFile(dated) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
    ids: dict[str, str] = {}
    members["config.json"] = SHARED_ID.sub(
        lambda found: found[1] + ids.setdefault(found[2], str(len(ids))),
        members["config.json"].decode(),
    ).encode()
    metadata = json.loads(members["metadata.json"]) | {"date_saved": "1980-01-01@00:00:00"}
    members["metadata.json"] = json.dumps(metadata).encode()
    with replacing(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, NO_DATE), content)


def load(path: Path) -> keras.Model:
    """The network saved at `path`, not compiled; `safe_mode` stays on.

    Raises:
        InputError: the file is missing or is not a `.keras` file that loads safely.
    """
    try:
        network: keras.Model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path} cannot be loaded as a Keras model: {reason}") from None
    return network
