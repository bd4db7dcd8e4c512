"""Where something was masked in what is recorded.

Source: evidence-format section 5, `masks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TOKEN = re.compile(r"\[masked:[^:\[\]]{1,64}:[0-9a-f]{12}\]", re.ASCII)

Path = tuple[str | int, ...]


def masked_paths(value: Any) -> Iterator[Path]:
    """Yield the paths to the texts of a JSON value in which a token stands."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if type(one) is str:
            if TOKEN.search(one):
                yield path
        elif type(one) is dict:
            waiting += [((*path, name), inner) for name, inner in one.items()]
        elif type(one) is list:
            waiting += [((*path, at), inner) for at, inner in enumerate(one)]
