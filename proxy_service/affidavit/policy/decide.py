"""Decisions: the first rule that matches wins, and nothing matching denies.

Only a condition that *is* true matches. One that fails counts as matched for `deny` and as not matched for `allow`.
Never looks at what a client says of itself, and never does I/O.

Source: architecture "Configuration"; identity-and-approvals "Which human started this job".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.policy.condition import OBJECT, TEXT, TEXTS, Condition, Language
from affidavit.policy.decision import Decision, Effect, Verdict

VARIABLES = {
    "principal.attribution": TEXT,
    "principal.issuer": TEXT,
    "principal.subject": TEXT,
    "principal.email": TEXT,
    "principal.person": TEXT,
    "principal.groups": TEXTS,
    "principal.run": TEXT,
    "principal.claims": OBJECT,
    "claims": OBJECT,
    "client.ip": TEXT,
    "upstream": TEXT,
    "method": TEXT,
    "target": TEXT,
    "arguments": OBJECT,
}

_SELF_REPORTED = "what a client says of itself decides nothing; there is client.ip"
_LATER = "not supported yet"
_HINTS = {
    "principal": "name a member of it, as in principal.email; a member that is absent is the empty text",
    "client": "name its member client.ip",
    "client.name": _SELF_REPORTED,
    "client.version": _SELF_REPORTED,
    "client.user_agent": _SELF_REPORTED,
    "client.networks": _LATER,
    "statement": _LATER,
    "statement.effect": _LATER,
    "principal.actor": _LATER,
    "principal.on_behalf_of": _LATER,
}

RULES = Language(VARIABLES, _HINTS)

_THING = frozenset({"target", "arguments"})
_REQUEST = _THING | {"method"}
_NOBODY = "none"  # the attribution of a principal behind whom no person is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the policy file, in its order.

    Attributes:
        when: Compiled in the language `RULES`.
        effect: What an allowed request counts as; `write` unless the rule says otherwise.
        reason: What a denied caller reads; None for a plain sentence.
    """

    name: str
    when: Condition
    then: Verdict
    effect: Effect = "write"
    reason: str | None = None

    @property
    def explicit(self) -> bool:
        """Whether the rule names what is done: a target or a method."""
        return not self.when.names.isdisjoint(("target", "method"))

    def serves(self, attribution: str) -> bool:
        """Tell whether an allow holds for such a principal without anybody's approval."""
        return attribution != _NOBODY or (self.explicit and self.effect == "read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule can look at.

    Attributes:
        principal: Values of all `principal.` variables and of `claims`, by their names; prepared once per principal.
        target: The tool, prompt or resource; empty for a request that has none.
        arguments: Of the request; empty when it has none.
    """

    principal: Mapping[str, Any]
    ip: str
    upstream: str
    method: str = ""
    target: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Policy:
    """Rules in force.

    Args:
        rules: In the order of the file.
        digest: SHA-256 of the policy file's exact bytes, hex.
    """

    def __init__(self, rules: Iterable[Rule], digest: str) -> None:
        self.rules = tuple(rules)
        self.digest = digest
        named = frozenset[str]().union(*(rule.when.names for rule in self.rules))
        self._of_principal = tuple(sorted(name for name in named if name == "claims" or name.startswith("principal.")))
        self._of_request = tuple(sorted(named.intersection(("upstream", "method", "target", "arguments"))))
        self._ip = "client.ip" in named
        self.names_arguments = "arguments" in named

    def decide(self, facts: Facts) -> Decision:
        """Decide one request whose method, target and arguments are all known."""
        variables = RULES.bind(self._values(facts))
        for rule in self.rules:
            if self._matches(rule, rule.when.evaluate(variables)):
                return self._by(rule, facts)
        return self._unmatched()

    def may_ever_allow(self, facts: Facts) -> bool:
        """Tell, for a listing, whether some arguments could make `decide` allow this request.

        A condition that fails only because arguments are not known yet means *maybe*: what this hides is denied for
        certain, whatever the arguments.
        """
        variables = RULES.bind(self._values(facts, unknown=("arguments",)))
        for rule in self.rules:
            outcome = rule.when.evaluate(variables)
            maybe = outcome is None and "arguments" in rule.when.names
            if rule.then == "allow" and (outcome or maybe) and rule.serves(_attribution(facts)):
                return True
            if not maybe and self._matches(rule, outcome):
                return False
        return False

    def could_use(self, facts: Facts) -> Decision:
        """Decide a request that has no target and no arguments (`initialize`, `tools/list`, `ping`).

        It is allowed when some rule could let this principal use the upstream at all; that rule is named. It is denied
        by a rule that says so of the method, or of the principal whatever they ask for.
        """
        known = RULES.bind(self._values(facts))
        anything = RULES.bind(self._values(facts, unknown=_REQUEST))
        candidate: Rule | None = None
        unserved: Rule | None = None
        for rule in self.rules:
            matched = self._matches(rule, rule.when.evaluate(known))
            if rule.then == "allow":
                serves = rule.serves(_attribution(facts))
                if matched and serves:
                    return self._by(rule, facts)
                if matched or _possible(rule, anything):
                    candidate, unserved = (candidate or rule, unserved) if serves else (candidate, unserved or rule)
            elif matched and "method" in rule.when.names:
                return self._by(rule, facts)
            elif matched and rule.when.names.isdisjoint(_THING):
                return self._by(candidate or rule, facts)
        found = candidate or unserved  # the second is a denial, with a better reason than that nothing matched
        return self._by(found, facts) if found else self._unmatched()

    def _values(self, facts: Facts, unknown: Iterable[str] = ()) -> dict[str, Any]:
        """Return the named variables only: converting is what a decision costs most."""
        values = {name: facts.principal[name] for name in self._of_principal}
        for name in self._of_request:
            if name not in unknown:
                values[name] = getattr(facts, name)
        if self._ip:
            values["client.ip"] = facts.ip
        return values

    @staticmethod
    def _matches(rule: Rule, outcome: bool | None) -> bool:  # noqa: FBT001
        return outcome is True or (outcome is None and rule.then == "deny")

    def _by(self, rule: Rule, facts: Facts) -> Decision:
        if rule.then == "deny":
            return self._decision(rule, "deny", rule.reason or f"The rule {rule.name!r} denies this.")
        if not rule.serves(_attribution(facts)):
            return self._decision(rule, "deny", _unserved(rule))
        return self._decision(rule, "allow", f"The rule {rule.name!r} allows this.")

    def _decision(self, rule: Rule, verdict: Verdict, reason: str) -> Decision:
        return Decision(rule=rule.name, decision=verdict, reason=reason, effect=rule.effect, digest=self.digest)

    def _unmatched(self) -> Decision:
        return Decision(rule=None, decision="deny", reason="No rule allows this.", effect="write", digest=self.digest)


def _attribution(facts: Facts) -> str:
    attribution: str = facts.principal["principal.attribution"]
    return attribution


def _possible(rule: Rule, variables: Any) -> bool:
    """Tell whether an allow rule could match some request of this principal to this upstream."""
    outcome = rule.when.evaluate(variables)
    return outcome is True or (outcome is None and not rule.when.names.isdisjoint(_REQUEST))


def _unserved(rule: Rule) -> str:
    return (
        f"No person stands behind this credential, and the rule {rule.name!r} is not one that names a read: "
        "it takes a person, a sponsor or an approver."
    )
