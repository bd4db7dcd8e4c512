"""`affidavit policy replay NEW --over DIR`: the requirements; what is recorded is evidence-format section 5."""

import hashlib
import json
import shutil
import sys

import pytest

from affidavit.cli import main, replaying
from affidavit.clock import DAY
from affidavit.evidence.canonical import encode
from fakes.ledger import Ledger, LedgerWriter

HEAD = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: laptop, issuer: "https://issuer.test", jwks_file: ./jwks.json, attribution: person}
upstreams:
  - {name: warehouse, kind: mcp, url: "https://warehouse.example.com/mcp"}
rules:
"""
SAME = "  - {name: reads-are-fine, when: 'true', then: allow}\n"
NO_DROPS = """\
  - name: no-drops
    when: arguments.sql.contains("drop")
    then: deny
"""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def gateway(ledger) -> LedgerWriter:
    return ledger.gateway()


@pytest.fixture
def replay(ledger, tmp_path, capfd, monkeypatch):
    """Runs the command with these rules; gives its exit status, what it printed, and what it complained of."""

    def run(rules: str, *arguments: str) -> tuple[int, str, str]:
        (tmp_path / "new.yaml").write_text(HEAD + rules)
        words = ["affidavit", "policy", "replay", str(tmp_path / "new.yaml"), "--over", str(ledger.root), *arguments]
        monkeypatch.setattr(sys, "argv", words)
        status = main()
        return (status, *capfd.readouterr())

    return run


@pytest.fixture
def told(replay):
    """Runs the command for programs; gives its exit status and its answer."""

    def run(rules: str, *arguments: str) -> tuple[int, dict]:
        status, out, _ = replay(rules, "--json", *arguments)
        return status, json.loads(out)

    return run


def asked(**arguments) -> bytes:
    params = {"arguments": arguments, "name": "sql.query"}
    return encode({"id": 1, "jsonrpc": "2.0", "method": "tools/call", "params": params})


def record(gateway: LedgerWriter, number: int) -> str:
    return f"{gateway.id}/{number}"


def test_the_policy_that_was_in_force_decides_as_it_did(ledger, gateway, replay):
    gateway.call(asked=asked(sql="select 1"))
    gateway.call("streamed", asked=asked(sql="select 2"))
    ledger.settle()

    status, out, err = replay(SAME)

    assert (status, err) == (0, "")
    assert "2 calls since " in out
    assert out.endswith("2 decided as before, 0 not as before\n")


def test_calls_that_would_be_decided_otherwise_are_told_with_rule_target_principal_and_records(ledger, gateway, told):
    gateway.call(asked=asked(sql="select 1"))
    for _ in range(5):
        gateway.call(asked=asked(sql="drop table users"))
    ledger.settle()

    status, said = told(NO_DROPS + SAME)

    assert status == said["status"] == 1
    (found,) = said["findings"]
    assert (found["finding"], found["was"], found["was_rule"]) == ("changed", "allow", "reads-are-fine")
    assert (found["now"], found["rule"]) == ("deny", "no-drops")
    assert (found["upstream"], found["target"], found["principal"]) == ("warehouse", "sql.query", "ana@example.com")
    assert found["calls"] == 5
    assert found["records"] == [record(gateway, number) for number in (7, 9, 11)]
    assert said["same"] == 1


def test_a_refused_call_that_would_be_allowed_is_a_difference_too(ledger, gateway, told):
    gateway.call("refused", asked=asked(sql="select 1"))
    ledger.settle()

    status, said = told(SAME)

    assert status == 1
    assert [(one["was"], one["was_rule"], one["now"]) for one in said["findings"]] == [("deny", "(no rule)", "allow")]


def test_people_are_told_the_same(ledger, gateway, replay):
    gateway.call(asked=asked(sql="drop table users"))
    ledger.settle()

    _, out, _ = replay(NO_DROPS + SAME)

    assert "✗ 1 call  warehouse · sql.query  ana@example.com\n" in out
    assert "  then  allow             reads-are-fine\n" in out
    assert "  now   deny              no-drops\n" in out
    assert record(gateway, 5) in out


def test_what_was_masked_and_read_is_undecidable_and_nothing_else_is(ledger, gateway, told):
    gateway.call(asked=asked(sql="select '[masked:secrets:0123456789ab]'"))
    gateway.call(asked=asked(sql="select 1", password="[masked:secrets:0123456789ab]"))
    ledger.settle()

    status, said = told(NO_DROPS + SAME)

    assert status == 1
    (found,) = said["findings"]
    assert (found["finding"], found["calls"], found["now"]) == ("undecidable", 1, "allow or deny")
    assert found["unknown"] == "arguments.sql (masked)"
    assert found["records"] == [record(gateway, 5)]
    assert said["same"] == 1


def test_a_token_without_its_digest_masks_nothing(ledger, gateway, told):
    """evidence-format section 5: where it is recorded, a token has 12 hex digits; anybody may write another text."""
    gateway.call(asked=asked(sql="select '[masked:secrets]'"))
    ledger.settle()

    assert told(NO_DROPS + SAME)[0] == 0


def test_a_disposed_body_makes_undecidable_only_what_looks_at_it(ledger, gateway, told):
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    shutil.rmtree(ledger.root / "bodies" / "standard")

    status, said = told(NO_DROPS + SAME)

    assert status == 1
    assert [(one["finding"], one["unknown"]) for one in said["findings"]] == [("undecidable", "arguments.sql")]
    assert told(SAME)[0] == 0


def test_claims_are_those_that_were_said_when_the_credential_was_first_used(ledger, gateway, told):
    """evidence-format section 5, `identity:verified`: long before the period, if need be."""
    ledger.advance(DAY)
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    late = "2026-11-23T00:00"

    assert (
        told("  - {name: hers, when: claims.sub == 'ana', then: deny}\n", "--since", late)[1]["findings"][0]["rule"]
        == "hers"
    )
    assert told("  - {name: his, when: claims.sub == 'bo', then: deny}\n" + SAME, "--since", late)[0] == 0


def test_who_somebody_is_can_be_told_anew_by_the_people_of_the_new_file(ledger, gateway, told):
    """The claims that the gateway verified are recorded; the file says what becomes of them."""
    body = gateway.body(encode({"claims": {"iss": "https://issuer.test", "sub": "bo"}, "header": {}}))
    bo = gateway.principal | {"token_sha256": "b" * 64}
    gateway.say("identity:verified", body, principal=bo, token_sha256="b" * 64, claims=body.reference())
    gateway.call(principal=bo)
    gateway.call()
    ledger.settle()
    rule = "  - {name: hers, when: principal.person == 'ana@example.com', then: allow}\n"

    assert [one["finding"] for one in told(rule, "--rules")[1]["findings"]] == ["other_rule"]
    found = told(rule, "--attribute")[1]["findings"]

    assert [(one["was"], one["now"], one["calls"]) for one in found] == [
        ("allow", "deny", 1),
        ("allow", "unauthenticated", 1),
    ]
    shutil.rmtree(ledger.root / "bodies" / "standard")
    assert [one["finding"] for one in told(rule, "--attribute")[1]["findings"]] == ["undecidable"]


def test_claims_that_nobody_said_are_unknown(ledger, gateway, told):
    stranger = gateway.principal | {"token_sha256": hashlib.sha256(b"another").hexdigest()}
    gateway.call(asked=asked(sql="select 1"), principal=stranger)
    ledger.settle()

    status, said = told("  - {name: hers, when: claims.sub == 'ana', then: deny}\n" + SAME)

    assert status == 1
    assert [(one["finding"], one["unknown"]) for one in said["findings"]] == [("undecidable", "claims.sub")]


def test_only_the_period_is_looked_at(ledger, gateway, told):
    gateway.call(asked=asked(sql="drop table users"))
    ledger.advance(2 * DAY)
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()

    status, said = told(NO_DROPS + SAME, "--since", "2026-11-24T00:00")

    assert (status, said["calls"]) == (0, 1)


def test_another_rule_that_decides_alike_is_a_finding_only_where_that_is_asked_for(ledger, gateway, told):
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    renamed = SAME.replace("reads-are-fine", "anything-goes")

    assert told(renamed)[0] == 0
    status, said = told(renamed, "--rules")

    assert status == 1
    assert [(one["finding"], one["rule"]) for one in said["findings"]] == [("other_rule", "anything-goes")]


def test_a_call_that_no_rule_was_asked_about_is_counted_and_not_compared(ledger, gateway, told):
    gateway.call("refused", asked=asked(sql="drop"), policy=None)
    gateway.say("call:refused", call="01a210d4-a2ae-70c8-9dc9-25b80fb477e1", code="malformed", request={"size": 3})
    ledger.settle()

    status, said = told(NO_DROPS + SAME)

    assert (status, said["calls"], said["never_decided"]) == (0, 1, 1)


def test_the_gateways_own_calls_are_nobodys(ledger, gateway, told):
    own = gateway.principal | {"subject": f"writer/{gateway.id}", "attribution": "none", "person": None}
    gateway.call(principal=own)
    ledger.settle()

    assert told(SAME)[1]["calls"] == 0


def test_groups_that_were_too_many_for_a_record_are_read_from_their_body(ledger, gateway, told):
    """evidence-format section 4: a list that makes a record longer than 16 KiB becomes a body."""
    groups = gateway.body(encode(["ops", "dba"]))
    gateway.say(
        "call:requested",
        groups,
        call="01a210d4-a2ae-70c8-9dc9-25b80fb477e1",
        client={"ip": "192.0.2.7"},
        method="tools/call",
        policy={"decision": "allow", "digest": gateway.policy_digest, "rule": "reads-are-fine"},
        principal=gateway.principal | {"groups": groups.reference()},
        request=None,
        target="sql.query",
        upstream="warehouse",
    )
    ledger.settle()
    rule = "  - {name: not-dbas, when: '\"dba\" in principal.groups', then: deny}\n"

    assert [one["now"] for one in told(rule + SAME)[1]["findings"]] == ["deny"]
    shutil.rmtree(ledger.root / "bodies" / "standard")
    assert [one["unknown"] for one in told(rule + SAME)[1]["findings"]] == ["principal.groups"]


def test_a_masked_target_is_unknown(ledger, gateway, told):
    gateway.call(method="resources/read", target="https://w.test/?key=[masked:secrets:0123456789ab]")
    ledger.settle()

    status, said = told("  - {name: keys, when: target.endsWith('=1'), then: deny}\n" + SAME)

    assert status == 1
    assert [(one["finding"], one["unknown"]) for one in said["findings"]] == [("undecidable", "target")]


def test_a_request_without_a_target_is_decided_by_whether_the_upstream_is_any_use(ledger, gateway, told):
    gateway.call(method="tools/list", target=None, asked=b'{"id":1,"jsonrpc":"2.0","method":"tools/list"}')
    ledger.settle()

    assert told("  - {name: reads-are-fine, when: target == 'sql.query', then: allow}\n")[0] == 0
    assert told("  - {name: reads-are-fine, when: target == 'x' && upstream == 'y', then: allow}\n")[0] == 1
    known = "  - {name: reads-are-fine, when: claims.sub == 'ana', then: allow}\n"
    assert told(known)[0] == 0
    shutil.rmtree(ledger.root / "bodies" / "standard")
    assert [one["finding"] for one in told(known)[1]["findings"]] == ["undecidable"]


def test_differences_beyond_all_measure_are_counted_together(ledger, gateway, told, monkeypatch):
    """Whoever may ask may ask for any name: memory is bounded, and nothing is left out of the count."""
    monkeypatch.setattr(replaying, "MAX_DIFFERENCES", 2)
    for number in range(5):
        gateway.call(target=f"tool{number}")
    ledger.settle()

    found = told("  - {name: nothing, when: target == '', then: allow}\n")[1]["findings"]

    assert [(one["target"], one["calls"]) for one in found] == [("(others)", 3), ("tool0", 1), ("tool1", 1)]


ACCEPTED = """\
- finding: changed
  target: sql.query
  now: deny
  by: ana@example.com
  why: Schema changes go through migrations now.
"""


def test_a_difference_that_somebody_answers_for_is_no_failure(ledger, gateway, replay, tmp_path):
    gateway.call(asked=asked(sql="drop table users"))
    ledger.settle()
    (tmp_path / "known.yaml").write_text(ACCEPTED)

    status, out, _ = replay(NO_DROPS + SAME, "--expect", str(tmp_path / "known.yaml"))

    assert status == 0
    assert "accepted by ana@example.com: Schema changes go through migrations now." in out


def test_an_accepted_difference_that_does_not_occur_fails(ledger, gateway, replay, tmp_path):
    """As `verify --expect` has it: or the list grows and nobody reads it."""
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    (tmp_path / "known.yaml").write_text(ACCEPTED)

    status, out, _ = replay(NO_DROPS + SAME, "--expect", str(tmp_path / "known.yaml"))

    assert status == 1
    assert "expected by ana@example.com on line 1, and it does not occur" in out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {finding: changed, why: x}\n", "known.yaml:1: `by` is missing"),
        ("- {finding: changd, by: a, why: x}\n", "finding is one of changed, undecidable, other_rule"),
        ("- {finding: changed, by: a, why: x, targt: y}\n", "unknown key 'targt' (did you mean 'target'?)"),
        ("- {finding: changed, by: a, why: 7}\n", "`why` must be text"),
        ("finding: changed\n", "must be a list"),
        ("- changed\n", "an entry has finding, by and why"),
        ("- &a {finding: changed, by: a, why: x}\n", "anchors"),
        ("{[", "not YAML"),
    ],
)
def test_a_wrong_list_of_accepted_differences_is_refused(text, complaint, ledger, replay, tmp_path):
    ledger.settle()
    (tmp_path / "known.yaml").write_text(text)

    status, _, err = replay(SAME, "--expect", str(tmp_path / "known.yaml"))

    assert status == 2
    assert complaint in err


def test_a_hole_is_told_and_is_no_all_clear(ledger, gateway, replay):
    gateway.call(asked=asked(sql="select 1"))
    gateway.flush()
    gateway.call(asked=asked(sql="drop table users"))
    gateway.lose()
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()

    status, out, _ = replay(NO_DROPS + SAME)

    assert status == 3
    assert f"records 7 to 8 of {gateway.id} are not here" in out


def test_a_damaged_segment_is_told_and_is_no_all_clear(ledger, gateway, replay):
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    (segment,) = (ledger.root / "evidence" / "segment" / gateway.id).iterdir()
    segment.chmod(0o600)
    segment.write_bytes(b"nothing of the kind")

    status, out, _ = replay(SAME)

    assert status == 3
    assert "cannot be read" in out


def test_calls_of_a_writer_that_the_log_does_not_know_are_marked(tmp_path, ledger, gateway, replay):
    """evidence-format section 3: whoever can create objects cannot yet speak in the log."""
    gateway.call(asked=asked(sql="select 1"))
    ledger.settle()
    ledger.roles.clear()
    stranger = ledger.gateway()
    stranger.call(asked=asked(sql="select 1"))
    ledger.settle()

    _, out, _ = replay(SAME)

    assert "1 call of writers that the log has not admitted" in out


def test_recorded_text_can_do_nothing_to_a_terminal(ledger, gateway, replay):
    gateway.call(asked=asked(sql="drop"), target="sql.query\x1b[2J\u202e")
    ledger.settle()

    _, out, _ = replay(NO_DROPS + SAME)

    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"sql.query\x1b[2J\u202e" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--since", "whenever"], "--since 'whenever'"),
        (["--copy", "x"], "--copy is for buckets"),
        (["--bodies", "standard=gs://acme-body"], "--bodies and --log go with a bucket"),
        (["--expect", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
    ],
)
def test_a_wrong_command_is_refused(words, complaint, ledger, gateway, replay):
    ledger.settle()

    status, _, err = replay(SAME, *words)

    assert status == 2
    assert complaint in err


def test_a_folder_that_is_none_and_a_policy_that_is_none_are_refused(tmp_path, monkeypatch, capfd):
    (tmp_path / "new.yaml").write_text(HEAD + SAME)
    (tmp_path / "bad.yaml").write_text(HEAD + SAME.replace("when", "wen"))
    for file, complaint in (
        ("new.yaml", "no data folder"),
        ("bad.yaml", "bad.yaml:9: rules[0].wen"),
        ("no.yaml", "no.yaml cannot"),
    ):
        words = ["affidavit", "policy", "replay", str(tmp_path / file), "--over", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 2
        assert complaint in capfd.readouterr().err
