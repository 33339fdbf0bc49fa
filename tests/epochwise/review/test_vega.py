"""Vega's JavaScript is that of its package, and is put together once."""

from pathlib import Path

import pytest
import vl_convert

from epochwise.review import vega


def test_the_script_is_put_together_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(["vegaEmbed = 1; // é"])
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: next(made))
    first = vega.javascript()
    assert first == "vegaEmbed = 1; // é"
    assert vega.javascript() == first
    (kept,) = cache.iterdir()
    monkeypatch.setattr(vl_convert, "__version__", "another")
    with pytest.raises(StopIteration):
        vega.javascript()
    assert kept.read_text(encoding="utf-8") == first


def test_a_cache_that_takes_no_files_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "vegaEmbed = 1;")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert vega.javascript() == "vegaEmbed = 1;"
