"""Decisions: the first rule that matches wins, and nothing matching denies.

Only a condition that *is* true matches. One that fails counts as matched for `deny` and `require_approval`, and as not
matched for `allow`. Never looks at what a client says of itself, and never does I/O.

Source: architecture "Configuration"; identity-and-approvals "Which human started this job", "Approvals".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from affidavit.policy.condition import Condition
from affidavit.policy.decision import ApprovalTerms, Budget, Decision, Effect, Verdict
from affidavit.policy.facts import LOOPED, OF_ARGUMENTS, PASSING, RULES, STATEMENT, VARIABLES, Facts, Surroundings
from affidavit.policy.rule_index import Candidates, RuleIndex
from affidavit.policy.scopes import missing_scopes

__all__ = ["RULES", "VARIABLES", "Explained", "Facts", "Policy", "Rule", "Surroundings"]

_THING = OF_ARGUMENTS | {"target"}
_REQUEST = _THING | {"method"}
_NOBODY = "none"  # the attribution of a principal behind whom no person is known
_NO_METHOD = "affidavit/none"  # no request has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the policy file, in its order.

    Attributes:
        when: Compiled in the language `RULES`.
        effect: What an allowed request counts as; `write` unless the rule says otherwise.
        reason: What a denied caller reads; None for a plain sentence.
        approval: Whose approval it takes; only with `require_approval`.
        scopes: What the token must be good for (RFC 6749 section 3.3).
        budget: What is counted of requests that it lets through.
    """

    name: str
    when: Condition
    then: Verdict
    effect: Effect = "write"
    reason: str | None = None
    approval: ApprovalTerms | None = None
    scopes: tuple[str, ...] = ()
    budget: Budget | None = None

    @property
    def explicit(self) -> bool:
        """Whether the rule names what is done: a target or a method."""
        return not self.when.names.isdisjoint(("target", "method"))

    def matches(self, outcome: bool | None) -> bool:  # noqa: FBT001
        """Tell whether the rule decides, by what its condition comes to."""
        return outcome is True or (outcome is None and self.then != "allow")

    def serves(self, attribution: str) -> bool:
        """Tell whether the rule lets such a principal do anything: nobody writes without a named approver."""
        if attribution != _NOBODY:
            return True
        approved = self.approval is not None and bool(self.approval.people)
        return self.explicit and (self.effect == "read" or approved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What one rule made of one request.

    Attributes:
        outcome: What its condition comes to; None when it fails.
        matches: Whether the rule would decide, if none before it did.
        values: Of the variables that it names; one that cannot be told is absent.
    """

    rule: Rule
    outcome: bool | None
    matches: bool
    values: Mapping[str, Any]


class Policy:
    """Rules in force.

    Args:
        rules: In the order of the file.
        digest: SHA-256 of the policy file's exact bytes, hex.
        surroundings: What else the file tells rules about requests.
    """

    def __init__(self, rules: Iterable[Rule], digest: str, surroundings: Surroundings | None = None) -> None:
        self.rules = tuple(rules)
        self.digest = digest
        self._around = surroundings or Surroundings()
        self._index = RuleIndex(self.rules)
        self._unmatched = Decision(
            rule=None, decision="deny", reason="No rule allows this.", effect="write", digest=digest
        )

    def decide(self, facts: Facts) -> Decision:
        """Decide one request whose method, target and arguments are all known."""
        for rule, outcome in self._outcomes(self._candidates(facts), facts):
            if rule.matches(outcome):
                return self._by(rule, facts)
        return self._unmatched

    def repeats(self, upstream: str, method: str, target: str) -> bool:
        """Tell whether `decide` gives the same for calls that are alike but for their time and arguments."""
        return self._index.candidates(upstream, method, target).names.isdisjoint(PASSING)

    def use_repeats(self, upstream: str) -> bool:
        """Tell the same of `could_use`, for requests that have no arguments."""
        return "now" not in self._index.candidates(upstream, None, None).names

    def may_ever_allow(self, facts: Facts, *, target_known: bool = True) -> bool:
        """Tell, for a listing, whether some arguments could make `decide` let this request through, perhaps approved.

        A condition that fails only because something is not known yet means *maybe*: what this hides is denied for
        certain, whatever the arguments, and whatever the target where that is not known either.
        """
        unknown = OF_ARGUMENTS if target_known else _THING
        for rule, outcome in self._outcomes(self._candidates(facts, unknown), facts, unknown):
            maybe = outcome is None and not rule.when.names.isdisjoint(unknown)
            matches = rule.matches(outcome)
            if rule.then != "deny" and (matches or maybe) and rule.serves(_attribution(facts)):
                return True
            if matches and not maybe:
                return False
        return False

    def may_ask(self, facts: Facts) -> bool:
        """Tell whether an upstream may ask something of a client (`sampling/createMessage` and its like).

        Only a rule that tells this method from others allows it: one that lets people use the upstream does not. A rule
        that denies, or takes an approval, counts however broad it is.
        """
        other = replace(facts, method=_NO_METHOD)
        for rule, outcome in self._outcomes(self._index.everything, facts):
            if not rule.matches(outcome):
                continue
            if rule.then != "allow":
                return False
            if "method" in rule.when.names and rule.when.evaluate(self._bind(rule.when.names, other)) is False:
                return self._by(rule, facts).allowed
        return False

    def could_use(self, facts: Facts) -> Decision:
        """Decide a request that has no target and no arguments (`initialize`, `tools/list`, `ping`).

        It is allowed when some rule could let this principal use the upstream at all, be it with an approval; that rule
        is named. It is denied by a rule that says so of the method, or of the principal whatever they ask for.
        """
        candidates = self._candidates(facts, _REQUEST)
        anything = self._bind(candidates.names, facts, _REQUEST)
        usable: Rule | None = None
        unserved: Rule | None = None
        for rule, outcome in self._outcomes(candidates, facts):
            matched = rule.matches(outcome)
            if matched and rule.then != "allow" and "method" in rule.when.names:
                return self._by(rule, facts)
            if rule.then == "deny":
                if matched and rule.when.names.isdisjoint(_THING):
                    return self._uses(usable) if usable else self._by(rule, facts)
                continue
            serves = rule.serves(_attribution(facts))
            if matched and serves and rule.then == "allow":
                decision = self._by(rule, facts)
                return decision if decision.allowed or usable is None else self._uses(usable)
            if matched or _possible(rule, anything):
                usable, unserved = (usable or rule, unserved) if serves else (usable, unserved or rule)
        if usable:
            return self._uses(usable)
        # A denial with a better reason than that nothing matched.
        return self._by(unserved, facts) if unserved else self._unmatched

    def explain(self, facts: Facts) -> list[Explained]:
        """Return what every rule makes of a request, also those after the one that decides."""
        return [self._explained(rule, facts) for rule in self.rules]

    @property
    def surroundings(self) -> Surroundings:
        """What else the file tells rules about requests."""
        return self._around

    def says(self, rule: Rule, facts: Facts) -> Decision:
        """Return what one of the rules says of a request that it matches."""
        return self._by(rule, facts)

    def _explained(self, rule: Rule, facts: Facts) -> Explained:
        values = self._around.values(sorted(rule.when.names), facts)
        outcome = None if _is_too_long(rule, facts) else rule.when.evaluate(RULES.bind(values))
        return Explained(rule=rule, outcome=outcome, matches=rule.matches(outcome), values=values)

    def _candidates(self, facts: Facts, unknown: Collection[str] = ()) -> Candidates[Rule]:
        return self._index.candidates(
            facts.upstream,
            None if "method" in unknown else facts.method,
            None if "target" in unknown else facts.target,
        )

    def _outcomes(
        self, candidates: Candidates[Rule], facts: Facts, unknown: Collection[str] = ()
    ) -> Iterator[tuple[Rule, bool | None]]:
        """Yield rules with what their conditions come to; a statement is read when the first rule asks for it."""
        cheap = self._bind(candidates.cheap, facts, unknown)
        whole: Any = None
        for rule in candidates.rules:
            if _is_too_long(rule, facts):
                yield rule, None
            elif rule.when.names.isdisjoint(STATEMENT):
                yield rule, rule.when.evaluate(cheap)
            else:
                whole = whole or self._bind(candidates.names, facts, unknown)
                yield rule, rule.when.evaluate(whole)

    def _bind(self, names: Iterable[str], facts: Facts, unknown: Collection[str] = ()) -> Any:
        return RULES.bind(self._around.values(names, facts, unknown))

    def _by(self, rule: Rule, facts: Facts) -> Decision:
        if rule.then == "deny":
            return self._decision(rule, "deny", rule.reason or f"The rule {rule.name!r} denies this.")
        if not rule.serves(_attribution(facts)):
            return self._decision(rule, "deny", _unserved(rule))
        missing = missing_scopes(rule.scopes, facts.principal) if rule.scopes else ()
        if missing:
            return replace(self._decision(rule, "deny", _unscoped(rule, missing)), missing_scopes=missing)
        if rule.then == "require_approval":
            reason = rule.reason or f"The rule {rule.name!r} lets this through with an approval."
            return replace(self._decision(rule, "require_approval", reason), approval=rule.approval, budget=rule.budget)
        return replace(self._decision(rule, "allow", f"The rule {rule.name!r} allows this."), budget=rule.budget)

    def _uses(self, rule: Rule) -> Decision:
        return self._decision(rule, "allow", f"The rule {rule.name!r} lets this upstream be used.")

    def _decision(self, rule: Rule, verdict: Verdict, reason: str) -> Decision:
        return Decision(rule=rule.name, decision=verdict, reason=reason, effect=rule.effect, digest=self.digest)


def _attribution(facts: Facts) -> str:
    attribution: str = facts.principal["principal.attribution"]
    return attribution


def _is_too_long(rule: Rule, facts: Facts) -> bool:
    """Tell whether a condition would go over more than it may; it fails without being tried."""
    return facts.size > LOOPED and rule.when.loops and "arguments" in rule.when.names


def _possible(rule: Rule, variables: Any) -> bool:
    """Tell whether a rule could match some request of this principal to this upstream."""
    outcome = rule.when.evaluate(variables)
    return outcome is True or (outcome is None and not rule.when.names.isdisjoint(_REQUEST))


def _unserved(rule: Rule) -> str:
    return (
        f"No person stands behind this credential, and the rule {rule.name!r} is not one that names a read: "
        "it takes a person, a sponsor or a named approver."
    )


def _unscoped(rule: Rule, missing: tuple[str, ...]) -> str:
    return f"The rule {rule.name!r} takes a token with the scope {' '.join(missing)}: ask for one and try again."
