"""Emulators are for tests: where the real thing runs, nothing may send its evidence to one.

Source: google-cloud "Cloud Run and functions" (`K_SERVICE`).
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.errors import Misconfigured


def refuse_emulators(environment: Mapping[str, str]) -> None:
    """Raise `Misconfigured` where Cloud Run is told to use an emulator."""
    named = sorted(name for name in environment if name.endswith("_EMULATOR_HOST"))
    if "K_SERVICE" in environment and named:
        raise Misconfigured(f"this is Cloud Run, and {', '.join(named)} would send evidence to an emulator: unset it")
