"""Budgets: how much a person has had through a rule, and whether there is more.

Counted in the memory of this process, so per instance. A call counts when it is about to be forwarded, and not at all
when it never was; a retry counts again. An answer counts when it has come: one that is larger than what is left is
released, and the next call is refused.

Source: the requirements "Policy"; RFC 9110 section 10.2.3 (`Retry-After`).
"""

from __future__ import annotations

from collections.abc import Hashable

from affidavit.clock import DAY, MINUTE, SECOND, Clock, Micros
from affidavit.errors import Refused
from affidavit.gateway.call import Call, Released, Window
from affidavit.identity.principal import Principal
from affidavit.mcp.calls import needs_target
from affidavit.policy.decision import Budget

WINDOWS = 50_000  # counted at once, each some 400 bytes
_UNITS = ((DAY, "d"), (60 * MINUTE, "h"), (MINUTE, "m"), (SECOND, "s"))


class Budgets:
    """Counts."""

    def __init__(self, clock: Clock, most: int = WINDOWS) -> None:
        self._clock = clock
        self._most = most
        self._windows: dict[Hashable, Window] = {}

    def take(self, call: Call) -> None:
        """Count a call that is about to be forwarded.

        Raises:
            Refused: There is no more in this window (`over_budget`); it says when there is.
        """
        decision = call.permit.decision if call.permit is not None else None
        if decision is None or decision.budget is None or not needs_target(call.method or ""):
            return
        assert call.principal is not None  # noqa: S101 the path authenticates before it counts
        budget, now = decision.budget, self._clock()
        window = self._window((decision.rule, _who(call.principal)), budget, now)
        spent = _spent(window, budget)
        if spent is not None:
            raise _refusal(f"The rule {decision.rule!r} gives you {spent}", window.ends - now)
        window.calls += 1
        call.window = window

    def answered(self, call: Call, released: Released) -> None:
        """Count what has come for a call."""
        if call.window is not None:
            call.window.answers += len(released.came)

    def settle(self, call: Call) -> None:
        """Give back what was counted for a call that was not forwarded after all."""
        if call.window is not None and not call.sent:
            call.window.calls -= 1
            call.window = None

    def _window(self, key: Hashable, budget: Budget, now: Micros) -> Window:
        window = self._windows.get(key)
        if window is None or not window.began <= now < window.ends:
            if window is None and len(self._windows) >= self._most:
                self._forget(now)
            window = self._windows[key] = Window(now, now + budget.per)
        return window

    def _forget(self, now: Micros) -> None:
        """Make room, of windows that have ended; there is none where as many people call as can be counted."""
        self._windows = {key: window for key, window in self._windows.items() if window.began <= now < window.ends}
        if len(self._windows) >= self._most:
            raise _refusal("More people call than can be counted", MINUTE)


def _who(principal: Principal) -> Hashable:
    return principal.person or (principal.issuer, principal.subject)


def _spent(window: Window, budget: Budget) -> str | None:
    if budget.calls is not None and window.calls >= budget.calls:
        return f"{budget.calls:,} calls in {_length(budget.per)}, which you have had"
    if budget.answers is not None and window.answers >= budget.answers:
        return f"{budget.answers:,} bytes of answers in {_length(budget.per)}, which you have had"
    return None


def _refusal(why: str, left: Micros) -> Refused:
    seconds = max(1, -(-left // SECOND))
    return Refused(f"{why}. Try again in {seconds} s.", code="over_budget", retry_after_s=seconds)


def _length(length: Micros) -> str:
    return next(f"{length // unit} {letter}" for unit, letter in _UNITS if length % unit == 0)
