"""Decisions: architecture "Configuration"; identity-and-approvals "Which human started this job"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.evidence.canonical import decode, encode
from affidavit.policy.decide import RULES, VARIABLES, Facts, Policy, Rule

DIGEST = "d" * 64

ANA = {
    "principal.attribution": "person",
    "principal.issuer": "https://issuer.test",
    "principal.subject": "1234",
    "principal.email": "ana@example.com",
    "principal.person": "ana@example.com",
    "principal.groups": ["dba"],
    "principal.actor": "",
    "principal.on_behalf_of": "",
    "principal.run": "",
    "principal.claims": {},
    "claims": {"sub": "1234", "scope": "x", "huge": 2**70},
}
NOBODY = ANA | {"principal.attribution": "none", "principal.person": "", "principal.groups": []}


def policy(*rules) -> Policy:
    """Rules as (when, then) or (when, then, what else), named a, b, c and so on."""
    return Policy([rule(name, *parts) for name, parts in zip("abcdefgh", rules, strict=False)], DIGEST)


def rule(name, when, then="allow", **more) -> Rule:
    return Rule(name=name, when=RULES.compile(when), then=then, **more)


def call(target="sql.query", *, principal=ANA, **more) -> Facts:
    usual = {"principal": principal, "ip": "192.0.2.7", "upstream": "warehouse", "method": "tools/call"}
    return Facts(**usual | {"target": target, "arguments": {"sql": "select 1"}} | more)


# Deciding.


def test_nothing_matches_denies():
    decision = policy().decide(call())

    assert (decision.decision, decision.rule, decision.digest) == ("deny", None, DIGEST)
    assert not decision.allowed


def test_the_first_rule_that_matches_wins():
    rules = policy(("target == 'other'", "deny"), ("target == 'sql.query'", "allow"), ("true", "deny"))

    assert (rules.decide(call()).decision, rules.decide(call()).rule) == ("allow", "b")
    assert rules.decide(call("other")).rule == "a"
    assert rules.decide(call("third")).rule == "c"


EVERYTHING = [
    ("principal.attribution == 'person'", True),
    ("principal.issuer == 'https://issuer.test'", True),
    ("principal.subject == '1234'", True),
    ("principal.email.endsWith('@example.com')", True),
    ("principal.person == 'ana@example.com'", True),
    ("'dba' in principal.groups", True),
    ("principal.groups.exists(group, group.startsWith('d'))", True),
    ("principal.run == ''", True),
    ("has(principal.claims.repository_id)", False),
    ("claims.scope == 'x'", True),
    ("client.ip.startsWith('192.0.2.')", True),
    ("upstream == 'warehouse'", True),
    ("method == 'tools/call'", True),
    ("target in ['sql.query']", True),
    ("arguments.sql.matches('^select ')", True),
    ("arguments['sql'] == 'select 1'", True),
    ("principal.email == arguments.owner", False),
]


@pytest.mark.parametrize(("when", "matches"), EVERYTHING)
def test_a_condition_can_look_at_what_it_names(when, matches):
    facts = call(principal=ANA | {"claims": {"scope": "x"}})

    assert policy((when,)).decide(facts).allowed is matches


def test_every_variable_is_looked_at_above():
    named = frozenset().union(*(RULES.compile(when).names for when, _ in EVERYTHING))

    assert named == set(VARIABLES)


FAILING = [
    "arguments.missing == 'x'",
    "arguments.sql == 'x' || arguments.missing == 'x'",
    "int(arguments.sql) == 1",
    "arguments.sql > 1",
    "arguments.sql",  # a text, which Python holds true
    "dyn(1)",
    "dyn('true')",
    "arguments['list'].exists(x, x == -1)",  # beyond the iteration budget
    "claims.scope == 'x'",  # another claim is an integer that CEL cannot carry
    "[1][target.size()] == 1",
]


@pytest.mark.parametrize("when", FAILING)
def test_a_condition_that_fails_is_matched_for_deny_and_not_for_allow(when):
    """architecture: only a value that *is* true matches; an error counts as matched for `deny`, not for `allow`."""
    facts = call(arguments={"sql": "select 1", "list": list(range(20_000))})

    assert not policy((when, "allow")).decide(facts).allowed
    assert policy((when, "allow"), ("true", "allow")).decide(facts).rule == "b"
    assert policy((when, "deny"), ("true", "allow")).decide(facts).rule == "a"


@pytest.mark.parametrize("value", [2**70, "\ud800", object()])
def test_arguments_that_cannot_be_converted_are_a_failing_condition(value):
    facts = call(arguments={"sql": "select 1", "odd": value})

    assert policy(("arguments.sql == 'select 1'", "deny"), ("true", "allow")).decide(facts).rule == "a"
    assert not policy(("arguments.sql == 'select 1'", "allow")).decide(facts).allowed


def test_arguments_that_no_rule_names_are_never_looked_at():
    class Untouchable(dict):
        def items(self):
            raise AssertionError("looked at")

        __iter__ = __getitem__ = items

    assert policy(("target == 'sql.query'",)).decide(call(arguments=Untouchable())).allowed


def test_a_missing_variable_denies():
    """Whoever prepares a principal without one of its variables must not open a door."""
    incomplete = {"principal.attribution": "person"}
    with pytest.raises(KeyError):
        policy(("principal.email == ''",)).decide(call(principal=incomplete))


def test_a_decision_says_what_is_recorded():
    """evidence-format section 5, call field `policy`."""
    decision = policy(("true", "allow")).decide(call())

    assert decode(encode(decision.record())) == {"decision": "allow", "digest": DIGEST, "rule": "a"}


def test_a_denial_gives_the_rules_own_reason():
    rules = Policy([rule("a", "true", "deny", reason="Schema changes go through migrations.")], DIGEST)

    assert rules.decide(call()).reason == "Schema changes go through migrations."
    assert "'a'" in policy(("true", "deny")).decide(call()).reason


def test_without_a_word_about_its_effect_a_call_counts_as_a_write():
    assert policy(("true",)).decide(call()).effect == "write"
    assert Policy([rule("a", "true", effect="read")], DIGEST).decide(call()).effect == "read"


# Nobody behind it.

NONE_CASES = [
    ("target == 'sql.query'", "read", True),
    ("method == 'tools/call'", "read", True),
    ("target == 'sql.query'", "write", False),
    ("upstream == 'warehouse'", "read", False),
    ("true", "read", False),
    ("principal.attribution == 'none'", "read", False),
]


@pytest.mark.parametrize(("when", "effect", "allowed"), NONE_CASES)
def test_nobody_reads_what_a_rule_names_and_writes_nothing(when, effect, allowed):
    """identity-and-approvals: with `none`, only what a rule names explicitly, and never a write without an approver."""
    rules = Policy([rule("a", when, effect=effect)], DIGEST)

    assert rules.decide(call(principal=NOBODY)).allowed is allowed
    assert rules.may_ever_allow(call(principal=NOBODY)) is allowed
    assert rules.could_use(call("", principal=NOBODY)).allowed is allowed


def test_for_nobody_too_the_first_rule_that_matches_decides():
    """A later rule that calls the same thing a read must not make it one."""
    rules = Policy([rule("a", "target == 'sql.query'"), rule("b", "target == 'sql.query'", effect="read")], DIGEST)

    decision = rules.decide(call(principal=NOBODY))

    assert (decision.decision, decision.rule) == ("deny", "a")
    assert "person" in decision.reason
    assert not rules.may_ever_allow(call(principal=NOBODY))


def test_nobody_is_told_why_an_upstream_is_closed_to_them():
    decision = policy(("target == 'sql.query'",)).could_use(call("", principal=NOBODY, method="initialize"))

    assert (decision.decision, decision.rule) == ("deny", "a")
    assert "No person stands behind this credential" in decision.reason


def test_nobody_uses_an_upstream_for_a_later_read():
    rules = Policy([rule("a", "upstream == 'warehouse'"), rule("b", "target == 'x'", effect="read")], DIGEST)

    assert rules.could_use(call("", principal=NOBODY, method="initialize")).rule == "b"


# Listings.

LISTED = [
    ([("target == 'sql.query'", "allow")], True),
    ([("target == 'other'", "allow")], False),
    ([], False),
    ([("arguments.sql == 'x'", "allow")], True),
    ([("!(arguments.sql == 'x')", "allow")], True),
    ([("has(arguments.sql)", "allow")], True),
    ([("target == 'other' && arguments.sql == 'x'", "allow")], False),
    ([("target == 'sql.query' && arguments.sql == 'x'", "allow"), ("true", "deny")], True),
    ([("target == 'sql.query'", "deny"), ("true", "allow")], False),
    ([("arguments.sql == 'x'", "deny"), ("true", "allow")], True),
    ([("target == 'sql.query' || arguments.sql == 'x'", "deny"), ("true", "allow")], False),
    ([("arguments.sql == 'x'", "deny")], False),
    ([("claims.missing == 'x'", "deny"), ("true", "allow")], False),  # fails whatever the arguments
    ([("claims.missing == 'x'", "allow"), ("true", "deny")], False),
    ([("claims.missing == 'x' || arguments.sql == 'x'", "allow")], True),
]


@pytest.mark.parametrize(("rules", "listed"), LISTED)
def test_only_what_is_denied_for_certain_is_hidden(rules, listed):
    """architecture: in listings, where arguments are not known yet, an error means *maybe*."""
    assert policy(*rules).may_ever_allow(call(principal=ANA | {"claims": {}})) is listed


CONDITIONS = [
    "true",
    "target == 'sql.query'",
    "target != 'sql.query'",
    "arguments.n == 1",
    "arguments.n > 1 && target == 'sql.query'",
    "has(arguments.n)",
    "arguments.n / 0 == 1",
    "principal.email == 'x'",
    "arguments.size() == 0",
]


@given(
    rules=st.lists(st.tuples(st.sampled_from(CONDITIONS), st.sampled_from(["allow", "deny"])), max_size=5),
    arguments=st.dictionaries(st.sampled_from(["n", "m"]), st.none() | st.integers(0, 3) | st.text(max_size=2)),
    target=st.sampled_from(["sql.query", "other"]),
)
def test_what_a_listing_hides_is_denied_whatever_the_arguments(rules, arguments, target):
    facts = call(target, arguments=arguments)

    if policy(*rules).decide(facts).allowed:
        assert policy(*rules).may_ever_allow(facts)
        assert policy(*rules).could_use(call("", method="tools/list", arguments={})).allowed


# Requests without a target.

USABLE = [
    ([("target == 'sql.query'", "allow")], "a"),
    ([("upstream == 'payroll'", "allow")], None),
    ([("upstream == 'payroll' && target == 'x'", "allow")], None),
    ([("principal.email == 'bob@example.com'", "allow")], None),
    ([("principal.email == 'bob@example.com' && arguments.sql == 'x'", "allow")], None),
    ([("method == 'tools/call' && target == 'x'", "allow")], "a"),
    ([("upstream == 'payroll'", "allow"), ("arguments.sql == 'x'", "allow")], "b"),
    ([("target == 'x'", "allow"), ("true", "deny")], "a"),
    ([("target == 'x'", "deny"), ("target == 'y'", "allow")], "b"),
    ([("!(target == 'y')", "deny"), ("target == 'y'", "allow")], "b"),
    ([("claims.missing == 'x'", "allow")], None),
    ([("claims.missing == 'x' || target == 'x'", "allow")], "a"),
]


@pytest.mark.parametrize(("rules", "by"), USABLE)
@pytest.mark.parametrize("method", ["initialize", "tools/list", "ping"])
def test_a_request_without_a_target_needs_an_upstream_that_some_rule_lets_them_use(rules, by, method):
    """architecture: requests without arguments need a principal, and an upstream that some rule could let them use."""
    facts = call("", principal=ANA | {"claims": {}}, method=method, arguments={})
    decision = policy(*rules).could_use(facts)

    assert (decision.rule, decision.allowed) == (by, by is not None)


DENIED = [
    [("true", "deny"), ("true", "allow")],
    [("principal.attribution == 'person'", "deny"), ("target == 'x'", "allow")],
    [("claims.missing == 'x'", "deny"), ("true", "allow")],
    [("method == 'tools/list'", "deny"), ("true", "allow")],
]


@pytest.mark.parametrize("rules", DENIED)
def test_a_rule_can_deny_a_method_or_a_principal_whatever_they_ask_for(rules):
    decision = policy(*rules).could_use(call("", principal=ANA | {"claims": {}}, method="tools/list", arguments={}))

    assert (decision.decision, decision.rule) == ("deny", "a")


def test_a_method_is_denied_even_after_a_rule_that_lets_them_use_the_upstream():
    rules = policy(("target == 'x'", "allow"), ("method == 'resources/list'", "deny"))

    assert not rules.could_use(call("", method="resources/list", arguments={})).allowed
    assert rules.could_use(call("", method="tools/list", arguments={})).allowed


def test_a_rule_that_allows_the_upstream_comes_before_one_that_denies_a_method():
    """The first rule that matches wins here, too."""
    rules = policy(("upstream == 'warehouse'", "allow"), ("method == 'tools/list'", "deny"))

    assert rules.decide(call("", method="tools/list")).allowed
    assert rules.could_use(call("", method="tools/list", arguments={})).allowed


# What the upstream asks of the client.


@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list"])
def test_what_an_upstream_asks_of_the_client_is_denied_unless_a_rule_allows_it(method):
    """mcp.md "Duties"."""
    asked = call("", method=method, arguments={})

    assert not policy(("target == 'sql.query'", "allow")).decide(asked).allowed
    assert policy((f"method == '{method}'", "allow")).decide(asked).allowed
