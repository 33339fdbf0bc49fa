"""`budget=source` has the numbers of the textbook, which stand here a second time."""

from typing import Any

import pytest

from tests.configuration import compose

TEXTBOOK = ("budget=source", "reviews=finefoods", "digits=mnist", "target=cats_dogs")


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", *TEXTBOOK)


def picked(block: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The values of a block of which something is expected."""
    return {name: block[name] for name in expected}


@pytest.mark.parametrize(
    ("names", "optimizer", "rate"),
    [
        (("mlp", "lstm", "bilstm", "transformer"), "adamax", None),
        (("cnn", "autoencoder", "conv_autoencoder", "denoising_autoencoder"), "adamax", None),
        (("gan",), "adam", 0.0002),
        (("transfer",), "adam", 0.0001),
    ],
)
def test_optimizers_are_those_of_the_textbook_and_nothing_is_added(
    names: tuple[str, ...], optimizer: str, rate: float | None, textbook: Any
) -> None:
    for name in names:
        assert textbook["train"][name]["optimizer"] == {
            "name": optimizer,
            "learning_rate": rate,
            "clip_norm": None,
            "schedule": "constant",
            "average": 0.0,
        }, name


@pytest.mark.parametrize(
    ("name", "batch_size", "epochs"),
    [
        ("mlp", 2048, 200),
        ("lstm", 150, 15),
        ("bilstm", 150, 5),
        ("transformer", 250, 15),
        ("cnn", 128, 20),
        ("autoencoder", 100, 10),
        ("conv_autoencoder", 100, 10),
        ("denoising_autoencoder", 100, 50),
        ("transfer", 10, 5),
    ],
)
def test_batches_and_epochs(name: str, batch_size: int, epochs: int, textbook: Any) -> None:
    block = textbook["train"][name]
    assert (block["batch_size"], block["epochs"]) == (batch_size, epochs)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("mlp", [87.0, 13.0]),
        ("lstm", [87.0, 13.0]),
        ("bilstm", [87.0, 13.0]),
        ("transformer", [85.0, 15.0]),
        ("cnn", "balanced"),
        ("transfer", None),
    ],
)
def test_class_weights(name: str, weights: Any, textbook: Any) -> None:
    assert textbook["train"][name]["class_weight"] == weights


def test_layers_of_the_mlp(textbook: Any) -> None:
    mlp = textbook["train"]["mlp"]
    blocks = [(part["widths"], part["normalization"], part["dropout"]) for part in mlp["blocks"]]
    assert blocks == [
        ([300, 300, 600, 1000, 1000, 1000, 5000, 5000, 1000, 1000], "batch", 0.5),
        ([500, 500, 100, 100, 100], "batch", 0.3),
        ([50], "batch", 0.32),
        ([10], "batch", 0.3),
        ([5], "none", 0.3),
        ([2], "none", 0.0),
    ]
    assert (mlp["initializer"], mlp["activation"]) == ("glorot_normal", "relu")
    assert mlp["input_dropout"] == 0.0


def test_reviews_are_cleaned_and_split(textbook: Any) -> None:
    clean = textbook["clean"]
    assert (clean["punctuation"], clean["drop_duplicates"]) == ("drop", True)
    assert textbook["split"]["test"] == 0.2


def test_document_vectors_are_averages_of_300_numbers(textbook: Any) -> None:
    vectorize = textbook["vectorize"]
    assert (vectorize["documents"], vectorize["word2vec"]["size"]) == (["averaged"], 300)


@pytest.mark.parametrize(
    ("name", "length", "size"), [("lstm", 50, 100), ("bilstm", 50, 100), ("transformer", 100, 32)]
)
def test_sequences_are_the_first_words_padded_on_the_left(
    name: str, length: int, size: int, textbook: Any
) -> None:
    expected = {"length": length, "end": "first", "padding": "left", "trim": False}
    expected |= {"embedding": "random", "embedding_size": size, "embedding_dropout": 0.0}
    expected |= {"embedding_updates": "all", "shown": None, "scored": None}
    assert picked(textbook["train"][name], expected) == expected
    every_word = {"min_count": 1, "max_words": None, "unknown_token": False}
    assert textbook["encode"] == every_word


@pytest.mark.parametrize("name", ["lstm", "bilstm"])
def test_recurrent_layers(name: str, textbook: Any) -> None:
    block = textbook["train"][name]
    assert (block["units"], block["dropout"]) == ([100, 100, 50], 0.1)
    assert block["normalization"] == "none"
    assert block.get("merge_mode", "concat") == "concat"


def test_layers_of_the_transformer(textbook: Any) -> None:
    expected: dict[str, Any] = {"heads": 5, "key_size": 32, "attention_dropout": 0.3}
    expected |= {"feed_forward": 32, "feed_forward_dropout": 0.1}
    expected |= {"widths": [20, 20], "dropout": 0.1, "activation": "relu"}
    assert picked(textbook["train"]["transformer"], expected) == expected


@pytest.mark.parametrize(
    ("name", "apart", "recall"),
    [
        ("mlp", 0.05, 0.815),
        ("lstm", 0.06, 0.6),
        ("bilstm", 0.06, 0.6),
        ("transformer", 0.03, 0.85),
    ],
)
def test_epochs_of_reviews_are_filtered_by_both_recalls(
    name: str, apart: float, recall: float, textbook: Any
) -> None:
    bounds = textbook["filter"][name]
    assert bounds["below"] == {"diff_recall_0": apart, "diff_recall_1": apart}
    assert bounds["above"] == {"train_recall_0": recall, "train_recall_1": recall}


def test_the_choice_optimises_recall_of_the_negative_class(textbook: Any) -> None:
    assert textbook["threshold"]["rule"] == "recall_floor"
    assert textbook["threshold"]["tolerance"] == 0.0


def test_the_cnn(textbook: Any) -> None:
    expected = {"filters": [32, 64], "kernel_size": 3, "units": 100, "dropout": 0.2}
    expected |= {"activation": "relu", "normalization": "none"}
    cnn = textbook["train"]["cnn"]
    assert picked(cnn, expected) == expected
    assert not any(cnn["augmentation"].values())
    assert textbook["digits"]["valid"] == 0.2


def test_epochs_of_the_cnn_are_filtered_by_accuracy_and_loss(textbook: Any) -> None:
    bounds = textbook["filter"]["cnn"]
    assert bounds["below"] == {"diff_accuracy": 0.006, "train_loss": 0.04}
    assert bounds["above"] == {"train_accuracy": 0.993}


def test_the_autoencoder(textbook: Any) -> None:
    expected = {"widths": [128, 64, 32], "activation": "relu", "code_activation": "relu"}
    expected |= {"normalization": "none"}
    assert picked(textbook["train"]["autoencoder"], expected) == expected
    assert textbook["train"]["autoencoder"]["dropout"] == 0.0


@pytest.mark.parametrize("name", ["conv_autoencoder", "denoising_autoencoder"])
def test_convolutional_autoencoders(name: str, textbook: Any) -> None:
    expected = {"filters": [10, 5], "kernel_sizes": [5, 2], "activation": "relu"}
    assert picked(textbook["train"][name], expected) == expected
    assert textbook["train"][name].get("noise", 0.5) == 0.5


def test_the_gan(textbook: Any) -> None:
    gan = textbook["train"]["gan"]
    expected = {"noise_size": 100, "generator": [256, 512, 1024], "discriminator": [512, 256]}
    expected |= {"momentum": 0.7, "instance_noise": 0.0, "beta_1": 0.5, "batch_size": 50}
    assert picked(gan, expected) == expected
    assert gan["epochs"] * gan["steps_per_epoch"] == 5000


def test_the_new_layers_on_vgg16(textbook: Any) -> None:
    base, transfer = textbook["transfer"], textbook["train"]["transfer"]
    assert (base["base"], base["weights"], base["preprocessing"]) == ("vgg16", "imagenet", None)
    expected = {"units": [100, 50], "dropout": 0.0, "activation": "relu", "normalization": "none"}
    assert picked(transfer, expected) == expected
    assert transfer["fine_tune"]["epochs"] == 0, "every layer is frozen"
    assert not any(transfer["augmentation"].values())
    assert textbook["target"]["train_per_class"] is None
