"""A data folder as commands that only read it see it; nothing in it is made, locked or changed."""

from __future__ import annotations

from pathlib import Path

from affidavit.audit.timeline.standing import read_key
from affidavit.audit.verify.buckets import Buckets
from affidavit.errors import Malformed, Misconfigured
from affidavit.tlog.note import VerifierKey


def open_buckets(folder: Path) -> Buckets:
    """Return the buckets of a data folder, or of a copy of one.

    Raises:
        Misconfigured: It is none.
    """
    if not (folder / "evidence").is_dir():
        raise Misconfigured(f"{folder} is no data folder: there is no evidence/ in it")
    return Buckets.of(str(folder / "evidence"), [str(folder / "bodies")], {}, str(folder / "log"))


def log_key(folder: Path) -> VerifierKey | None:
    """Return the key in `log.vkey`, None where there is none.

    Raises:
        Misconfigured: What is there is no key.
    """
    path = folder / "log.vkey"
    try:
        return read_key(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, Malformed) as error:
        raise Misconfigured(f"{path} is no verifier key: {error}") from error
