"""The whole pipeline at a smoke budget, as a user runs it, on reviews made here."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from dvc.utils.serialize import load_yaml

from epochwise import families
from epochwise.core.files import read_json
from epochwise.training import runtime
from tests.configuration import ROOT, compose
from tests.forked import run as run_module
from tests.forked_stages import Forked

TABLE = families.table()
BINARY, MULTICLASS, RECONSTRUCTION = (
    [name for name, row in TABLE.items() if row.task == task]
    for task in ("binary", "multiclass", "reconstruction")
)
GOOD = ["good", "great", "lovely", "tasty", "fine", "superb"]
BAD = ["bad", "awful", "stale", "bitter", "poor", "horrid"]
OTHER = [f"word{number}" for number in range(60)]
LAST = {"leaderboard", "champion", "cards"}
"""The stages that read what all families leave."""
FORCED = [
    *("clean", "split", "encode", "vectorize", "base", "train@baseline", "train@lstm"),
    *("filter@lstm", "threshold@lstm", "select@gan", "score@lstm", "score@gan"),
    *("stack", "train@ensemble", "threshold@ensemble", "score@ensemble"),
    *("evaluate@lstm", "evaluate@gan", "leaderboard", "champion", "cards"),
]
"""A stage of every kind. Trainings of the other learners are repeated where they are killed."""
COPIED = (
    "stages",
    "epochwise",
    "conf",
    "sources",
    "dvc.yaml",
    "families.yaml",
    "metrics/noise.json",
    "metrics/champions.json",
    ".dvcignore",
)
SMALL = (
    "budget=smoke",
    "reviews=table",
    "reviews.path=reviews.csv",
    "vectorize=word2vec",
    "vectorize.word2vec.size=8",
    "vectorize.word2vec.epochs=2",
)


def reviews(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    texts = [
        " ".join([*random.choice(OTHER, 6), *random.choice(GOOD if label else BAD, 2)])
        for label in labels
    ]
    return pd.DataFrame({"text": texts, "label": labels})


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return run_module(*command, cwd=project, env=environment())


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONHASHSEED": "random", "DVC_NO_ANALYTICS": "1"}


def succeed(project: Path, *command: str) -> str:
    done = run(project, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_project(folder: Path, *overrides: str) -> Path:
    for name in COPIED:
        (folder / name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    reviews(300).to_csv(folder / "reviews.csv", index=False)
    compose(folder / "params.yaml", *SMALL, *overrides)
    succeed(folder, "dvc", "init", "--no-scm", "--quiet")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots", dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("project"))
    succeed(folder, "epochwise.repro")
    return folder


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    with Forked(tmp_path_factory.mktemp("forked"), environment()) as forked:
        yield forked


def test_it_ends_with_a_leaderboard_and_nothing_left_to_do(project: Path) -> None:
    leaderboard = read_json(project / "metrics/leaderboard.json")
    assert set(leaderboard) == set(TABLE)
    for family, entry in leaderboard.items():
        assert {"n", "epoch", "parameters"} <= entry.keys()
        assert entry["train_seconds"] > 0
        assert ("against_baseline" in entry) == (family in BINARY and family != "baseline")
        assert ("against_scratch" in entry) == (family == "transfer")
    for family in BINARY:
        assert {"roc_auc", "threshold", "ci95"} <= leaderboard[family].keys()
    for family in MULTICLASS:
        named = {"accuracy", "log_loss", "per_class", "ci95"}
        named |= {f"{mean}_{of}" for mean in ("macro", "micro") for of in ("precision", "recall")}
        assert named <= leaderboard[family].keys()
    for family in RECONSTRUCTION:
        assert {"cross_entropy", "mse", "psnr", "probe_accuracy"} <= leaderboard[family].keys()
    assert {"frechet", "classes", "histogram"} <= leaderboard["gan"].keys()
    assert "Running" not in succeed(project, "dvc", "repro")
    assert "transformer" in succeed(project, "stages.leaderboard", "--show")


@pytest.mark.parametrize(
    ("dvc", "stages"),
    [
        ("epochwise.dvc", ["--single-item", *FORCED]),
        pytest.param("dvc", [], marks=pytest.mark.long),
    ],
    ids=["a stage of every kind", "all"],
)
def test_a_forced_run_leaves_the_lock_as_it_was(dvc: str, stages: list[str], project: Path) -> None:
    lock = (project / "dvc.lock").read_bytes()
    succeed(project, dvc, "repro", "--force", "--quiet", *stages)
    assert (project / "dvc.lock").read_bytes() == lock


def test_a_threshold_rule_reruns_only_what_comes_after_training(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(before.replace("rule: recall_floor", "rule: youden"))
    reruns = planned(project)
    (project / "params.yaml").write_text(before)
    steps = ("threshold", "score", "evaluate")
    expected = {f"{step}@{family}" for step in steps for family in BINARY}
    assert reruns == expected | {"stack", "train@ensemble"} | LAST


def planned(project: Path) -> set[str]:
    """The stages that `dvc repro` would run, and those that it would run if their inputs change."""
    options = ("--dry", "--allow-missing", "--force-downstream")
    lines = succeed(project, "epochwise.dvc", "repro", *options).splitlines()
    return {line.split("'")[1] for line in lines if line.startswith("Running stage")}


def test_a_changed_report_trains_and_scores_nothing(project: Path) -> None:
    report = project / "epochwise/reports/multiclass.py"
    before = report.read_text()
    report.write_text(before + "\n# changed\n")
    reruns = planned(project)
    report.write_text(before)
    assert reruns == {f"evaluate@{family}" for family in MULTICLASS} | LAST


def test_a_new_family_is_a_module_a_row_its_params_and_its_files(project: Path) -> None:
    table, params, pipeline = (
        project / name for name in ("families.yaml", "params.yaml", "dvc.yaml")
    )
    before = {file: file.read_text() for file in (table, params, pipeline)}
    shutil.copy(project / "epochwise/families/lstm.py", project / "epochwise/families/gru.py")
    row = "  bilstm: *recurrent\n"
    assert row in before[table]
    table.write_text(before[table].replace(row, row + "  gru: *recurrent\n"))
    content = yaml.safe_load(before[params])
    for block in ("train", "filter"):
        content[block]["gru"] = content[block]["lstm"]
    params.write_text(yaml.safe_dump(content, sort_keys=False))
    joined = re.sub(r"(\S+/)lstm([/.][\w.]+|),", r"\1lstm\2, \1gru\2,", before[pipeline])
    pipeline.write_text(joined)
    reruns = planned(project)
    (project / "epochwise/families/gru.py").unlink()
    for file, text in before.items():
        file.write_text(text)
    steps = ("train", "filter", "threshold", "score", "evaluate")
    ensemble = {f"{step}@ensemble" for step in steps if step != "filter"}
    assert reruns == {f"{step}@gru" for step in steps} | {"stack"} | ensemble | LAST


def test_every_picture_that_dvc_shows_is_there(project: Path) -> None:
    shown = json.loads(succeed(project, "epochwise.dvc", "plots", "show", "--json"))["data"]
    drawn = {Path(name) for name in shown if name.endswith(".png")}
    assert {Path("plots/pictures", f"{family}.png") for family in TABLE} <= drawn
    assert {Path("plots/thresholds", f"{family}.png") for family in BINARY} <= drawn


def test_every_saved_network_loads_by_itself(project: Path) -> None:
    runtime.start(seed=0)  # threads are set before the first use, whatever the order of tests
    networks = sorted((project / "models").glob("*/*.keras"))
    without = {name for name, row in TABLE.items() if row.learner in ("linear", "ensemble")}
    assert {path.parent.name for path in networks} == {*TABLE, "base"} - without
    parts = {"features", "encoder", "generator", "head"}
    assert {path.stem for path in networks} == {"model", "network"} | parts
    for path in networks:
        assert not getattr(keras.models.load_model(path), "optimizer", None)


@pytest.mark.parametrize("family", ["baseline", "cnn"])
def test_a_report_tells_its_headlines(project: Path, forked: Forked, family: str) -> None:
    shown = json.loads((project / "m" / family).read_text())
    told = ", ".join(f"{name} {value}" for name, value in shown.items())
    said = forked.succeed(project, "stages.evaluate", family)
    assert said.splitlines()[-1] == f"{family} on test: {told}"


def test_new_images_are_classified_and_embedded(project: Path, forked: Forked) -> None:
    expected = pq.read_table(project / "data/predictions/cnn/test.parquet").to_pandas()
    arguments = ("--family", "cnn", "data/digits/test.npz", "--output", "classes.csv")
    forked.succeed(project, "epochwise.classify", *arguments)
    found = pd.read_csv(project / "classes.csv")
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=1e-5)
    expected = pq.read_table(project / "data/predictions/autoencoder/test.parquet").to_pandas()
    arguments = ("--family", "autoencoder", "data/digits/test.npz", "--output", "codes.parquet")
    forked.succeed(project, "epochwise.embed", *arguments)
    codes = pq.read_table(project / "codes.parquet").to_pandas()["code"]
    np.testing.assert_allclose(np.stack(codes), np.stack(expected["code"]), rtol=1e-5, atol=1e-6)
    expected = pq.read_table(project / "data/predictions/transfer/test.parquet").to_pandas()
    lines = forked.succeed(
        project, "epochwise.classify", "--family", "transfer", "data/target/test"
    )
    found = pd.read_csv(io.StringIO(lines)).set_index("image").loc[expected["id"]]
    names = sorted(path.name for path in (project / "data/target/test").iterdir())
    assert found["predicted"].astype(str).tolist() == [
        names[label] for label in expected["predicted"]
    ]


def test_classify_and_embed_refuse_what_they_cannot_read(project: Path, forked: Forked) -> None:
    (project / "broken.png").write_text("no image")
    (project / "empty").mkdir()
    for arguments, message in (
        (("epochwise.classify", "--family", "cnn", "none"), "there is no file or folder none"),
        (("epochwise.classify", "--family", "cnn", "broken.png"), "broken.png cannot be read"),
        (("epochwise.classify", "--family", "cnn", "empty"), "empty: found no images"),
        (("epochwise.classify", "--family", "transfer", "params.yaml"), "expected an image (.bmp"),
        (
            ("epochwise.embed", "--family", "cnn", "params.yaml", "--output", "x.parquet"),
            ", an IDX file, an npz file or a folder of images",
        ),
    ):
        done = forked.run(project, *arguments)
        assert done.returncode == 1 and done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert message in line
    assert not (project / "x.parquet").exists()


def test_no_text_of_test_is_in_what_was_learned_from(project: Path) -> None:
    texts = {
        name: set(pq.read_table(project / f"data/reviews/split/{name}.parquet")["text"].to_pylist())
        for name in ("train", "valid", "test")
    }
    assert all(texts.values())
    assert not texts["test"] & (texts["train"] | texts["valid"])
    assert not texts["train"] & texts["valid"]


@pytest.mark.parametrize("family", ["baseline", "nb_linear", "mlp", "lstm", "ensemble"])
def test_predict_gives_the_predictions_of_evaluate_again(
    family: str, project: Path, forked: Forked
) -> None:
    raw = pq.read_table(project / "data/reviews/raw.parquet", columns=["review_id", "text"])
    expected = pq.read_table(project / f"data/predictions/{family}/test.parquet").to_pandas()
    new = raw.to_pandas().set_index("review_id").loc[expected["id"]]
    new.to_csv(project / "new.csv", index=False)
    arguments = ("--family", family, "--input", "new.csv", "--output", "predicted.csv")
    forked.succeed(project, "epochwise.predict", *arguments)
    found = pd.read_csv(project / "predicted.csv")
    assert found["text"].tolist() == new["text"].tolist()
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=1e-6)


def test_predict_of_one_text_is_one_line(project: Path, forked: Forked) -> None:
    first = pq.read_table(project / "data/predictions/lstm/test.parquet").to_pylist()[0]
    raw = pq.read_table(project / "data/reviews/raw.parquet").to_pylist()
    (text,) = (row["text"] for row in raw if row["review_id"] == first["id"])
    line = forked.succeed(project, "epochwise.predict", "--family", "lstm", text)
    assert line == f"{first['predicted']} (P(1) = {first['probability']:.4f})\n"


def test_predict_refuses_what_it_cannot_read(project: Path, forked: Forked) -> None:
    for arguments, message in (
        (("--family", "lstn", "fine"), "no family 'lstn' (did you mean 'lstm'?): expected one of"),
        (("--family", "baseline", "--input", "none.csv"), "there is no file none.csv"),
        (("--family", "baseline", "--input", "reviews.csv", "--column", "txt"), "no column 'txt'"),
    ):
        done = forked.run(project, "epochwise.predict", *arguments)
        assert done.returncode == 1 and done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert message in line


@pytest.mark.parametrize("family", ["lstm", "denoising_autoencoder", "gan", "transfer"])
def test_a_training_that_is_killed_goes_on_and_ends_with_the_same_bytes(
    family: str, project: Path, forked: Forked
) -> None:
    folders = ("data/epochs/{}", "plots/{}/live", "metrics/{}/epochs.csv")
    outputs = [project / folder.format(family) for folder in folders]
    params = (project / "params.yaml").read_text()
    longer = yaml.safe_load(params)
    longer["train"][family] |= {"epochs": 4, "keep_epochs": 3}
    if family == "transfer":
        longer["train"][family]["augmentation"] |= {"rotation": 10.0, "horizontal_flip": True}
        longer["train"][family] |= {"dropout": 0.2}
        longer["train"][family]["fine_tune"] |= {"layers": 1, "epochs": 2}
        longer["train"][family]["epochs"] = 2
    (project / "params.yaml").write_text(yaml.safe_dump(longer, sort_keys=False))
    checkpoints = project / "epochwise/training/checkpoints.py"
    code = checkpoints.read_text()
    checkpoints.write_text(code.replace("\nSECONDS = 2.0\n", "\nSECONDS = 0.0\n"))
    forked.succeed(project, "stages.train", family)
    expected = contents(outputs)
    assert len({path.name[:3] for path in expected if path.suffix == ".keras"}) == 3
    progress = project / f"data/unfinished/{family}/progress.json"
    has_two = lambda: progress.exists() and len(read_json(progress)["rows"]) >= 2  # noqa: E731
    forked.kill(project, has_two, "stages.train", family)
    done = len(read_json(progress)["rows"]) - 1
    resumed = forked.succeed(project, "stages.train", family)
    (project / "params.yaml").write_text(params)
    checkpoints.write_text(code)
    assert f"{family}: resuming after epoch {done}\n" in resumed
    assert f"{family}: epoch {done} of 4" not in resumed
    assert contents(outputs) == expected
    assert not (project / f"data/unfinished/{family}").exists()


def contents(paths: list[Path]) -> dict[Path, bytes]:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return {file: file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize(
    ("change", "stage", "message"),
    [
        ("label:|lable:", "fetch reviews", "unknown key 'reviews.columns.lable' (did you mean"),
        ("epochs: 2|epocs: 2", "train lstm", "unknown key 'train.lstm.epocs' (did you mean 'epoch"),
        ("padding: left|padding: middle", "train lstm", "'train.lstm.padding' is 'middle'"),
        ("seed:|sed:", "epochwise.check", "unknown key 'sed' (did you mean 'seed'?)"),
        ("rule: recall_floor|rule: recal", "epochwise.check", "'threshold.rule' is 'recal'"),
        ("lowest: valid_frechet|lowest: frechet", "select gan", "select.gan.lowest is 'frechet'"),
        ("source: sklearn|source: sklern", "fetch digits", "'digits.source' is 'sklern'"),
        ("base: digits|base: vgg61", "base", "'transfer.base' is 'vgg61': expected digits, vgg16"),
        (
            "brightness: 0.0|brightness: 2.0",
            "train cnn",
            "'train.cnn.augmentation.brightness' is 2",
        ),
        ("text: text|text: txt", "fetch reviews", "has no column 'txt' (did you mean 'text'?)"),
        ("path: reviews.csv|path: none.csv", "fetch reviews", "'none.csv': there is no such file"),
    ],
)
def test_a_slip_in_params_stops_with_one_line(
    change: str, stage: str, message: str, project: Path, forked: Forked
) -> None:
    params = (project / "params.yaml").read_text()
    old, new = change.split("|")
    assert old in params
    (project / "params.yaml").write_text(params.replace(old, new))
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
    module, *arguments = stage.split()
    done = forked.run(project, module if "." in module else f"stages.{module}", *arguments)
    after = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
    (project / "params.yaml").write_text(params)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and message in line
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if "__pycache__" not in path.parts} == set()


def test_what_dvc_reads_for_its_pipeline_is_there_while_it_is_made_anew(project: Path) -> None:
    shown = load_yaml(ROOT / "dvc.yaml")
    outs = {name: stage.get("outs", []) for name, stage in shown["stages"].items()}
    made = [(name, out) for name in outs for out in outs[name] if set(out) & set(shown["vars"])]
    ((stage, out),) = made
    champions, code = project / next(iter(out)), project / f"stages/{stage}.py"
    before, written = champions.read_bytes(), code.read_bytes()
    code.write_text("raise SystemExit(1)")
    try:
        assert run(project, "dvc", "repro", "--single-item", stage).returncode != 0
        assert champions.read_bytes() == before
    finally:
        code.write_bytes(written)
