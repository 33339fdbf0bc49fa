from typing import Any

import pytest

from epochwise.review.lock import Model, changed_sources, parse, trained


def lock(model: str = "m", epochs: str = "e", **sources: str) -> Any:
    deps = [{"path": path, "md5": md5} for path, md5 in sources.items()]
    return parse(
        {
            "stages": {
                "train@lstm": {
                    "deps": [*deps, {"path": "data/in/train.parquet", "md5": "in"}],
                    "outs": [{"path": "data/epochs/lstm", "md5": epochs, "size": 900}],
                },
                "threshold@lstm": {
                    "deps": [{"path": "data/epochs/lstm", "md5": epochs}],
                    "outs": [
                        {"path": "models/lstm", "md5": model, "size": 100},
                        {"path": "data/predictions/lstm", "md5": "p"},
                    ],
                },
                "split": {"outs": [{"path": "data/in", "md5": "in"}]},
            }
        }
    )


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (lock(), Model.SAME),
        (lock(model="n"), Model.ANOTHER_EPOCH),
        (lock(model="n", epochs="f"), Model.ANEW),
        (lock(epochs="f"), Model.SAME),
        (parse(None), Model.UNKNOWN),
    ],
)
def test_bytes_tell_whether_a_model_was_trained_anew(new: Any, told: Model) -> None:
    assert trained(lock(), new, "lstm") == told
    assert told.anew == (told in (Model.ANEW, Model.UNKNOWN))


def test_a_family_that_dvc_does_not_know_may_have_been_trained_anew() -> None:
    assert trained(lock(), lock(), "ensemble") == Model.UNKNOWN


def test_code_and_pins_are_what_no_stage_makes() -> None:
    old = lock(**{"epochwise/core": "a", "sources/pin.yaml": "b"})
    new = lock(epochs="f", **{"epochwise/core": "c", "sources/other.yaml": "b"})
    assert changed_sources(old, new) == ["epochwise/core", "sources/other.yaml", "sources/pin.yaml"]
    assert changed_sources(old, old) == []


def test_sizes_and_digests_are_of_the_output_or_the_folder_that_holds_a_file() -> None:
    assert lock().model_bytes("lstm") == 100
    assert lock().model_bytes("mlp") is None
    assert lock().digest("data/predictions/lstm/test.parquet") == "p"
    assert lock().digest("data/predictions/mlp/test.parquet") is None


def test_models_of_every_epoch_beside_the_chosen_one_are_not_it() -> None:
    outs = [
        {"path": "models/lstm/epochs", "md5": "e", "size": 900},
        {"path": "models/lstm/model.keras", "md5": "m", "size": 100},
    ]
    earlier = parse({"stages": {"train@lstm": {"outs": outs}}})
    assert earlier.model_bytes("lstm") == 100
    assert set(earlier.epochs("lstm")) == {"models/lstm/epochs"}
    assert trained(earlier, lock(), "lstm") == Model.UNKNOWN, "bytes of other files tell nothing"


def test_code_that_one_of_several_stages_has_read_anew_is_changed() -> None:
    """As after a run of one family: the last stage of dvc.lock has not read it."""

    def locked(**digests: str) -> Any:
        deps = {
            f"train@{name}": {"deps": [{"path": "epochwise/core", "md5": digest}]}
            for name, digest in digests.items()
        }
        return parse({"stages": deps})

    assert changed_sources(locked(mlp="a", lstm="a"), locked(mlp="b", lstm="a")) == [
        "epochwise/core"
    ]
    assert changed_sources(locked(mlp="a", lstm="a"), locked(mlp="a", cnn="a")) == []
