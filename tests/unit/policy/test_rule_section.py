"""Rules of the configuration file, and what they look at: architecture "Configuration"; the requirements "Policy"."""

from pathlib import Path

import pytest

from affidavit.clock import MINUTE, SECOND
from affidavit.policy.decision import EXPIRES, ApprovalTerms, Budget
from affidavit.policy.document import load
from affidavit.policy.facts import Facts, StatementSource
from affidavit.policy.problems import ConfigurationErrors

PATH = Path("/etc/affidavit/affidavit.yaml")
TOP = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers: [{name: laptop, issuer: https://issuer.test, jwks_file: ./jwks.json, attribution: person}]
upstreams:
  - {name: warehouse, kind: mcp, url: http://127.0.0.1:9000/mcp}
"""
RULE = """\
rules:
  - name: writes
    when: target == "sql.query"
"""


def read(text: str):
    return load(PATH, text.encode())


def wrong(text: str) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        read(text)
    return [str(problem) for problem in caught.value.errors]


def test_a_rule_that_takes_an_approval_says_all_of_it():
    text = """\
    then: require_approval
    approvers: [Bob@Example.com, "group:dba"]
    approvals: 2
    expires: 5m
    strength: console
    hold: 45s
    reason_required: true
    scopes: ["sql:write", openid]
    effect: write
    reason: Ask a database administrator.
    budget: {calls: 100, per: 1m, answers: 10MiB}
"""
    (rule,) = read(TOP + RULE + text).rules

    assert rule.then == "require_approval"
    assert rule.approval == ApprovalTerms(
        approvers=("bob@example.com", "group:dba"),
        approvals=2,
        expires=5 * MINUTE,
        strength="console",
        hold=45 * SECOND,
        reason_required=True,
    )
    assert rule.approval.people == ("bob@example.com",)
    assert rule.scopes == ("sql:write", "openid")
    assert rule.budget == Budget(calls=100, answers=10 * 2**20, per=MINUTE)


def test_what_a_rule_does_not_say_of_an_approval_is_usual():
    (rule,) = read(TOP + RULE + '    then: require_approval\n    approvers: ["group:dba"]\n').rules

    assert rule.approval == ApprovalTerms(approvers=("group:dba",), expires=EXPIRES)
    assert rule.budget is None


@pytest.mark.parametrize("then", ["allow", "deny"])
def test_without_an_approval_a_rule_has_no_terms(then):
    assert read(TOP + RULE + f"    then: {then}\n").rules[0].approval is None


APPROVAL = "then: require_approval\n    approvers: [a@x.test]\n    "
WRONG_RULES = [
    ("then: require_approval", "8: rules[0]: require_approval needs approvers"),
    ("then: require_approval\n    approvers: []", "11: rules[0].approvers: require_approval needs approvers"),
    ("then: require_approval\n    approvers: [bob]", "11: rules[0].approvers[0]: 'bob' is not an approver, as in"),
    ("then: require_approval\n    approvers: ['group:A B']", "11: rules[0].approvers[0]: 'A B' is not a name"),
    ("then: require_approval\n    approvers: ['group:']", "11: rules[0].approvers[0]: '' is not a name"),
    ("then: require_approval\n    approvers: a@x.test", "11: rules[0].approvers: must be a list"),
    ("then: require_approval\n    approvers: [a@x.test, A@x.test]", "11: rules[0].approvers: an approver is named twi"),
    (APPROVAL + "approvals: 2", "12: rules[0].approvals: 2 people must approve, and 1 may"),
    (APPROVAL + "approvals: 0", "12: rules[0].approvals: must be a whole number from 1 to 10"),
    (APPROVAL + "approvals: true", "12: rules[0].approvals: must be a whole number from 1 to 10"),
    (APPROVAL + "hold: 46s", "12: rules[0].hold: '46s' is longer than the 45 s that clients wait"),
    (APPROVAL + "hold: 45", "12: rules[0].hold: must be a text"),
    (APPROVAL + "expires: soon", "12: rules[0].expires: 'soon' is not a duration"),
    (APPROVAL + "strength: strong", "12: rules[0].strength: must be 'any' or 'console'"),
    (APPROVAL + "reason_required: 'yes'", "12: rules[0].reason_required: "),
    ("then: allow\n    approvers: [a@x.test]", "11: rules[0].approvers: approvers means something with then: requi"),
    ("then: deny\n    hold: 5s", "11: rules[0].hold: hold means something with then: require_approval only"),
    ("then: allow\n    reason_required: true", "11: rules[0].reason_required: reason_required means something wi"),
    ("then: deny\n    scopes: [a]", "11: rules[0].scopes: scopes means nothing for a rule that denies"),
    ("then: deny\n    budget: {calls: 1, per: 1m}", "11: rules[0].budget: budget means nothing for a rule that den"),
    ("then: allow\n    scopes: ['a b']", "11: rules[0].scopes[0]: 'a b' is not one scope"),
    ("then: allow\n    scopes: ['a\"b']", "11: rules[0].scopes[0]: 'a\"b' is not one scope"),
    ("then: allow\n    budget: {per: 1m}", "11: rules[0].budget: it does not say what is counted"),
    ("then: allow\n    budget: {calls: 1}", "11: rules[0].budget.per: this is missing"),
    ("then: allow\n    budget: {calls: 0, per: 1m}", "11: rules[0].budget.calls: must be a whole number from 1"),
    ("then: allow\n    budget: {calls: 1.5, per: 1m}", "11: rules[0].budget.calls: must be a whole number from 1"),
    ("then: allow\n    budget: {calls: 1, per: 25h}", "11: rules[0].budget.per: '25h' is longer than a day"),
    ("then: allow\n    budget: {answers: 10MB, per: 1m}", "11: rules[0].budget.answers: '10MB' is not a size"),
    ("then: allow\n    budget: {answers: 10, per: 1m}", "11: rules[0].budget.answers: must be a text"),
    ("then: allow\n    budget: {call: 1, per: 1m}", "11: rules[0].budget.call: unknown key (did you mean 'calls'?)"),
    ("then: allow\n    aprovers: []", "11: rules[0].aprovers: unknown key (did you mean 'approvers'?)"),
    ("then: allow\n    effect: ddl", "11: rules[0].effect: must be 'read' or 'write'"),
]


@pytest.mark.parametrize(("rest", "complaint"), WRONG_RULES)
def test_what_is_wrong_with_a_rule_is_said_with_its_line(rest, complaint):
    problems = wrong(TOP + RULE + f"    {rest}\n")

    assert any(problem.startswith(complaint) for problem in problems), problems


def test_a_group_may_have_as_many_people_as_must_approve():
    text = TOP + RULE + "    then: require_approval\n    approvers: ['group:dba']\n    approvals: 3\n"

    assert read(text).rules[0].approval.approvals == 3


def test_rules_and_what_they_list_are_not_without_end():
    many = "".join(f"  - {{name: r{i}, when: 'true', then: deny}}\n" for i in range(501))
    scopes = ", ".join(f"s{i}" for i in range(51))

    assert wrong(TOP + "rules:\n" + many) == ["7: rules: there are at most 500 rules, these are 501"]
    assert wrong(TOP + RULE + f"    then: allow\n    scopes: [{scopes}]\n") == [
        "11: rules[0].scopes: at most 50, these are 51"
    ]


# Networks.


def test_networks_are_known_by_their_names():
    text = TOP + "networks: {office: [203.0.113.0/24, 2001:db8::/32], vpn: [10.0.0.0/8], one: [192.0.2.7/32]}\n"
    networks = read(text).networks

    assert networks.holding("203.0.113.9") == ["office"]
    assert networks.holding("10.1.2.3") == ["vpn"]
    assert networks.holding("2001:db8:1::1") == ["office"]
    assert networks.holding("::ffff:10.1.2.3") == ["vpn"]
    assert networks.holding("192.0.2.7") == ["one"]
    assert networks.holding("192.0.2.8") == networks.holding("") == networks.holding("x") == []


def test_an_address_may_be_in_several_networks_and_is_remembered_only_as_long_as_there_is_room():
    networks = read(TOP + "networks: {all: [0.0.0.0/0], ten: [10.0.0.0/8]}\n").networks
    for i in range(5_000):
        networks.holding(f"192.0.{i >> 8}.{i & 255}")

    assert networks.holding("10.0.0.1") == ["all", "ten"]
    assert len(networks._known) <= 4_096


WRONG_NETWORKS = [
    ("[10.0.0.1/8]", "7: networks.office[0]: '10.0.0.1/8' has bits behind its length: did you mean 10.0.0.0/8?"),
    (
        "[2001:db8::1/32]",
        "7: networks.office[0]: '2001:db8::1/32' has bits behind its length: did you mean 2001:db8::/3",
    ),
    ("[10.0.0.0/33]", "7: networks.office[0]: '10.0.0.0/33' is not a network, as in"),
    ("[10.0.0.0]", "7: networks.office[0]: '10.0.0.0' is not a network, as in"),
    ("[10.0.0.0/255.0.0.0]", "7: networks.office[0]: '10.0.0.0/255.0.0.0' is not a network"),
    ("[010.0.0.0/8]", "7: networks.office[0]: '010.0.0.0/8' is not a network"),
    ("[10.0.0.0/08]", "7: networks.office[0]: '10.0.0.0/08' is not a network"),
    ("['fe80::%eth0/64']", "7: networks.office[0]: 'fe80::%eth0/64' is not a network"),
    ("['::ffff:10.0.0.0/104']", "7: networks.office[0]: '::ffff:10.0.0.0/104' is a network of IPv4: write it as one"),
    ("[office.example.com]", "7: networks.office[0]: 'office.example.com' is not a network"),
    ("[167772160]", "7: networks.office[0]: must be a text"),
    ("10.0.0.0/8", "7: networks.office: must be a list"),
    ("[]", "7: networks.office: it holds nothing"),
]


@pytest.mark.parametrize(("held", "complaint"), WRONG_NETWORKS)
def test_what_is_no_network_is_said_with_its_line(held, complaint):
    problems = wrong(TOP + f"networks: {{office: {held}}}\n")

    assert [problem for problem in problems if problem.startswith(complaint)], problems


def test_networks_have_names_and_an_end():
    many = ", ".join(f"10.{i >> 8}.{i & 255}.0/24" for i in range(5_001))

    assert wrong(TOP + "networks: {Our Office: [10.0.0.0/8]}\n")[0].startswith("7: networks.Our Office: 'Our Office'")
    assert wrong(TOP + f"networks: {{a: [{many}]}}\n") == [
        "7: networks: there are at most 5,000 networks in all, these are 5,001"
    ]


# Statements.


def with_statements(statements: str) -> str:
    return TOP.replace("9000/mcp}", f"9000/mcp, statements: {statements}}}")


def test_an_upstream_says_where_its_tools_hold_statements():
    text = with_statements(
        "{sql.query: {argument: sql, dialect: postgres}, bq: {argument: /query/0, dialect: bigquery}}"
    )

    assert read(text).upstreams[0].statements == {
        "sql.query": StatementSource(argument="sql", dialect="postgres"),
        "bq": StatementSource(argument="/query/0", dialect="bigquery"),
    }


WRONG_STATEMENTS = [
    (
        "{q: {argument: sql, dialect: postgress}}",
        "statements.q.dialect: no dialect 'postgress' (did you mean 'postgres'?)",
    ),
    ("{q: {argument: sql, dialect: duckdb}}", "statements.q.dialect: no dialect 'duckdb'; known are bigquery, mysql"),
    ("{q: {argument: sql, dialect: ''}}", "statements.q.dialect: no dialect ''"),
    ("{q: {argument: sql}}", "statements.q.dialect: this is missing"),
    ("{q: {argumnt: sql, dialect: mysql}}", "statements.q.argumnt: unknown key (did you mean 'argument'?)"),
    ("{q: {argument: /a~2, dialect: mysql}}", "statements.q.argument: '/a~2' is not a JSON pointer"),
    ("{q: {argument: '', dialect: mysql}}", "statements.q.argument: '' is not an argument's name"),
    ("{q: sql}", "statements.q: must be a mapping"),
    ("[]", "statements: must be a mapping"),
]


@pytest.mark.parametrize(("statements", "complaint"), WRONG_STATEMENTS)
def test_what_is_wrong_with_statements_is_said_with_its_line(statements, complaint):
    problems = wrong(with_statements(statements))

    assert [problem for problem in problems if problem.startswith(f"6: upstreams[0].{complaint}")], problems


def test_the_policy_of_a_file_knows_its_networks_and_statements():
    policy = read(
        with_statements("{sql.query: {argument: sql, dialect: postgres}}")
        + "networks: {office: [10.0.0.0/8]}\n"
        + 'rules:\n  - {name: a, when: \'statement.effect == "read" && client.networks == ["office"]\', then: allow}\n'
    ).policy()
    facts = Facts(
        principal={"principal.attribution": "person"},
        ip="10.0.0.1",
        upstream="warehouse",
        method="tools/call",
        target="sql.query",
        arguments={"sql": "select 1"},
    )

    assert policy.decide(facts).allowed
