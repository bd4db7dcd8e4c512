"""`affidavit policy drift --over DIR`: the requirements; what is recorded is evidence-format section 5."""

import json
import sys

import pytest

from affidavit.cli import drifting, main
from affidavit.clock import DAY
from affidavit.evidence.canonical import encode
from affidavit.policy.decide import RULES, Rule
from affidavit.policy.naming import Names
from fakes.ledger import Ledger, LedgerWriter

FILE = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: laptop, issuer: "https://issuer.test", jwks_file: ./jwks.json, attribution: person}
people:
  - {email: ana@example.com, groups: [dba]}
upstreams:
  - {name: warehouse, kind: mcp, url: "https://warehouse.example.com/mcp"}
rules:
  - {name: reads-are-fine, when: target == "sql.query", then: allow}
"""
IDLE = '  - {name: nobody-drops, when: target == "drop_table", then: deny}\n'
SPONSOR = "sponsors:\n  - {match: claims.sub == 'ana', person: bo@example.com}\n"


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def gateway(ledger) -> LedgerWriter:
    return ledger.gateway()


@pytest.fixture
def drift(ledger, tmp_path, capfd, monkeypatch):
    """Runs the command with this file, or without one; gives its exit status and what it printed."""

    def run(text: str | None, *words: str) -> tuple[int, str, str]:
        path = tmp_path / "affidavit.yaml"
        path.write_text(text or "")
        file = [str(path)] if text else []
        monkeypatch.setattr(sys, "argv", ["affidavit", "policy", "drift", *file, "--over", str(ledger.root), *words])
        status = main()
        return (status, *capfd.readouterr())

    return run


def found(drift, text: str, *words: str) -> list[tuple]:
    status, out, _ = drift(text, "--json", *words)
    said = json.loads(out)
    assert status == said["status"] == (1 if said["findings"] else 0)
    return [(one["finding"], one["about"], one["calls"]) for one in said["findings"]]


def test_rules_that_are_used_and_tools_that_are_named_are_no_findings(ledger, gateway, drift):
    gateway.call()
    ledger.settle()

    status, out, err = drift(FILE)

    assert (status, err) == (0, "")
    assert out.startswith("1 call since ")
    assert out.endswith(", 0 findings\n")


def test_a_rule_that_decided_nothing_is_told(ledger, gateway, drift):
    gateway.call()
    ledger.settle()

    assert found(drift, FILE + IDLE) == [("idle_rule", "nobody-drops", 0)]
    assert "nobody-drops  decided nothing in the period" in drift(FILE + IDLE)[1]


def test_a_rule_that_decided_something_before_the_period_is_idle_in_it(ledger, gateway, drift):
    gateway.call()
    ledger.advance(2 * DAY)
    gateway.alive()
    ledger.settle()

    assert found(drift, FILE, "--since", "2026-11-24T00:00") == [("idle_rule", "reads-are-fine", 0)]


def test_a_tool_that_no_rule_names_is_told_with_how_often_it_was_allowed(ledger, gateway, drift):
    gateway.call()
    gateway.call(target="sql.explain")
    gateway.call("refused", target="sql.explain")
    ledger.settle()

    assert found(drift, FILE) == [("unnamed_tool", "warehouse/sql.explain", 2)]
    out = drift(FILE)[1]
    assert "warehouse/sql.explain  2 calls  was called and no rule names it; 1 of the calls were allowed" in out
    assert f"for instance {gateway.id}/7" in out


def test_tools_beyond_all_measure_are_counted_together(ledger, gateway, drift, monkeypatch):
    monkeypatch.setattr(drifting, "MAX_TOOLS", 1)
    for target in ("sql.query", "a", "b"):
        gateway.call(target=target)
    ledger.settle()

    assert found(drift, FILE) == [("unnamed_tool", "(others)/(others)", 2)]


def test_a_sponsor_who_is_no_person_is_told_with_what_came_without_anybody(ledger, gateway, drift):
    nobody = gateway.principal | {"attribution": "none", "person": None}
    gateway.call(principal=nobody)
    gateway.call()
    ledger.settle()

    assert found(drift, FILE + SPONSOR) == [("sponsor_without_person", "bo@example.com", 1)]


def test_whoever_sponsored_and_is_no_person_any_more_is_told(ledger, gateway, drift):
    gateway.call(principal=gateway.principal | {"attribution": "sponsored", "person": "bo@example.com"})
    ledger.settle()

    assert found(drift, FILE) == [("sponsored_by_nobody", "bo@example.com", 1)]


def test_a_rule_about_what_upstreams_ask_of_clients_is_not_judged(ledger, gateway, drift):
    gateway.call()
    ledger.settle()
    rule = "  - {name: may-ask, when: method == 'sampling/createMessage', then: allow}\n"

    assert found(drift, FILE + rule) == []
    assert "may-ask is about what upstreams ask of clients" in drift(FILE + rule)[1]


def test_without_a_file_the_rules_are_those_that_were_loaded_last(ledger, gateway, drift):
    body = gateway.body((FILE + IDLE).encode())
    gateway.say("policy:loaded", body, policy=body.reference(), digest="d" * 64)
    gateway.call()
    ledger.settle()

    status, out, _ = drift(None)

    assert status == 1
    assert "nobody-drops" in out


def test_without_a_file_and_without_a_recorded_one_the_command_is_wrong(ledger, drift):
    ledger.writer("console").open()
    ledger.settle()

    status, _, err = drift(None)

    assert status == 2
    assert "no policy file is recorded here" in err


def test_a_hole_is_told_and_is_no_all_clear(ledger, gateway, drift):
    gateway.call()
    gateway.flush()
    gateway.call()
    gateway.lose()
    gateway.call()
    ledger.settle()

    status, out, _ = drift(FILE)

    assert status == 3
    assert "are not here" in out


def test_recorded_text_can_do_nothing_to_a_terminal(ledger, gateway, drift):
    gateway.call(target="sql\x1b[2J", asked=encode({"id": 1, "jsonrpc": "2.0", "method": "tools/call"}))
    ledger.settle()

    assert "\x1b" not in drift(FILE)[1]


@pytest.mark.parametrize(
    ("when", "named", "unnamed"),
    [
        ("target == 'a'", "a", "b"),
        ("target in ['a', 'b'] && principal.email == ''", "b", "c"),
        ("target.startsWith('sql.')", "sql.query", "orders"),
        ("upstream == 'w' && (target == 'a' || target.matches('^x+$'))", "xx", "y"),
        ("target != 'a'", "a", "b"),
        ("!(target in ['a'])", "a", "b"),
        ("principal.email == 'a'", "", "a"),
        ("arguments.name == 'a' || target == 'b'", "b", "c"),
    ],
)
def test_a_rule_names_the_tools_that_it_was_written_for(when, named, unnamed):
    names = Names([Rule(name="r", when=RULES.compile(when), then="allow")])

    assert not named or names.name("w", "tools/call", named)
    assert not names.name("w", "tools/call", unnamed)
