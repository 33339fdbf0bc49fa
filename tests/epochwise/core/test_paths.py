"""The paths that others rely on."""

from pathlib import Path

from epochwise.core import paths


def test_paths_that_others_rely_on() -> None:
    assert Path("data/reviews/raw.parquet") == paths.RAW_REVIEWS
    assert paths.metrics("lstm", "epochs.csv") == Path("metrics/lstm/epochs.csv")
    assert paths.metrics("lstm", "selection.json") == Path("metrics/lstm/selection.json")
    assert paths.metrics("lstm", "test.json") == Path("metrics/lstm/test.json")
    assert paths.predictions("lstm") == Path("data/predictions/lstm/test.parquet")
    assert Path("metrics/leaderboard.json") == paths.LEADERBOARD
    assert paths.chosen("lstm") / "model.keras" == Path("models/lstm/model.keras")


def test_test_splits_stand_apart_from_what_is_trained_on() -> None:
    for split in (paths.digits, paths.target):
        trained = {split(name).parent for name in ("train", "valid")}
        assert len(trained) == 1
        assert not split("test").is_relative_to(trained.pop())
