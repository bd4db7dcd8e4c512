"""What the policy says of a call, with its recorded form prepared once for each rule.

Source: architecture "Configuration"; evidence-format section 5, call field `policy`.
"""

from __future__ import annotations

import orjson

from affidavit.errors import Refused
from affidavit.evidence.canonical import encode
from affidavit.gateway.call import Call
from affidavit.gateway.in_force import InForce, Permit
from affidavit.mcp.calls import needs_target
from affidavit.mcp.definitions import Listed
from affidavit.policy.decide import Facts, Policy

REMEMBERED = 2_000  # decisions; a key is at most some 4 KiB, since names are bounded


class Decisions:
    """Asks the policy in force.

    Attributes:
        current: What calls are decided by from now on; those that were decided keep theirs.
    """

    def __init__(self, current: InForce) -> None:
        self.current = current

    def decide(self, call: Call) -> None:
        """Decide one call: by its target and arguments, or, where it has none, by whether the upstream is any use.

        Raises:
            Refused: It is denied.
        """
        call.in_force = self.current
        call.permit = self._permit(call)
        decision = call.permit.decision
        if decision is not None and not decision.allowed:
            raise Refused(decision.reason, code=decision.code)

    def lists(self, call: Call, listed: Listed, name: str) -> bool:
        """Tell whether what is listed is shown to this principal: only what is denied for certain is hidden."""
        facts = self.facts(call, method=listed.used_by, target="" if listed.pattern else name)
        return self._policy(call).may_ever_allow(facts, target_known=not listed.pattern)

    def allows_server_request(self, call: Call, method: str) -> bool:
        """Tell whether the upstream may ask this of the client (`sampling/createMessage` and its like)."""
        return self._policy(call).may_ask(self.facts(call, method=method))

    def _permit(self, call: Call) -> Permit:
        """Return the decision; it is made once for calls that are alike, where no rule looks at what they differ in."""
        if not self._repeats(call):
            return self._decided(call)
        permits = self.current.permits
        assert call.principal is not None  # noqa: S101 the path authenticates before it decides
        asks = call.inbound.ip, call.session, call.inbound.upstream, call.method, call.target
        key = (call.principal.key, asks)
        known = permits.get(key)
        if known is None:
            if len(permits) >= REMEMBERED:
                permits.clear()
            known = permits[key] = self._decided(call)
        return known

    def _decided(self, call: Call) -> Permit:
        facts = self.facts(call)
        policy = self._policy(call)
        decision = policy.decide(facts) if needs_target(facts.method) else policy.could_use(facts)
        return Permit(decision, orjson.Fragment(encode(decision.record())))

    def _repeats(self, call: Call) -> bool:
        policy, upstream, method = self.current.policy, call.inbound.upstream, call.method or ""
        if needs_target(method):
            return policy.repeats(upstream, method, call.target or "")
        return policy.use_repeats(upstream)

    def _policy(self, call: Call) -> Policy:
        return (call.in_force or self.current).policy

    def facts(self, call: Call, *, method: str | None = None, target: str | None = None) -> Facts:
        """Return what rules can look at."""
        assert call.principal is not None  # noqa: S101 the path authenticates before it decides
        same = method is None
        looked_at = same and call.message is not None and needs_target(call.method or "")
        params = call.message.params if looked_at and call.message is not None else None
        return Facts(
            principal=call.principal.variables,
            ip=call.inbound.ip,
            upstream=call.inbound.upstream,
            method=method or call.method or "",
            target=(call.target if same else target) or "",
            arguments=(params or {}).get("arguments") or {},
            size=len(call.inbound.body) if looked_at else 0,
            session=call.session or "",
            now=call.received,
        )
