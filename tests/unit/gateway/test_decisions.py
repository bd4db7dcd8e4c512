"""Decisions are made once for calls that are alike, and for no others: ARCHITECTURE "Decisions"."""

import pytest

from affidavit.errors import Refused
from affidavit.gateway.call import Call, Inbound
from affidavit.gateway.decisions import REMEMBERED, Decisions
from affidavit.gateway.in_force import InForce
from affidavit.identity.principal import Credential, Principal
from affidavit.mcp.jsonrpc import parse_message, print_message
from affidavit.policy.decide import RULES, Policy, Rule, Surroundings
from affidavit.policy.facts import StatementSource


def decisions(*rules: tuple[str, str]) -> Decisions:
    made = [Rule(name=f"r{i}", when=RULES.compile(when), then=then) for i, (when, then) in enumerate(rules)]
    source = StatementSource(argument="sql", dialect="postgres")
    around = Surroundings(statements={("warehouse", "sql.query"): source})
    return Decisions(InForce(policy=Policy(made, "d" * 64, around), masker=None))


def principal(**more) -> Principal:
    credential = Credential(header={}, claims={}, token_sha256="0" * 64, expires=0)
    usual = {"issuer": "https://issuer.test", "subject": "1", "email": None, "person": "ana@example.com"}
    return Principal(**usual | {"groups": ("dba",), "attribution": "person", "credential": credential} | more)


def call(target="sql.query", *, method="tools/call", who=None, session="5e55", received=0, **arguments) -> Call:
    body = print_message(
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": target, "arguments": arguments}}
    )
    inbound = Inbound.read("POST", "warehouse", [], body, "192.0.2.7", query=b"")
    made = Call(id="x", inbound=inbound, received=received, method=method, target=target)
    made.message, made.principal, made.session = parse_message(body), who or principal(), session
    return made


def allowed(asked: Decisions, one: Call) -> bool:
    try:
        asked.decide(one)
    except Refused:
        return False
    return True


def test_calls_that_are_alike_are_decided_once():
    asked = decisions(("target == 'sql.query'", "allow"))
    first, second = call(sql="a"), call(sql="b")

    assert allowed(asked, first)
    assert allowed(asked, second)
    assert first.permit is second.permit


DIFFERING = [
    ("arguments.sql == 'select 1'", {"sql": "select 1"}, {"sql": "select 2"}),
    ("statement.effect == 'read'", {"sql": "select 1"}, {"sql": "delete from t"}),
    ("now < timestamp('1970-01-01T00:00:05Z')", {"received": 4_000_000}, {"received": 5_000_000}),
    ("session == '5e55'", {}, {"session": "other"}),
    ("'dba' in principal.groups", {}, {"who": principal(groups=())}),
    ("principal.person == 'ana@example.com'", {}, {"who": principal(person="bob@example.com")}),
    ("principal.attribution == 'person'", {}, {"who": principal(attribution="sponsored")}),
    ("target == 'sql.query'", {}, {"target": "other"}),
    ("method == 'tools/call'", {}, {"method": "prompts/get"}),
]


@pytest.mark.parametrize(("when", "one", "other"), DIFFERING)
def test_calls_that_differ_in_what_a_rule_looks_at_are_decided_each(when, one, other):
    """A token can stand for somebody else when a directory changes, too."""
    asked = decisions((when, "allow"))

    assert allowed(asked, call(**one))
    assert not allowed(asked, call(**other))
    assert allowed(asked, call(**one))


def test_a_request_without_arguments_has_none_that_a_rule_sees():
    """What stands in a listing's `arguments` is nothing that a rule is about."""
    asked = decisions(("method == 'tools/list' && arguments.x == 'y'", "deny"), ("true", "allow"))

    assert not allowed(asked, call(method="tools/list", x="y")), "a condition that fails counts for a denial"
    assert not allowed(asked, call(method="tools/list"))


def test_refusals_have_the_code_of_what_decides():
    asked = decisions(("target == 'a'", "deny"), ("target == 'b'", "require_approval"))
    for target, code in (("a", "denied"), ("b", "approval_needed"), ("c", "denied")):
        with pytest.raises(Refused) as refused:
            asked.decide(call(target))
        assert refused.value.code == code


def test_what_is_remembered_does_not_fill_the_memory():
    asked = decisions(("true", "allow"))
    for i in range(REMEMBERED + 10):
        asked.decide(call(f"t{i}"))

    assert len(asked.current.permits) <= REMEMBERED
