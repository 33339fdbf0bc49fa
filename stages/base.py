"""Make the base network of the family transfer, and apply it once to every image.

Reads `transfer` in params.yaml, `train.cnn` where the base network is trained here, and
data/target. Writes to models/base network.keras, which takes images of 0 to 255, and its features
of train and valid.
"""

from epochwise.core import params, paths
from epochwise.core.cli import quiet, run, without
from epochwise.core.files import read_arrays, replacing, write_arrays
from epochwise.core.forms import IMAGES
from epochwise.core.settings import Seed


def main() -> None:
    """Make the base network and its features."""
    with quiet(), without("matplotlib", "sklearn"):
        from epochwise.families import base, cnn
        from epochwise.inputs.images import Target, scaled
        from epochwise.training import keras_file, runtime
    section, seed = params.read("transfer", base.Transfer), params.read("seed", Seed).training
    runtime.start(seed)
    if section.base == "digits":
        arrays = read_arrays(paths.BASE_DIGITS, IMAGES)
        fit = params.read("train.cnn", cnn.Params)
        made = base.train_on_digits(fit, scaled(arrays["images"]), arrays["labels"], seed)
    else:
        made = base.load_base(section)
    network = base.with_preprocessing(*made)
    print(f"base: {section.base}, preprocessing {made[1]}, {network.count_params()} parameters")
    with replacing(paths.BASE) as folder:
        folder.mkdir()
        keras_file.save(network, folder / "network.keras")
        for split in ("train", "valid"):
            samples = base.features(network, Target().read(split, network.input_shape[1:]))
            write_arrays(folder / f"{split}.npz", **samples._asdict())


if __name__ == "__main__":
    run(main)
