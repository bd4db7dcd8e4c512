"""What may stand in a policy, and is probably not meant.

Never an error: whoever wrote it may know why.

Source: architecture "Configuration"; identity-and-approvals "Which human started this job".
"""

from __future__ import annotations

from collections.abc import Iterator

from affidavit.policy.configuration import Configuration
from affidavit.policy.decide import RULES, VARIABLES, Rule
from affidavit.policy.reads import reads

_PEOPLE = frozenset({"person", "ci-person", "delegated", "sponsored"})


def doubts(configuration: Configuration) -> Iterator[str]:
    """Yield sentences, each with the name of the rule or the person that it is about."""
    yield from _unreachable(configuration.rules)
    for rule in configuration.rules:
        yield from _of_rule(rule)
    yield from _sponsors(configuration)
    yield from _approvers(configuration)
    if not any(rule.then != "deny" for rule in configuration.rules):
        yield "no rule allows anything: every call will be denied"
    if not configuration.masking:
        yield "masking is switched off: credentials and whatever else is said will stand in the evidence as they are"


def _unreachable(rules: tuple[Rule, ...]) -> Iterator[str]:
    texts: dict[str, str] = {}
    always: str | None = None
    for rule in rules:
        text = " ".join(rule.when.text.split())
        if always is not None:
            yield f"{rule.name} can never match: {always}, above it, always does"
        elif text in texts:
            yield f"{rule.name} can never match: {texts[text]}, above it, has the same condition"
        elif is_constant(rule, True):
            always = rule.name
        texts.setdefault(text, rule.name)


def _of_rule(rule: Rule) -> Iterator[str]:
    if is_constant(rule, False):
        yield f"{rule.name} can never match: its condition is always false"
    if not rule.when.names and rule.when.evaluate(RULES.bind({})) is None:
        yield f"{rule.name}: its condition always fails, " + (
            "so it never matches" if rule.then == "allow" else "so it always matches"
        )
    if rule.then != "deny" and not rule.serves("none") and _only_nobody(rule):
        yield (
            f"{rule.name} serves nobody: it asks for attribution none, for whom a rule must name a target or a method "
            "and say effect: read, or name an approver"
        )
    if rule.then == "allow" and not rule.when.names:
        yield f"{rule.name} allows everything, to everybody behind whom somebody stands"


def is_constant(rule: Rule, value: bool) -> bool:  # noqa: FBT001
    """Tell whether a condition names no variable and comes to a value."""
    return not rule.when.names and rule.when.evaluate(RULES.bind({})) is value


def _only_nobody(rule: Rule) -> bool:
    """Tell whether a condition that looks at the attribution alone, beside other things, is for nobody known."""
    if not any(read.variable == "principal.attribution" for read in reads(rule.when.text, VARIABLES)):
        return False
    return not any(_may_match(rule, one) for one in _PEOPLE) and _may_match(rule, "none")


def _may_match(rule: Rule, attribution: str) -> bool:
    """Tell whether a rule may match somebody of an attribution; what fails for want of the rest may."""
    return rule.when.evaluate(RULES.bind({"principal.attribution": attribution})) is not False


def asks_directories(configuration: Configuration) -> bool:
    """Tell whether people also come from directories, so that the file alone does not say who is known."""
    return bool(configuration.directories)


def _approvers(configuration: Configuration) -> Iterator[str]:
    if asks_directories(configuration):
        return  # which may know them
    known = {person.email for person in configuration.people}
    known |= {f"group:{group}" for person in configuration.people for group in person.groups}
    for rule in configuration.rules:
        for approver in rule.approval.approvers if rule.approval else ():
            if approver not in known:
                who = f"nobody is in {approver}" if approver.startswith("group:") else f"{approver} is not"
                yield f"{rule.name}: {who} among people, so nobody can approve in that name"


def _sponsors(configuration: Configuration) -> Iterator[str]:
    people = {person.email for person in configuration.people}
    for sponsor in configuration.sponsors:
        if sponsor.person not in people and not asks_directories(configuration):
            yield f"{sponsor.person} sponsors, but is not among people: such jobs have nobody behind them"
