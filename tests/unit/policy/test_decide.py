"""Decisions: architecture "Configuration"; identity-and-approvals "Which human started this job"."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.clock import parse_time
from affidavit.evidence.canonical import decode, encode
from affidavit.policy.decide import RULES, VARIABLES, Facts, Policy, Rule, Surroundings
from affidavit.policy.decision import ApprovalTerms, Budget
from affidavit.policy.facts import LOOPED, StatementSource
from affidavit.policy.networks import Networks, network

DIGEST = "d" * 64
NOW = parse_time("2026-11-27T19:34:00.250000Z")

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


AROUND = Surroundings(
    networks=Networks({"office": (network("192.0.2.0/24"),), "vpn": (network("2001:db8::/32"),)}),
    statements={("warehouse", "sql.query"): StatementSource(argument="sql", dialect="postgres")},
)


def policy(*rules, around=AROUND) -> Policy:
    """Rules as (when, then) or (when, then, what else), named a, b, c and so on."""
    return Policy([rule(name, *parts) for name, parts in zip("abcdefgh", rules, strict=False)], DIGEST, around)


def rule(name, when, then="allow", **more) -> Rule:
    return Rule(name=name, when=RULES.compile(when), then=then, **more)


def call(target="sql.query", *, principal=ANA, **more) -> Facts:
    usual = {"principal": principal, "ip": "192.0.2.7", "upstream": "warehouse", "method": "tools/call"}
    usual |= {"session": "5e55", "now": NOW}
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
    ("principal.actor == '' && principal.on_behalf_of == ''", True),
    ("session == '5e55'", True),
    ("client.networks == ['office']", True),
    ("'vpn' in client.networks", False),
    ("now == timestamp('2026-11-27T19:34:00.250Z')", True),
    ("now.getDayOfWeek('Europe/Berlin') == 5 && now.getHours('Europe/Berlin') == 20", True),
    ("now < timestamp('2026-11-27T00:00:00Z')", False),
    ("statement.effect == 'read'", True),
    ("statement.tables == []", True),
    ("statement.count == 1", True),
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
    assert policy((when, "require_approval"), ("true", "allow")).decide(facts).decision == "require_approval"


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

BROAD = [
    "true",
    "upstream == 'warehouse'",
    "principal.attribution == 'person'",
    "method != 'tools/call'",
    "method != ''",
]


@pytest.mark.parametrize("when", BROAD)
@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list", ""])
def test_a_rule_that_lets_people_use_an_upstream_lets_the_upstream_ask_nothing(when, method):
    """The requirements "Policy": default deny, for upstream-initiated sampling and elicitation too."""
    asked = call("", method=method, arguments={})

    assert not policy((when, "allow")).may_ask(asked)
    assert policy((when, "allow"), (f"method == '{method}'", "allow")).may_ask(asked)


@pytest.mark.parametrize("then", ["deny", "require_approval"])
def test_a_broad_denial_counts_for_what_an_upstream_asks_too(then):
    rules = policy(("upstream == 'warehouse'", then), ("method == 'roots/list'", "allow"))

    assert not rules.may_ask(call("", method="roots/list", arguments={}))


@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list"])
def test_what_an_upstream_asks_of_the_client_is_denied_unless_a_rule_allows_it(method):
    """mcp.md "Duties"."""
    asked = call("", method=method, arguments={})

    assert not policy(("target == 'sql.query'", "allow")).may_ask(asked)
    assert policy((f"method == '{method}'", "allow")).may_ask(asked)
    assert policy((f"method.startsWith('{method[:5]}')", "allow")).may_ask(asked)
    assert not policy((f"method == '{method}'", "deny"), (f"method == '{method}'", "allow")).may_ask(asked)
    assert not policy((f"method == '{method}'", "allow")).may_ask(replace(asked, principal=NOBODY))


# Approvals.

TERMS = ApprovalTerms(approvers=("bob@example.com", "group:dba"), approvals=2)


def test_a_rule_can_take_an_approval_and_says_whose():
    """identity-and-approvals "Approvals"."""
    rules = Policy([rule("a", "target == 'sql.query'", "require_approval", approval=TERMS)], DIGEST)
    decision = rules.decide(call())

    assert (decision.decision, decision.allowed, decision.code) == ("require_approval", False, "approval_needed")
    assert decision.approval == TERMS
    assert decision.record()["decision"] == "require_approval"
    assert rules.decide(call("other")).approval is None


def test_what_takes_an_approval_is_listed_and_its_upstream_can_be_used():
    rules = policy(("target == 'sql.query'", "require_approval"), ("true", "deny"))

    assert rules.may_ever_allow(call())
    assert not rules.may_ever_allow(call("other"))
    for method in ("initialize", "tools/list", "ping"):
        used = rules.could_use(call("", method=method, arguments={}))
        assert (used.decision, used.rule) == ("allow", "a")


def test_an_approval_can_be_taken_for_a_listing_that_a_rule_names():
    rules = policy(("method == 'tools/list'", "require_approval"), ("true", "allow"))

    assert rules.could_use(call("", method="tools/list", arguments={})).decision == "require_approval"
    assert rules.could_use(call("", method="ping", arguments={})).allowed


NOBODYS = [
    ("target == 'sql.query'", "write", ("bob@example.com",), True),
    ("target == 'sql.query'", "write", ("group:dba",), False),
    ("target == 'sql.query'", "read", ("group:dba",), True),
    ("true", "write", ("bob@example.com",), False),
    ("upstream == 'warehouse'", "read", ("bob@example.com",), False),
]


@pytest.mark.parametrize(("when", "effect", "approvers", "asks"), NOBODYS)
def test_nobody_writes_without_a_named_approver(when, effect, approvers, asks):
    """identity-and-approvals: with `none`, only what a rule names, and never a write without a named approver."""
    terms = ApprovalTerms(approvers=approvers)
    rules = Policy([rule("a", when, "require_approval", effect=effect, approval=terms)], DIGEST)
    decision = rules.decide(call(principal=NOBODY))

    assert decision.decision == ("require_approval" if asks else "deny")
    assert rules.may_ever_allow(call(principal=NOBODY)) is asks
    assert rules.decide(call()).decision == "require_approval"


# Scopes.


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "openid sql:write sql:read"},
        {"scp": "sql:read sql:write"},
        {"scp": ["sql:write", "sql:read", 7]},
        {"scope": "sql:read", "scp": ["sql:write"]},
    ],
)
def test_a_token_with_the_scopes_is_let_through(claims):
    rules = Policy([rule("a", "true", scopes=("sql:read", "sql:write"))], DIGEST)

    assert rules.decide(call(principal=ANA | {"claims": claims})).allowed


@pytest.mark.parametrize("claims", [{}, {"scope": "sql:read"}, {"scope": 7}, {"scp": {"sql:write": 1}}])
def test_a_token_without_a_scope_is_denied_and_told_which(claims):
    """RFC 6750 section 3.1 `insufficient_scope`."""
    rules = Policy([rule("a", "true", scopes=("sql:write",)), rule("b", "true")], DIGEST)
    decision = rules.decide(call(principal=ANA | {"claims": claims}))

    assert (decision.decision, decision.rule, decision.code) == ("deny", "a", "insufficient_scope")
    assert decision.missing_scopes == ("sql:write",)
    assert rules.may_ever_allow(call(principal=ANA | {"claims": claims})), "a client may step up"


def test_a_missing_scope_does_not_close_an_upstream_that_another_rule_opens():
    rules = Policy([rule("a", "target == 'x'"), rule("b", "true", scopes=("s",))], DIGEST)
    facts = call("", method="tools/list", arguments={}, principal=ANA | {"claims": {}})

    assert rules.could_use(facts).rule == "a"
    assert Policy([rule("b", "true", scopes=("s",))], DIGEST).could_use(facts).missing_scopes == ("s",)
    assert Policy([rule("b", "target == 'x'", scopes=("s",))], DIGEST).could_use(facts).allowed


def test_a_decision_says_what_is_counted():
    budget = Budget(calls=3, answers=None, per=60)

    assert Policy([rule("a", "true", budget=budget)], DIGEST).decide(call()).budget == budget


# Statements.

STATEMENTS = [
    ("select 1 from t", "statement.effect == 'read' && statement.tables == ['t'] && statement.count == 1", True),
    ("delete from t", "statement.effect == 'write' && 't' in statement.tables", True),
    ("drop table t", "statement.effect == 'ddl'", True),
    ("select pg_sleep(1)", "statement.effect == 'unknown'", True),
    ("nonsense", "statement.effect == 'unknown'", True),
    (None, "statement.effect == 'unknown'", True),
    (["select 1"], "statement.effect == 'unknown'", True),
]


@pytest.mark.parametrize(("sql", "when", "matches"), STATEMENTS)
def test_a_rule_sees_what_a_statement_does(sql, when, matches):
    assert policy((when,)).decide(call(arguments={"sql": sql})).allowed is matches


def test_tables_that_cannot_be_told_fail_so_that_a_denial_holds():
    rules = policy(("'payroll' in statement.tables", "deny"), ("true", "allow"))

    assert not rules.decide(call(arguments={"sql": "select query_to_xml('select * from payroll')"})).allowed
    assert not rules.decide(call(arguments={"sql": "select 1 from payroll"})).allowed
    assert rules.decide(call(arguments={"sql": "select 1 from t"})).allowed


@pytest.mark.parametrize("facts", [call("other"), call(upstream="other"), call(method="prompts/get")])
def test_without_a_statement_its_effect_is_unknown(facts):
    assert policy(("statement.effect == 'unknown'",)).decide(facts).allowed


def test_a_statement_is_found_by_a_json_pointer():
    """RFC 6901."""
    around = Surroundings(
        statements={("warehouse", "sql.query"): StatementSource(argument="/batch/1/s~1q~0l", dialect="mysql")}
    )
    rules = policy(("statement.effect == 'read'",), around=around)

    assert rules.decide(call(arguments={"batch": [{}, {"s/q~l": "select `a`"}]})).allowed
    for odd in ({}, {"batch": "x"}, {"batch": []}, {"batch": {"1": 7}}, {"batch": [1, None]}):
        assert not rules.decide(call(arguments=odd)).allowed


def test_in_a_listing_a_statement_is_not_known_yet():
    rules = policy(("statement.effect == 'read'", "allow"), ("true", "deny"))

    assert rules.may_ever_allow(call(arguments={}))
    assert rules.could_use(call("", method="tools/list", arguments={})).allowed


def test_a_read_that_the_rule_does_not_call_one_counts_as_a_write():
    when = "target == 'sql.query' && statement.effect == 'read'"

    assert policy((when,)).decide(call()).effect == "write"
    assert not policy((when,)).decide(call(principal=NOBODY)).allowed
    assert Policy([rule("a", when, effect="read")], DIGEST, AROUND).decide(call(principal=NOBODY)).allowed


# Templates.

TEMPLATES = [
    ([("target == 'x://1'", "allow")], True),
    ([("method == 'resources/read'", "allow")], True),
    ([("method == 'tools/call'", "allow")], False),
    ([("target == 'x://1'", "deny"), ("true", "allow")], True),
    ([("upstream == 'warehouse'", "deny"), ("true", "allow")], False),
    ([("target.startsWith('x')", "deny")], False),
]


@pytest.mark.parametrize(("rules", "shown"), TEMPLATES)
def test_a_template_is_hidden_only_where_all_that_it_stands_for_is_denied(rules, shown):
    facts = call("", method="resources/read", arguments={})

    assert policy(*rules).may_ever_allow(facts, target_known=False) is shown


# What may be remembered.


@pytest.mark.parametrize(
    ("when", "repeats"),
    [
        ("target == 'sql.query'", True),
        ("client.networks == [] && session == ''", True),
        ("now < timestamp('2027-01-01T00:00:00Z')", False),
        ("statement.count == 1", False),
        ("has(arguments.x)", False),
        ("target == 'other' && has(arguments.x)", True),
    ],
)
def test_what_depends_on_the_time_or_on_arguments_is_not_remembered(when, repeats):
    assert policy((when,), ("true",)).repeats("warehouse", "tools/call", "sql.query") is repeats


def test_of_requests_without_arguments_only_the_time_is_not_remembered():
    assert policy(("has(arguments.x)",)).use_repeats("warehouse")
    assert not policy(("target == 'x' && now > timestamp('2026-01-01T00:00:00Z')",)).use_repeats("warehouse")


# What would take long.


def test_arguments_that_are_many_are_not_gone_over():
    """A condition that fails: the caller must not choose how long it takes."""
    rules = policy(("!arguments.l.exists(x, x == 1)", "allow"))

    assert rules.decide(call(arguments={"l": [2]}, size=LOOPED)).allowed
    assert not rules.decide(call(arguments={"l": [2]}, size=LOOPED + 1)).allowed
    assert rules.explain(call(arguments={"l": [2]}, size=LOOPED + 1))[0].outcome is None
    assert policy(("!(1 in arguments.l)", "allow")).decide(call(arguments={"l": [2]}, size=LOOPED + 1)).allowed


@pytest.mark.parametrize(
    "when",
    [
        "arguments.l.all(a, arguments.l.all(b, arguments.l.all(c, true)))",
        "arguments.l.map(a, arguments.l.map(b, arguments.l)).size() > 0",
        "arguments.l.exists(a, arguments.l.filter(b, b > a).size() > 5000)",
    ],
)
def test_loops_in_loops_end(when):
    facts = call(arguments={"l": list(range(3_000))})

    assert not policy((when, "allow")).decide(facts).allowed
    assert not policy((when, "deny"), ("true", "allow")).decide(facts).allowed


# Explaining.


def test_every_rule_is_explained_with_what_it_saw():
    rules = policy(
        ("target == 'x'", "deny"),
        ("statement.effect == 'read' && 'office' in client.networks", "allow"),
        ("arguments.missing == 1", "deny"),
    )
    first, second, third = rules.explain(call())

    assert (first.rule.name, first.outcome, first.matches, first.values) == ("a", False, False, {"target": "sql.query"})
    assert (second.outcome, second.values) == (True, {"client.networks": ["office"], "statement.effect": "read"})
    assert (third.outcome, third.matches) == (None, True)
