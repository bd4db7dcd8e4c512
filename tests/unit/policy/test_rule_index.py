"""Rules that are left out are false for certain: what is decided is what all rules would decide."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.policy.decide import RULES, Facts, Policy, Rule
from affidavit.policy.rule_index import Candidates

PINNED = [
    ("upstream == 'w'", {"upstream": {"w"}}),
    ("'w' == upstream", {"upstream": {"w"}}),
    ("target in ['a', 'b'] && method == 'tools/call'", {"target": {"a", "b"}, "method": {"tools/call"}}),
    ("principal.attribution != 'none' && client.ip.startsWith('1') && target == 'a'", {"target": {"a"}}),
    ("target == 'a' && target in ['b', 'a']", {"target": {"a"}}),
    ("target == 'a' && target == 'b'", {"target": set()}),
    ("(upstream == 'w' && (target == 'a' && arguments.x == 1))", {"upstream": {"w"}, "target": {"a"}}),
    ("arguments.x == 1 && target == 'a'", {}),
    ("principal.email == 'x' && target == 'a'", {}),
    ("claims.sub == 'x' && target == 'a'", {}),
    ("target.size() == 1 && upstream == 'w'", {}),
    ("target == 'a' || upstream == 'w'", {}),
    ("!(target == 'a')", {}),
    ("target != 'a'", {}),
    ("target == upstream", {}),
    ("target in [upstream]", {}),
    ("target in arguments.list", {}),
    ("target in {'a': 1}", {}),
    ("(target == 'a') == true", {}),
    ("target == 'a' ? true : false", {}),
    ("['b'].exists(target, target == 'a')", {}),
    ("['b'].exists(target, target == 'a') && target == 'c'", {}),
    ("true", {}),
]


@pytest.mark.parametrize(("when", "pins"), PINNED)
def test_only_what_is_false_for_certain_elsewhere_is_pinned(when, pins):
    """CEL language definition, "Logical Operators": false && error is false, in either order; but a value that cannot
    be converted, or a spent budget, ends the whole."""
    assert RULES.compile(when).pins == pins


def test_most_rules_are_never_looked_at():
    rules = [
        Rule(name=f"r{i}", when=RULES.compile(f"upstream == 'u{i % 5}' && target == 't{i}'"), then="allow")
        for i in range(50)
    ]
    found = Policy(rules, "d")._index.candidates("u3", "tools/call", "t8")

    assert [rule.name for rule in found.rules] == ["r8"]
    assert len(Policy(rules, "d")._index.candidates("u3", None, None).rules) == 10


def test_what_callers_choose_does_not_fill_the_memory():
    policy = Policy([Rule(name="a", when=RULES.compile("target == 'x'"), then="allow")], "d")
    for i in range(1_000):
        policy.decide(Facts(principal={"principal.attribution": "person"}, ip="", upstream=f"u{i}", target=f"t{i}"))

    assert len(policy._index._known) == 1


PARTS = [
    "upstream == 'w'",
    "upstream in ['w', 'v']",
    "target == 'a'",
    "'b' == target",
    "target in ['a', 'b', '']",
    "target in []",
    "method == 'tools/call'",
    "method != 'prompts/get'",
    "target.startsWith('a')",
    "principal.email == 'x'",
    "principal.attribution == 'person'",
    "arguments.n == 1",
    "arguments.l.all(x, x > 0)",
    "arguments.l.all(target, target == 'a')",
    "claims.sub == 's'",
    "client.ip == '1'",
    "statement.effect == 'read'",
    "true",
]
CONDITIONS = st.recursive(
    st.sampled_from(PARTS),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["&&", "&&", "&&", "||"]), inner).map(lambda it: f"({' '.join(it)})")
        | inner.map(lambda it: f"!({it})")
    ),
    max_leaves=4,
)
RULES_OF_A_FILE = st.lists(st.tuples(CONDITIONS, st.sampled_from(["allow", "deny", "require_approval"])), max_size=6)
REQUESTS = st.fixed_dictionaries(
    {
        "upstream": st.sampled_from(["w", "v", "u"]),
        "method": st.sampled_from(["tools/call", "prompts/get", "", "\ud800"]),
        "target": st.sampled_from(["a", "b", "c", "", "\ud800", "ä"]),
        "ip": st.sampled_from(["1", "2"]),
        "arguments": st.dictionaries(
            st.sampled_from(["n", "l"]),
            st.sampled_from([1, 2**70, "\ud800", ["a"], [0, 1], list(range(20_000)), None]),
        ),
        "principal": st.sampled_from(["x", "y", "\ud800"]).flatmap(
            lambda email: st.sampled_from([{"sub": "s"}, {}, {"sub": 2**70}]).map(
                lambda claims: {"principal.attribution": "person", "principal.email": email, "claims": claims}
            )
        ),
    }
)


class Everything:
    """An index that leaves nothing out."""

    def __init__(self, rules) -> None:
        names = frozenset().union(*(rule.when.names for rule in rules))
        self.everything = Candidates(rules, names, tuple(sorted(n for n in names if not n.startswith("statement."))))

    def candidates(self, *_):
        return self.everything


@settings(max_examples=400)
@given(rules=RULES_OF_A_FILE, request=REQUESTS)
def test_what_is_decided_is_what_all_rules_would_decide(rules, request):
    made = [Rule(name=f"r{i}", when=RULES.compile(when), then=then) for i, (when, then) in enumerate(rules)]
    indexed, naive = Policy(made, "d"), Policy(made, "d")
    naive._index = Everything(naive.rules)
    facts = Facts(**request)

    for _ in range(2):  # the second time from what is remembered
        assert indexed.decide(facts) == naive.decide(facts)
        assert indexed.could_use(facts) == naive.could_use(facts)
        assert indexed.may_ask(facts) == naive.may_ask(facts)
        for target_known in (True, False):
            listed = indexed.may_ever_allow(facts, target_known=target_known)
            assert listed == naive.may_ever_allow(facts, target_known=target_known)
