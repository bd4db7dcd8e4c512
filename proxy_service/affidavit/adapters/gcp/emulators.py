"""Emulators are for tests: where the real thing runs, nothing may send its evidence to one.

Source: google-cloud "Cloud Run and functions" (`K_SERVICE`).
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.errors import Misconfigured


def refuse_emulators(environment: Mapping[str, str]) -> None:
    """Raise `Misconfigured` where Cloud Run is told to use an emulator."""
    if "K_SERVICE" in environment and emulated(environment):
        named = ", ".join(emulated(environment))
        raise Misconfigured(f"this is Cloud Run, and {named} would send evidence to an emulator: unset it")


def emulated(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that name an emulator."""
    return sorted(name for name, value in environment.items() if name.endswith("_EMULATOR_HOST") and value)
