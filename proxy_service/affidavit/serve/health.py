"""How the gateway is: whether it takes calls, and how old the oldest thing is that the log does not hold yet.

Source: architecture "Failures" (`uncommitted` grows and alarms).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from affidavit.clock import SECOND, Clock, Micros
from affidavit.evidence.recorder import Recorder
from affidavit.gateway.trail import Trail
from affidavit.identity.standing import STALE

OUTAGE = "the evidence store does not take records"  # anybody may ask; which bucket, and why, the diagnostics say
SILENT: Micros = 5 * SECOND  # a worker reports every second; after this nothing is known to be committed since


class Health:
    """Reads the state of one gateway and its worker."""

    def __init__(self, recorder: Recorder, trail: Trail, clock: Clock, *, has_worker: bool) -> None:
        self._recorder = recorder
        self._trail = trail
        self._clock = clock
        self._has_worker = has_worker
        self.policy: Callable[[], Mapping[str, Any]] = dict
        self.revocation: Callable[[], Mapping[str, Any]] | None = None
        self.directories: Callable[[], Mapping[str, Any]] | None = None
        self._told: Mapping[str, Any] = {}
        self._told_at = clock()
        self.worker_starts = 0
        self.worker_ended: str | None = None
        self.draining = False

    def told(self, state: Mapping[str, Any]) -> None:
        """Take what the worker reports after each of its steps."""
        self._told = state
        self.worker_ended = None
        self._told_at = self._clock()

    def read(self) -> dict[str, Any]:
        """Return the state as `/readyz` shows it; ages in seconds."""
        outage = self._recorder.outage
        state: dict[str, Any] = {
            "ready": outage is None and not self.draining,
            "draining": self.draining,
            "in_flight": self._trail.in_flight,
            "outage": None if outage is None else OUTAGE,
            "policy": self.policy(),
            "writer": self._recorder.writer.id,
        }
        if self.revocation is not None:
            state["revocation"] = self.revocation()
            lag = state["revocation"]["lag_s"]
            state["revocation_lag_s"] = lag
            state["ready"] = state["ready"] and lag is not None and lag * SECOND <= STALE
        if self.directories is not None:  # how long ago each was confirmed
            state["directories"] = {name: {"confirmed_s": age} for name, age in self.directories().items()}
        return {**state, **self._log()} if self._has_worker else state

    def _log(self) -> dict[str, Any]:
        return {
            "log_size": self._told.get("size"),
            "uncommitted_s": round(self._uncommitted() / SECOND, 3),
            "worker": {"error": self._told.get("error") or self.worker_ended, "starts": self.worker_starts},
        }

    def _uncommitted(self) -> Micros:
        """Return the age of the oldest thing that is not known to be in the log."""
        silent = self._clock() - self._told_at
        waited: Micros = self._told.get("uncommitted_us", 0)
        return waited if silent < SILENT else waited + silent
