"""Decisions where not everything is known: never a guess, and never a doubt without need."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from affidavit.policy.decide import RULES, Facts, Policy, Rule
from affidavit.policy.facts import LOOPED
from affidavit.policy.partial import PartialPolicy

PERSON = {
    "principal.attribution": "person",
    "principal.issuer": "https://issuer.test",
    "principal.subject": "1234",
    "principal.email": "ana@example.com",
    "principal.person": "ana@example.com",
    "principal.groups": ["dba"],
    "principal.run": "",
    "principal.claims": {},
    "claims": {},
}


def partial(*rules) -> PartialPolicy:
    """Rules as (when, then), named a, b, c and so on."""
    named = zip("abcdefgh", rules, strict=False)
    return PartialPolicy(
        Policy([Rule(name=name, when=RULES.compile(when), then=then) for name, (when, then) in named], "")
    )


def call(**arguments) -> Facts:
    return Facts(
        principal=PERSON,
        ip="192.0.2.7",
        upstream="warehouse",
        method="tools/call",
        target="sql.query",
        arguments=arguments,
    )


MASKED = {"arguments": [("sql",)]}
TOKEN = "[masked:secrets:0123456789ab]"


def test_a_rule_that_reads_what_was_masked_leaves_it_open():
    answer = partial(("arguments.sql.contains('drop')", "deny"), ("true", "allow")).decide(call(sql=TOKEN), MASKED)

    assert answer.decision is None
    assert [(one.decision, one.rule) for one in answer.possible] == [("deny", "a"), ("allow", "b")]
    assert [read.path for read in answer.unknown] == [("sql",)]


def test_a_rule_that_reads_something_beside_it_decides():
    rules = partial(("arguments.table == 'orders'", "deny"), ("true", "allow"))

    assert rules.decide(call(sql=TOKEN, table="orders"), MASKED).rule == "a"
    assert rules.decide(call(sql=TOKEN, table="users"), MASKED).rule == "b"


def test_a_part_that_decides_alone_makes_the_masked_part_count_for_nothing():
    """CEL "Logical Operators"."""
    rules = partial(("target == 'other' && arguments.sql.contains('drop')", "deny"), ("true", "allow"))

    assert rules.decide(call(sql=TOKEN), MASKED).rule == "b"


def test_that_something_is_there_is_known_although_it_was_masked():
    rules = partial(("has(arguments.sql)", "deny"), ("true", "allow"))

    assert rules.decide(call(sql=TOKEN), MASKED).rule == "a"


def test_two_rules_that_say_the_same_leave_nothing_open():
    rules = partial(("arguments.sql.contains('drop')", "deny"), ("true", "deny"))

    answer = rules.decide(call(sql=TOKEN), MASKED)

    assert (answer.decision, answer.rule) == ("deny", None)


def test_below_a_rule_that_matches_for_certain_nothing_is_asked():
    rules = partial(("target == 'sql.query'", "allow"), ("arguments.sql.contains('drop')", "deny"))

    assert rules.decide(call(sql=TOKEN), MASKED).rule == "a"


def test_a_failure_beside_what_was_masked_is_no_certainty():
    """A missing argument fails whatever was masked, and what was masked may decide before it does."""
    rules = partial(("arguments.missing == 1 && arguments.sql == 'x'", "deny"), ("true", "allow"))

    assert rules.decide(call(sql=TOKEN), MASKED).decision is None


def test_a_request_without_a_target_that_looks_at_nothing_unknown_is_decided():
    rules = partial(("'dba' in principal.groups", "allow"))

    assert rules.could_use(call(), MASKED).rule == "a"
    assert rules.could_use(call(), {"principal.groups": [()]}).decision is None


def test_a_token_whose_scopes_nobody_knows_may_be_denied():
    """A rule that wants a scope denies a token without it (`insufficient_scope`)."""
    rule = Rule(name="a", when=RULES.compile("true"), then="allow", scopes=("warehouse",))
    rules = PartialPolicy(Policy([rule], ""))

    answer = rules.decide(call(), {"claims": [()]})

    assert {one.decision for one in answer.possible} == {"allow", "deny"}
    assert rules.decide(call(), {}).decision == "deny"


def test_an_attribution_that_nobody_knows_may_be_none():
    rules = partial(("true", "allow"))

    assert rules.decide(call(), {"principal.attribution": [()]}).decision is None


def test_a_failure_counts_as_matched_for_whoever_wants_an_approval():
    rule = Rule(name="a", when=RULES.compile("arguments.missing == 1 || arguments.sql == 'x'"), then="require_approval")
    rules = PartialPolicy(Policy([rule], ""))

    assert rules.decide(call(sql=TOKEN), MASKED).decision == "require_approval"


def test_a_condition_that_goes_over_very_long_arguments_fails_whatever_was_masked():
    """As it does for the gateway, which does not let a caller choose how long it takes."""
    rules = partial(("arguments.list.exists(x, x == 'y')", "deny"), ("true", "allow"))
    long = replace(call(list=[TOKEN]), size=LOOPED + 1)

    assert rules.decide(long, {"arguments": [("list", 0)]}).rule == "a"


def test_a_rule_about_another_target_is_not_in_the_way():
    rules = partial(("target == 'other' && arguments.sql == 'x'", "deny"), ("true", "allow"))

    assert rules.decide(call(sql=TOKEN), MASKED).rule == "b"
    assert rules.decide(call(sql=TOKEN), MASKED | {"target": [()]}).decision is None


ATOMS = st.sampled_from(
    [
        "arguments.sql == 'x'",
        "arguments.sql.startsWith('y')",
        "has(arguments.sql)",
        "arguments.table == 'orders'",
        "arguments.missing == 1",
        "target == 'sql.query'",
        "size(arguments) == 2",
        "arguments.sql > 3",
        "'x' in arguments",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]}) && ({0[1]})".format),
        st.tuples(inner, inner).map("({0[0]}) || ({0[1]})".format),
        inner.map("!({})".format),
        st.tuples(inner, inner, inner).map("(({0[0]}) ? ({0[1]}) : ({0[2]}))".format),
    ),
    max_leaves=6,
)
RULES_ = st.lists(st.tuples(CONDITIONS, st.sampled_from(["allow", "deny"])), max_size=4)
SECRETS = st.sampled_from(["x", "yes", "", 7, True, 3.5])


@given(RULES_, SECRETS, st.sampled_from(["orders", "users"]))
def test_whatever_was_masked_the_true_decision_is_among_the_possible(rules, secret, table):
    asked = partial(*rules)

    true = asked.policy.decide(call(sql=secret, table=table))
    answer = asked.decide(call(sql=TOKEN, table=table), MASKED)

    assert (true.decision, true.rule) in [(one.decision, one.rule) for one in answer.possible]
