"""What a policy says about one request.

Source: evidence-format section 5, call field `policy`; architecture "Configuration"; identity-and-approvals
"Approvals".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from affidavit.clock import MINUTE, Micros

Verdict = Literal["allow", "deny", "require_approval"]
Effect = Literal["read", "write"]
Strength = Literal["any", "console"]

EXPIRES: Micros = 15 * MINUTE  # of an approval, unless its rule says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTerms:
    """Who may agree to a request, and how.

    Attributes:
        approvers: Addresses of people in lower case, and `group:<name>`.
        expires: How long after it was asked for an approval is good.
        strength: `console` where only a page behind a real login will do.
        approvals: How many distinct people must agree.
        hold: How long a call may wait for them; 0 where it is answered at once.
        reason_required: Whether approving, too, takes a reason.
    """

    approvers: tuple[str, ...]
    expires: Micros = EXPIRES
    strength: Strength = "any"
    approvals: int = 1
    hold: Micros = 0
    reason_required: bool = False

    @property
    def people(self) -> tuple[str, ...]:
        """The approvers that are named, and not members of a group."""
        return tuple(approver for approver in self.approvers if not approver.startswith("group:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much one person may have through one rule.

    Attributes:
        calls: In one window; None where they are not counted.
        answers: Bytes of answers in one window; None where they are not counted.
        per: A window's length.
    """

    calls: int | None
    answers: int | None
    per: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer with its grounds.

    Attributes:
        rule: The rule that decided; None when no rule matched, which denies.
        decision: What is recorded as `policy.decision`.
        reason: A sentence for whoever asked; names no other person and no argument.
        effect: Without the rule's word for it a request counts as a write.
        digest: SHA-256 of the policy file's exact bytes, hex.
        approval: On whose word it may go on; only with `require_approval`.
        missing_scopes: What the rule wants of the token and it has not; then it is denied, whatever the rule says.
        budget: What is counted of an allowed request.
    """

    rule: str | None
    decision: Verdict
    reason: str
    effect: Effect
    digest: str
    approval: ApprovalTerms | None = None
    missing_scopes: tuple[str, ...] = ()
    budget: Budget | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may go on without anybody's approval."""
        return self.decision == "allow"

    @property
    def code(self) -> str:
        """How a refusal by this decision is called."""
        if self.missing_scopes:
            return "insufficient_scope"
        return "approval_needed" if self.decision == "require_approval" else "denied"

    def record(self) -> dict[str, str | None]:
        """Return the call field `policy`."""
        return {"digest": self.digest, "rule": self.rule, "decision": self.decision}
