"""Progress: a bar on a terminal, one plain line per step elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int | None, name: str) -> Iterator[Item]:
    """Yield `items` and show `name` and how many are done, of `total` if that is known."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=name, leave=False)
        return
    start = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        of_total = f" of {total}" if total else ""
        print(f"{name}: {done}{of_total} ({time.monotonic() - start:.0f} s)", flush=True)
