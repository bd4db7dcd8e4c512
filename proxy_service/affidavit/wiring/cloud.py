"""The one lazy import: what needs Google's libraries is loaded where somebody asks for it.

So a folder is served and verified without them.

Source: architecture "The house" (`wiring/`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from affidavit.errors import Misconfigured


def load_cloud(module: str) -> Any:
    """Return a module of `affidavit.wiring` that needs Google's libraries.

    Raises:
        Misconfigured: They are not installed.
    """
    try:
        return import_module(f"affidavit.wiring.{module}")
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f'this needs the libraries of Google Cloud ({error.name} is missing): pip install "affidavit[gcp]"'
        ) from error
