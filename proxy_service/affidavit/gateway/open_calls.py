"""The calls that are under way, so that those of whoever is locked out can be cut.

Source: identity-and-approvals "Revocation" (a revoked person cuts their running streams and their jobs).
"""

from __future__ import annotations

import asyncio

from affidavit.gateway.call import Call
from affidavit.identity.standing import Standing


class OpenCalls:
    """Knows every call from its first byte to its last, with the task that serves it."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._tasks: dict[str, tuple[Call, asyncio.Task[object]]] = {}

    def begin(self, call: Call) -> None:
        """Take note of a call, which the current task serves."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks[call.id] = call, task

    def end(self, call: Call) -> None:
        """Forget a call."""
        self._tasks.pop(call.id, None)

    def cut(self) -> int:
        """Cut the calls of everybody who is not let in any more; return how many."""
        hit = [(call, task) for call, task in self._tasks.values() if self._is_hit(call)]
        for call, task in hit:
            call.cut = call.inbound.cut = True
            task.cancel()
        return len(hit)

    def _is_hit(self, call: Call) -> bool:
        principal = call.principal
        return not call.cut and principal is not None and self._standing.against(principal, call.session) is not None
