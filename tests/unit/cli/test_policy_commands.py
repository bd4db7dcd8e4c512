"""`affidavit policy check`, `explain` and `test`: the requirements."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from affidavit.cli import main
from affidavit.evidence.canonical import encode
from affidavit.policy.decide import RULES as RULES_LANGUAGE
from affidavit.policy.decide import Rule
from affidavit.policy.decision import ApprovalTerms
from affidavit.policy.document import load
from affidavit.policy.doubts import doubts
from fakes.ledger import Ledger

HEAD = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: laptop, issuer: "https://issuer.test", jwks_file: ./jwks.json, attribution: person}
  - {name: robots, issuer: "https://robots.test", jwks_file: ./robots.json, attribution: sponsored}
people:
  - {email: ana@example.com, groups: [dba]}
sponsors:
  - {match: claims.email == "deploy@robots.test", person: ana@example.com}
upstreams:
  - {name: warehouse, kind: mcp, url: "https://warehouse.example.com/mcp"}
"""
RULES = """\
rules:
  - name: nobody-drops
    when: target == "sql.query" && (arguments.sql.contains("drop") || arguments.sql.contains("truncate"))
    then: deny
    reason: Schema changes go through migrations.
  - name: dbas-may-ask
    when: '"dba" in principal.groups && target == "sql.query"'
    then: allow
  - name: robots-may-ask
    when: target == "sql.query" && principal.attribution == "sponsored"
    then: allow
"""
CASE = """\
  - name: {name}
    call: {{principal: {principal}, upstream: warehouse, target: sql.query, arguments: {{sql: "{sql}"}}}}
    expect: {expect}
"""
ANA = "{attribution: person, email: Ana@example.com}"
ROBOT = "{iss: https://robots.test, sub: '1', email: deploy@robots.test, email_verified: true}"


@pytest.fixture
def run(tmp_path, capfd, monkeypatch):
    """Runs a command on a file with this text; gives its exit status, what it printed, and what it complained of."""

    def command(what: str, text: str, *words: str) -> tuple[int, str, str]:
        path = tmp_path / "affidavit.yaml"
        path.write_text(HEAD + text)
        monkeypatch.setattr(sys, "argv", ["affidavit", "policy", what, str(path), *words])
        status = main()
        return (status, *capfd.readouterr())

    return command


def case(name: str, principal: str = ANA, sql: str = "select 1", expect: str = "allow", **more: str) -> str:
    text = CASE.format(name=name, principal=principal, sql=sql, expect=expect)
    return text + "".join(f"    {key}: {value}\n" for key, value in more.items())


# check


def test_a_policy_that_holds_is_shown_in_its_order(run):
    status, out, err = run("check", RULES)

    assert (status, err) == (0, "")
    places = [out.index(name) for name in ("nobody-drops", "dbas-may-ask", "robots-may-ask", "everything else")]
    assert places == sorted(places)
    assert out.endswith("3 rules, 0 tests, 0 doubts\n")


def test_a_policy_that_does_not_hold_is_refused_with_its_lines(run):
    status, out, err = run("check", RULES.replace("target ==", "targt ==", 1))

    assert (status, out) == (2, "")
    assert "affidavit.yaml:15: rules[0].when: unknown name 'targt' (did you mean 'target'?)" in err


def test_programs_are_told_the_same(run):
    status, out, _ = run("check", RULES.replace("target ==", "targt ==", 1), "--json")

    assert status == 2
    assert json.loads(out)["errors"][0]["line"] == 15
    assert json.loads(run("check", RULES, "--json")[1])["rules"][0]["reads"] == ["arguments", "target"]


DOUBTS = [
    (
        "  - {name: a, when: true, then: deny}\n  - {name: b, when: target == 'x', then: allow}",
        "b can never match: a, abo",
    ),
    (
        "  - {name: a, when: target == 'x', then: deny}\n  - {name: b, when: target == 'x', then: allow}",
        "has the same co",
    ),
    ("  - {name: a, when: false, then: allow}", "a can never match: its condition is always false"),
    ("  - {name: a, when: 1 / 0 == 1, then: deny}", "a: its condition always fails, so it always matches"),
    ("  - {name: a, when: true, then: allow}", "a allows everything"),
    ("  - {name: a, when: principal.attribution == 'none', then: allow}", "a serves nobody"),
    ("  - {name: a, when: target == 'x', then: deny}", "no rule allows anything"),
]


@pytest.mark.parametrize(("rules", "doubt"), DOUBTS)
def test_what_is_probably_not_meant_is_told_and_is_no_error(rules, doubt, run):
    status, out, _ = run("check", f"rules:\n{rules}\n")

    assert status == 0
    assert doubt in out


def test_an_approver_whom_nobody_knows_is_a_doubt():
    terms = ApprovalTerms(approvers=("ana@example.com", "group:dba", "bo@example.com", "group:ops"))
    rule = Rule(name="asks", when=RULES_LANGUAGE.compile("target == 'x'"), then="require_approval", approval=terms)
    configuration = replace(load(Path("x"), (HEAD + RULES).encode()), rules=(rule,))

    assert list(doubts(configuration)) == [
        "asks: bo@example.com is not among people, so nobody can approve in that name",
        "asks: nobody is in group:ops among people, so nobody can approve in that name",
    ]


def test_masking_that_is_switched_off_is_a_doubt(run):
    assert "masking is switched off" not in run("check", RULES)[1]
    assert "masking is switched off" in run("check", RULES + "masking: []\n")[1]


def test_where_directories_know_people_the_file_alone_makes_no_doubt(run, monkeypatch):
    head = HEAD.replace("person: ana@example.com", "person: bo@example.com")
    monkeypatch.setattr(sys.modules[__name__], "HEAD", head)
    directories = "directories:\n  - {name: okta, kind: scim, secret: {file: ./scim-secret}}\n"

    assert "bo@example.com" in run("check", RULES)[1]
    assert "bo@example.com" not in run("check", RULES + directories)[1]


def test_a_sponsor_who_is_no_person_is_a_doubt(run, monkeypatch):
    monkeypatch.setattr(
        sys.modules[__name__], "HEAD", HEAD.replace("person: ana@example.com", "person: bo@example.com")
    )

    assert "bo@example.com sponsors, but is not among people" in run("check", RULES)[1]


# test


def test_cases_that_pass_are_told_one_a_line(run):
    text = (
        RULES
        + "tests:\n"
        + case("Ana may ask", rule="dbas-may-ask")
        + case("nobody drops", sql="drop x", expect="deny")
    )

    status, out, _ = run("test", text)

    assert status == 0
    assert "✓ Ana may ask: allow, dbas-may-ask\n✓ nobody drops: deny, nobody-drops\n" in out
    assert out.endswith("2 tests, 0 failed\n")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (case("it", expect="deny"), "✗ it: expected deny, and it is allow by dbas-may-ask"),
        (
            case("it", rule="robots-may-ask"),
            "✗ it: it is allow as expected, but by dbas-may-ask, not by robots-may-ask",
        ),
        (case("it", "{attribution: none}"), "✗ it: expected allow, and it is deny since no rule matches"),
        (case("it", "{iss: https://other.test, sub: x}"), "✗ it: no issuer 'https://other.test' is in"),
    ],
)
def test_a_case_that_fails_says_what_came_instead(wrong, told, run):
    status, out, _ = run("test", f"{RULES}tests:\n{wrong}")

    assert status == 1
    assert told in out


def test_a_case_without_a_time_comes_at_noon_of_one_day_for_ever(run):
    rules = RULES.replace('"dba" in principal.groups', 'now == timestamp("2026-01-01T12:00:00Z")')
    later = case("later", expect="deny").replace("upstream:", 'now: "2026-01-01T12:00:01Z", upstream:')

    assert run("test", f"{rules}tests:\n{case('noon')}{later}")[0] == 0


def test_the_claims_of_a_token_make_the_principal_that_the_gateway_would_make(run):
    """identity-and-approvals "Which human started this job": a sponsor answers for the machine and lends no groups."""
    assert run("test", f"{RULES}tests:\n{case('robots', ROBOT, rule='robots-may-ask')}")[0] == 0
    unverified = ROBOT.replace("email_verified: true", "email_verified: false")
    assert run("test", f"{RULES}tests:\n{case('robots', unverified, expect='deny')}")[0] == 0


def test_programs_are_told_each_case(run):
    _, out, _ = run("test", f"{RULES}tests:\n{case('a')}{case('b', expect='deny')}", "--json")

    assert [(one["name"], one["passed"]) for one in map(json.loads, out.splitlines())] == [("a", True), ("b", False)]


def test_a_file_without_cases_says_so(run):
    assert run("test", RULES)[:2] == (0, "there are no tests in this file\n")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (case("a", rulle="dbas-may-ask"), "28: tests[0].rulle: unknown key (did you mean 'rule'?)"),
        (case("a", rule="dba-may-ask"), "28: tests[0].rule: no rule 'dba-may-ask' (did you mean 'dbas-may-ask'?)"),
        (case("a") + case("a"), "28: tests[1].name: 'a' stands already on line 25"),
        (case("a", expect="allowed"), "27: tests[0].expect: must be"),
        (
            case("a", "{attribution: person, mail: x}"),
            "26: tests[0].call.principal.mail: unknown key (did you mean 'email'?)",
        ),
        (case("a", "{attribution: person, email: x}"), "tests[0].call.principal.email: 'x' is not an address"),
        (case("a", "{sub: x}"), "tests[0].call.principal.sub: unknown key"),
        (case("a", "{iss: x}"), "tests[0].call: a token's claims have sub, a text"),
        (case("a").replace("warehouse", "warehous"), "tests[0].call.upstream: no upstream 'warehous'"),
        (case("a").replace('"select 1"', "1.5"), "tests[0].call.arguments: a number here is a whole one"),
        (case("a").replace("upstream", "now: noon, upstream"), "tests[0].call.now: 'noon' is no time"),
        (
            case("a").replace("upstream", "client: {ip: here}, upstream"),
            "tests[0].call.client.ip: 'here' is no address",
        ),
    ],
)
def test_the_form_of_a_case_is_checked_whenever_the_file_is_loaded(wrong, complaint, run):
    status, _, err = run("check", f"{RULES}tests:\n{wrong}")

    assert status == 2
    assert complaint in err


STATEMENTS = """\
networks: {office: [192.0.2.0/24]}
rules:
  - name: reads
    when: target == "sql.query" && statement.effect == "read" && !("salaries" in statement.tables)
    then: allow
    effect: read
  - name: writes
    when: target == "sql.query" && "office" in client.networks
    then: require_approval
    approvers: [ana@example.com]
"""


def test_a_case_sees_statements_networks_and_approvals_as_the_gateway_does(run, monkeypatch):
    url = 'url: "https://warehouse.example.com/mcp"'
    head = HEAD.replace(url, f"{url}, statements: {{sql.query: {{argument: sql, dialect: postgres}}}}")
    monkeypatch.setattr(sys.modules[__name__], "HEAD", head)
    office = "client: {ip: 192.0.2.7}, upstream:"
    cases = (
        case("reading", rule="reads"),
        case("salaries", sql="select * from salaries", expect="deny"),
        case("writing", sql="delete from t", expect="require_approval", rule="writes").replace("upstream:", office),
        case("writing from elsewhere", sql="delete from t", expect="deny"),
    )

    assert run("test", f"{STATEMENTS}tests:\n{''.join(cases)}")[0] == 0


# explain


@pytest.fixture
def explain(run, tmp_path):
    """Explains a call; gives its exit status, what it printed, and what it complained of."""

    def command(call, *words: str, rules: str = RULES) -> tuple[int, str, str]:
        (tmp_path / "call.json").write_text(call if isinstance(call, str) else json.dumps(call))
        return run("explain", rules, "--call", str(tmp_path / "call.json"), *words)

    return command


def call(**changed) -> dict:
    return {
        "principal": {"attribution": "person", "email": "ana@example.com"},
        "upstream": "warehouse",
        "target": "sql.query",
        "arguments": {"sql": "select 1"},
    } | changed


def test_the_rule_that_decides_is_told_with_every_rule_above_it(explain):
    status, out, err = explain(call())

    assert (status, err) == (0, "")
    assert out.startswith("allow  by dbas-may-ask\nThe rule 'dbas-may-ask' allows this.\n")
    above, _, deciding = out.partition("  2  ")
    assert "nobody-drops  does not match" in above
    assert '  true  target == "sql.query"\n' in above
    assert ' false  && arguments.sql.contains("drop") || arguments.sql.contains("truncate")\n' in above
    assert ' false    arguments.sql.contains("drop")\n' in above
    assert ' false    || arguments.sql.contains("truncate")\n' in above
    assert '  arguments  = {"sql":"select 1"}\n' in above
    assert "dbas-may-ask  matches, and decides" in deciding
    assert '  principal.groups  = ["dba"]\n' in deciding
    assert out.endswith("1 more below it, which were not asked\n")


def test_a_condition_that_fails_is_told_with_its_failure_and_what_that_counts_as(explain):
    """architecture "Configuration": it counts as matched for deny, and as not matched for allow."""
    _, out, _ = explain(call(arguments={"query": "select 1"}))

    assert out.startswith("deny  by nobody-drops\nSchema changes go through migrations.\n")
    assert "nobody-drops  fails, which counts as matched, and decides" in out
    assert 'Key not found in map : "sql"' in out


def test_that_nothing_matches_is_told(explain):
    _, out, _ = explain(call(target="other"))

    assert out.startswith("deny  by default\nNo rule allows this.\n")
    assert "robots-may-ask  does not match" in out


def test_programs_are_told_the_same_of_a_call(explain):
    _, out, _ = explain(call(arguments={"sql": "drop x"}), "--json")
    said = json.loads(out)

    assert (said["decision"], said["rule"], said["rules_below"]) == ("deny", "nobody-drops", 2)
    (rule,) = said["rules"]
    assert [(part["text"], part["outcome"]) for part in rule["parts"] if part["depth"] == 1] == [
        ('target == "sql.query"', "true"),
        ('arguments.sql.contains("drop") || arguments.sql.contains("truncate")', "true"),
    ]
    assert rule["values"] == {"arguments": {"sql": "drop x"}, "target": "sql.query"}


def test_a_request_without_a_target_is_decided_by_whether_the_upstream_is_any_use(explain):
    _, out, _ = explain(call(method="tools/list", target=None, arguments={}))

    assert out.startswith("allow  by dbas-may-ask\n")
    assert "A request without a target is decided by" in out


def test_a_number_with_a_fraction_and_a_null_may_stand_in_a_call(explain):
    status, out, _ = explain(call(arguments={"sql": "select 1", "limit": 1.5, "also": None}))

    assert status == 0
    assert '"limit":1.5,"also":null' in out


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("{", "call.json is no JSON"),
        ('{"upstream": "a", "upstream": "b"}', "call.json is no JSON: A key stands twice"),
        ("[]", "call.json: must be a mapping"),
        (call(tarket="x"), "call.json: tarket: unknown key (did you mean 'target'?)"),
        (call(principal={"attribution": "boss"}), "call.json: principal.attribution: must be 'person', "),
        (call(principal=None), "call.json: say whose call it is"),
        (call(upstream="other"), "no upstream 'other' is in"),
        (call(arguments=[1]), "call.json: arguments: must be a mapping"),
        (call(now="27.11.2026"), "call.json: now: '27.11.2026' is no time"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_wrong(wrong, complaint, explain):
    status, _, err = explain(wrong)

    assert status == 2
    assert complaint in err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "say which call"),
        (["--record", "20261122T122557Z-aa69ea0b77e7b03b/5"], "--record and --data go together"),
        (["--record", "thirteen", "--data", "."], "'thirteen' is no record's id"),
        (["--call", "/nowhere.json"], "/nowhere.json cannot be read"),
    ],
)
def test_a_wrong_command_line_is_refused_with_what_is_wrong(words, complaint, run):
    status, _, err = run("explain", RULES, *words)

    assert status == 2
    assert complaint in err


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


def test_a_recorded_call_is_explained_with_the_claims_of_its_credential(ledger, run):
    gateway = ledger.gateway()
    params = {"arguments": {"sql": "select 1"}, "name": "sql.query"}
    gateway.call(asked=encode({"id": 1, "jsonrpc": "2.0", "method": "tools/call", "params": params}))
    ledger.settle()
    rules = RULES.replace('"dba" in principal.groups &&', '"dba" in principal.groups && claims.sub == "ana" &&')

    for record in (5, 6):
        words = ["--record", f"{gateway.id}/{record}", "--data", str(ledger.root)]
        status, out, _ = run("explain", rules, *words)

        assert status == 0
        assert out.startswith("allow  by dbas-may-ask\n")
        assert '  claims            = {"sub":"ana"}\n' in out


def test_what_of_a_recorded_call_is_not_known_is_told(ledger, run):
    gateway = ledger.gateway()
    gateway.call()
    ledger.settle()
    shutil.rmtree(ledger.root / "bodies")

    _, out, _ = run("explain", RULES, "--record", f"{gateway.id}/5", "--data", str(ledger.root))

    assert "! the arguments are not here: its bodies object is not there" in out
    assert "! What was true cannot be told" in out


def test_a_record_that_is_no_call_is_refused(ledger, run):
    gateway = ledger.gateway()
    ledger.settle()

    for record in (0, 99):
        status, _, err = run("explain", RULES, "--record", f"{gateway.id}/{record}", "--data", str(ledger.root))

        assert status == 1
        assert "of a call by somebody who was authenticated is here" in err


def test_the_example_file_has_no_doubts(capfd, monkeypatch):
    example = Path(__file__).parents[3] / "affidavit.example.yaml"
    monkeypatch.setattr(sys, "argv", ["affidavit", "policy", "check", str(example)])

    assert main() == 0
    assert ", 0 doubts" in capfd.readouterr().out
