"""Seeds and threads that are none stop a stage before it has drawn anything."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.settings import Engine, Seed


@pytest.mark.parametrize("seed", [None, -1, 1.5, "1", True, 2**31])
def test_a_seed_is_a_whole_number(seed: Any, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"seed": {"data": seed, "training": 1}}))
    with pytest.raises(InputError, match=r"'seed\.data' is "):
        params.read("seed", Seed, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threads": 0}, r"'engine\.threads' is 0: input should be greater than 0"),
        ({"partition_rows": 0}, r"'engine\.partition_rows' is 0: input should be greater than 0"),
        ({"name": "spark"}, r"'engine\.name' is 'spark'"),
        ({"workers": 2}, "'engine': workers and scheduler are for engine=dask"),
        ({"name": "dask", "scheduler": "host:8786"}, r"'engine\.scheduler' is 'host:8786'"),
    ],
)
def test_an_engine_that_cannot_run_is_told(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"engine": {"partition_rows": 1, **change}}))
    with pytest.raises(InputError, match=message):
        params.read("engine", Engine, path)
