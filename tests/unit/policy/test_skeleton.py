"""Taking conditions apart: CEL language definition, "Syntax"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.policy.decide import RULES, VARIABLES
from affidavit.policy.reads import Read, reads
from affidavit.policy.skeleton import Joined, Part, parts, skeleton


def leaves(text: str) -> list[str]:
    return [part.text for part in parts(skeleton(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b || c", ["a", "b", "c"]),
        ("(a && (b))", ["a", "b"]),
        ("a && !(b || c)", ["a", "b", "c"]),
        ("!a && !!(b)", ["!a", "!!(b)"]),
        ("!(a) == b", ["!(a) == b"]),
        ("a ? b : c || d", ["a ? b : c || d"]),
        ("(a ? b : c) || d", ["a ? b : c", "d"]),
        ("x.all(y, y && z) && [a || b][0]", ["x.all(y, y && z)", "[a || b][0]"]),
        ('t == "x && y" || b', ['t == "x && y"', "b"]),
        (r'"a\"||b" == t || b', [r'"a\"||b" == t', "b"]),
        ('r"\\" == t && b', ['r"\\" == t', "b"]),
        ('t == """a "" && b""" || c', ['t == """a "" && b"""', "c"]),
        ("a // && b\n && c", ["a", "c"]),
    ],
)
def test_a_condition_is_cut_where_its_operators_join_and_nowhere_else(text, expected):
    assert leaves(text) == expected


def test_or_binds_weaker_than_and():
    shape = skeleton("a && b || c")

    assert isinstance(shape, Joined)
    assert (shape.join, shape.parts[1]) == ("||", Part("c"))


ATOMS = st.sampled_from(
    ["target == 'a'", "arguments.x == 1", "method in ['b', \"&&\"]", "true", "false", "arguments.f", "has(arguments.x)"]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" && ".join),
        st.tuples(inner, inner).map(" || ".join),
        inner.map("({})".format),
        inner.map("!({})".format),
        st.tuples(inner, inner, inner).map("(({0[0]}) ? ({0[1]}) : ({0[2]}))".format),
    ),
    max_leaves=8,
)
VALUES = st.fixed_dictionaries(
    {
        "target": st.sampled_from(["a", "b"]),
        "method": st.sampled_from(["b", "&&", "c"]),
        "arguments": st.sampled_from([{}, {"x": 1}, {"x": "one"}, {"f": True}, {"f": False, "x": 1}]),
    }
)


@given(CONDITIONS, VALUES)
def test_parts_come_together_to_what_the_whole_comes_to(text, values):
    """CEL "Logical Operators": what decides alone decides, whatever the other side comes to."""
    bound = RULES.bind(values)

    assert together(skeleton(text), bound) == RULES.compile(text).evaluate(bound)


def together(shape, bound):
    if isinstance(shape, Part):
        return RULES.compile(shape.text).evaluate(bound)
    outcomes = [together(part, bound) for part in shape.parts]
    if shape.join == "!":
        return None if outcomes[0] is None else not outcomes[0]
    decides = shape.join == "||"
    if decides in outcomes:
        return decides
    return None if None in outcomes else not decides


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arguments.sql.matches('x')", [Read("arguments", ("sql",))]),
        ("has(arguments.a.b)", [Read("arguments", ("a", "b"), presence=True)]),
        ("arguments['a b'][0].c == 1", [Read("arguments", ("a b", 0, "c"))]),
        (r"arguments['a\u0062'] == 1", [Read("arguments", ())]),
        ("arguments[target] == 1", [Read("arguments", ()), Read("target", ())]),
        ("size(arguments) == 1", [Read("arguments", ())]),
        ("arguments.list.exists(x, x == 1)", [Read("arguments", ("list",))]),
        (
            "principal.claims.ref == claims.arguments",
            [Read("principal.claims", ("ref",)), Read("claims", ("arguments",))],
        ),
        (".arguments.x == 1", [Read("arguments", ("x",))]),
        ("{'arguments': 1}.arguments == 1", []),
        ("target == 'arguments.x'", [Read("target", ())]),
        ("'dba' in principal.groups", [Read("principal.groups", ())]),
    ],
)
def test_what_a_condition_reads_is_found(text, expected):
    assert list(reads(text, VARIABLES)) == expected


@given(CONDITIONS)
def test_no_named_variable_is_overlooked(text):
    assert {read.variable for read in reads(text, VARIABLES)} >= RULES.compile(text).names


@pytest.mark.parametrize(
    ("read", "hidden", "touches"),
    [
        (Read("arguments", ("sql",)), {"arguments": [("sql",)]}, True),
        (Read("arguments", ("sql",)), {"arguments": [("table",)]}, False),
        (Read("arguments", ("filters",)), {"arguments": [("filters", 0, "email")]}, True),
        (Read("arguments", ("sql", "x")), {"arguments": [("sql",)]}, True),
        (Read("arguments", ()), {"arguments": [("sql",)]}, True),
        (Read("arguments", ("sql",), presence=True), {"arguments": [("sql",)]}, False),
        (Read("arguments", ("sql", "x"), presence=True), {"arguments": [("sql",)]}, True),
        (Read("arguments", ("sql",), presence=True), {"arguments": [()]}, True),
        (Read("target", ()), {"arguments": [()]}, False),
    ],
)
def test_a_read_touches_what_is_hidden_at_below_or_above_it(read, hidden, touches):
    """evidence-format section 5, `masks`: only a leaf is masked, so that it is there is known."""
    assert read.touches(hidden) is touches
