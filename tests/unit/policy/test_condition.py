"""Conditions are compiled and type-checked once: architecture "Configuration"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.policy.condition import OBJECT, TEXT, BadCondition, Language
from affidavit.policy.decide import RULES, VARIABLES


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("true", set()),
        ("upstream == 'target'", {"upstream"}),
        ("principal.email == '' && target == ''", {"principal.email", "target"}),
        ("principal . email == ''", {"principal.email"}),
        ("arguments.principal.email == ''", {"arguments"}),
        ("arguments.list.exists(target, target == 1)", {"arguments"}),
        ("claims.sub == 'x' || principal.claims.sha == ''", {"claims", "principal.claims"}),
        ("'arguments' == target", {"target"}),
        ("true ? true : arguments.x", {"arguments"}),
    ],
)
def test_a_condition_knows_what_it_names(text, names):
    """A variable is computed only if a rule names it."""
    assert RULES.compile(text).names == names


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("upstram == 'x'", "unknown name 'upstram' (did you mean 'upstream'?); known are principal.attribution, "),
        ("principal.emial == 'x'", "unknown name 'principal.emial' (did you mean 'principal.email'?)"),
        ("principal == 'x'", "unknown name 'principal': name a member of it"),
        ("principal['email'] == 'x'", "unknown name 'principal'"),
        ("statement == 'read'", "unknown name 'statement': name a member of it: statement.effect"),
        ("statement.efect == 'read'", "unknown name 'statement.efect' (did you mean 'statement.effect'?)"),
        ("networks == []", "unknown name 'networks': there is client.networks"),
        ("now == 'x'", "no matching overload"),
        ("client.name == 'x'", "what a client says of itself decides nothing"),
        ("client == ''", "name a member of it: client.ip or client.networks"),
        ("upstream == 1", "no matching overload"),
        ("principal.email == null", "no matching overload"),
        ("upstream.foo == 1", "cannot be the operand of a select"),
        ("has(principal.email)", "the condition is of type string, not true or false"),
        ("upstream", "the condition is of type string, not true or false"),
        ("1", "the condition is of type int, not true or false"),
        ("", "Syntax error"),
        ("upstream ==", "Syntax error"),
        ("no_such_function(upstream)", "unknown name 'no_such_function'"),
        ("'" + "x" * 200_000 + "' == upstream", "a condition has at most 8,192 characters, this has 200,014"),
        ("upstream == 'a'" + " || upstream == 'a'" * 450, "a condition has at most 8,192 characters"),
        ("[1,2]" + ".map(x, x)" * 60 + " == []", "recursion"),
        ("!(" * 60 + "true" + ")" * 60, "recursion"),
        ("target.matches('(a')", "the pattern of matches is none: missing )"),
        ("target.matches('(a{1000}){1000}')", "the pattern of matches is none: invalid repetition size"),
        ("target.matches('" + "a?" * 600 + "')", "a pattern has at most 1,000 characters, this has 1,200"),
        ("target.matches(arguments.pattern)", "the pattern of matches must be a text that stands in the condition"),
        ("matches(target, upstream)", "the pattern of matches must be a text that stands in the condition"),
        ("arguments.l.exists(x, x.matches(x))", "the pattern of matches must be a text that stands in the condition"),
        ("(" * 300 + "true" + ")" * 300, ""),
    ],
)
def test_what_is_no_condition_is_found_when_it_is_compiled(text, complaint):
    with pytest.raises(BadCondition) as refused:
        RULES.compile(text)

    assert complaint in str(refused.value)


def test_a_complaint_has_its_line_within_the_text():
    with pytest.raises(BadCondition) as refused:
        RULES.compile("upstream == 'x'\n  && target == 'y'\n  && foo == 'z'")

    assert refused.value.line == 2


def test_all_unknown_names_are_said_at_once():
    with pytest.raises(BadCondition) as refused:
        RULES.compile("foo == 'x' || bar == 'x'")

    assert "'foo'" in str(refused.value)
    assert "'bar'" in str(refused.value)


def test_a_language_knows_its_own_names_only():
    language = Language({"claims": OBJECT, "other": TEXT})

    assert language.compile("claims.sub == other").names == {"claims", "other"}
    with pytest.raises(BadCondition):
        language.compile("upstream == 'x'")


@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from([*VARIABLES, "==", "'x'", "&&", "(", ")", "!", "."])).map(" ".join)
)
def test_no_text_is_an_accident(text):
    try:
        condition = RULES.compile(text)
    except BadCondition:
        return
    assert condition.evaluate(RULES.bind({})) in {True, False, None}
