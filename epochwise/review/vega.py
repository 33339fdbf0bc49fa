"""Vega's own JavaScript from a package, for pages that need no network."""

import json
from contextlib import suppress
from pathlib import Path

from epochwise.core.cli import InputError
from epochwise.core.files import replacing
from epochwise.data.download import cached
from epochwise.review.charts import Spec

WIDTH = 640
"""Pixels of a chart that is a picture."""
DVC_TEMPLATE = "tmp/plots.html"
"""The template of `dvc plots show`, in the folder .dvc."""
_DVC_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>DVC plots</title>
<script>
"""
_DVC_BODY = """
</script>
<style>
body { font-family: sans-serif; margin: 1rem; }
body > div { overflow-x: auto; }
div { vertical-align: top; }
img { max-width: 100%; }
</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed, which make `vegaEmbed` known to the page.

    The package takes seconds to put them together: a version does it once.
    """
    import vl_convert

    version: str = vl_convert.__version__  # type: ignore[attr-defined]
    kept = cached(f"vega-{version}.js")
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    with suppress(OSError), replacing(kept) as beside:
        beside.write_text(bundle, encoding="utf-8")
    return bundle


def png(spec: Spec) -> bytes:
    """A chart as a picture of WIDTH pixels."""
    import vl_convert

    drawn = spec | {"width": WIDTH, "background": "white"}
    drawn.pop("autosize", None)
    picture: bytes = vl_convert.vegalite_to_png(json.dumps(drawn), scale=1.5)
    return picture


def write_dvc_template(root: Path) -> Path:
    """Write the page that `dvc plots show` fills, and set it in .dvc/config.local of `root`.

    With it the plots need no network. The setting is of this machine alone, as is the file: without
    the file DVC would refuse to show anything.

    Raises:
        InputError: `root` is not in a project of git and DVC.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        repo = Repo(str(root))
    except DvcException as error:
        raise InputError(f"{error}: run this in the project's folder, a clone of git") from None
    with repo:
        path = Path(repo.dvc_dir, DVC_TEMPLATE)
        with replacing(path) as beside:
            # DVC puts its plots in, and leaves its own scripts out as nothing asks for them.
            beside.write_text(_DVC_PAGE + javascript() + _DVC_BODY, encoding="utf-8")
        with repo.config.edit("local") as config:
            config.setdefault("plots", {})["html_template"] = DVC_TEMPLATE
    return path
