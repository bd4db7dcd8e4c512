"""Reading the policy file that a command line names."""

from __future__ import annotations

from pathlib import Path

from affidavit.errors import Misconfigured
from affidavit.policy.configuration import Configuration
from affidavit.policy.document import load


def read(path: Path) -> bytes:
    """Return a file's bytes; raises `Misconfigured` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error


def read_policy(path: Path) -> Configuration:
    """Return what a configuration file says; raises `Misconfigured` with everything that is wrong with it."""
    return load(path, read(path))
