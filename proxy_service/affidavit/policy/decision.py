"""What a policy says about one request.

Source: evidence-format section 5, call field `policy`; architecture "Configuration".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["allow", "deny"]
Effect = Literal["read", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer with its grounds.

    Attributes:
        rule: The rule that decided; None when no rule matched, which denies.
        decision: What is recorded as `policy.decision`.
        reason: A sentence for whoever asked; names no other person and no argument.
        effect: Without the rule's word for it a request counts as a write.
        digest: SHA-256 of the policy file's exact bytes, hex.
    """

    rule: str | None
    decision: Verdict
    reason: str
    effect: Effect
    digest: str

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.decision == "allow"

    def record(self) -> dict[str, str | None]:
        """Return the call field `policy`."""
        return {"digest": self.digest, "rule": self.rule, "decision": self.decision}
