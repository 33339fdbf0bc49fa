"""The `dvc` of the project's environment: `make` puts these lines in the place of DVC's own script.

In a checkout of this project, or a folder of it, it is that checkout's `epochwise.dvc`; elsewhere
DVC as it is, and so is `python -m dvc` everywhere. Commands that say `python` get the environment's
own, activated or not.
"""

import os
import sys
from pathlib import Path
from runpy import run_module

own = str(Path(sys.executable).parent)
os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
here = Path.cwd()
found = [folder for folder in (here, *here.parents) if (folder / "epochwise/dvc.py").is_file()]
sys.path[:0] = map(str, found[:1])
run_module("epochwise.dvc" if found else "dvc", run_name="__main__", alter_sys=True)
