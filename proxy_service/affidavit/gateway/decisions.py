"""What the policy says of a call, with its recorded form prepared once for each rule.

Source: architecture "Configuration"; evidence-format section 5, call field `policy`.
"""

from __future__ import annotations

import orjson

from affidavit.errors import Refused
from affidavit.evidence.canonical import encode
from affidavit.gateway.call import Call, Permit
from affidavit.mcp.calls import needs_target
from affidavit.policy.decide import Facts, Policy


class Decisions:
    """Asks the policy in force."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._recorded: dict[tuple[str | None, str], orjson.Fragment] = {}

    def decide(self, call: Call) -> None:
        """Decide one call: by its target and arguments, or, where it has none, by whether the upstream is any use.

        Raises:
            Refused: It is denied.
        """
        facts = self.facts(call)
        decision = self._policy.decide(facts) if needs_target(facts.method) else self._policy.could_use(facts)
        key = (decision.rule, decision.decision)
        record = self._recorded.get(key)
        if record is None:
            record = self._recorded[key] = orjson.Fragment(encode(decision.record()))
        call.permit = Permit(decision, record)
        if not decision.allowed:
            raise Refused(decision.reason, code="denied")

    def lists(self, call: Call, tool: str) -> bool:
        """Tell whether a tool is shown to this principal: only what is denied for certain is hidden."""
        return self._policy.may_ever_allow(self.facts(call, method="tools/call", target=tool))

    def allows_server_request(self, call: Call, method: str) -> bool:
        """Tell whether the upstream may ask this of the client (`sampling/createMessage` and its like)."""
        return self._policy.decide(self.facts(call, method=method)).allowed

    def facts(self, call: Call, *, method: str | None = None, target: str | None = None) -> Facts:
        """Return what rules can look at."""
        assert call.principal is not None  # noqa: S101 the path authenticates before it decides
        same = method is None
        params = call.message.params if same and call.message is not None else None
        return Facts(
            principal=call.principal.variables,
            ip=call.inbound.ip,
            upstream=call.inbound.upstream,
            method=method or call.method or "",
            target=(call.target if same else target) or "",
            arguments=(params or {}).get("arguments") or {},
        )
