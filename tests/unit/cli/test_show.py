"""`affidavit show DIR [WHICH]`: the requirements; what is recorded is evidence-format sections 4 to 6."""

import gzip
import json
import subprocess
import sys

import pytest

from affidavit.audit.timeline import weave
from affidavit.cli import main
from affidavit.clock import MINUTE, SECOND
from affidavit.evidence.canonical import encode
from affidavit.evidence.packing import pack
from affidavit.evidence.stored import sha256_hex
from fakes.ledger import Ledger, LedgerWriter


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def gateway(ledger) -> LedgerWriter:
    return ledger.gateway()


@pytest.fixture
def show(ledger, capfd, monkeypatch):
    """Runs the command; gives its exit status, what it printed, and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affidavit", "show", str(ledger.root), *arguments])
        status = main()
        return (status, *capfd.readouterr())

    return run


@pytest.fixture
def shown(show):
    """Runs the command, which must do what it is asked; gives what it printed."""

    def run(*arguments: str) -> str:
        status, out, err = show(*arguments)
        assert (status, err) == (0, "")
        return out

    return run


def asked(tool: str, **arguments) -> bytes:
    params = {"arguments": arguments, "name": tool}
    return encode({"id": 1, "jsonrpc": "2.0", "method": "tools/call", "params": params})


def said(text: str, **result) -> bytes:
    block = {"text": text, "type": "text"}
    return encode({"id": 1, "jsonrpc": "2.0", "result": {"content": [block]} | result})


def objects(shown, *arguments: str) -> list[dict]:
    return [json.loads(line) for line in shown(*arguments, "--json").splitlines()]


def block(out: str, title: str) -> str:
    """What is printed of the first call with a title."""
    _, _, rest = out.partition(title)
    return rest.partition("\n\n")[0]


# What happened


def test_a_call_is_told_with_person_client_command_answer_rule_and_record(ledger, gateway, shown):
    call = gateway.call(asked=asked("sql.query", sql="select 1"), said=said("one\n1"))
    ledger.settle()

    told = block(shown(), "✓ warehouse · sql.query")

    assert "who      ana@example.com" in told
    assert "through  agent 1 from 192.0.2.7, mcp/2026-07-28" in told
    assert "asked    │ sql: select 1" in told
    assert "answer   200 answered, after 1.5 ms (0.9 ms upstream)" in told
    assert "│ one\n" in told
    assert "rule     reads-are-fine: allow" in told
    assert f"record   {gateway.id}/5 to 6" in told
    assert call in told


@pytest.mark.parametrize(
    ("principal", "who"),
    [
        ({"attribution": "ci-person", "run": "77"}, "ana@example.com through the job they started (robot, run 77,"),
        ({"attribution": "sponsored", "run": "77"}, "ana@example.com as sponsor (robot, run 77, of https://issuer"),
        ({"attribution": "sponsored", "email": "r@x.test"}, "ana@example.com as sponsor (r@x.test, of https://issuer"),
        ({"attribution": "none", "person": None}, "nobody known (robot, of https://issuer.test)"),
        (
            {"attribution": "delegated", "on_behalf_of": "bo@x.test", "actor": "agent"},
            "bo@x.test through agent (robot, of https://issuer.test)",
        ),
    ],
)
def test_a_machine_is_told_with_the_person_behind_it(ledger, gateway, shown, principal, who):
    """identity-and-approvals: a person, a sponsor, or nobody."""
    gateway.call(principal=gateway.principal | {"subject": "robot", "email": None} | principal)
    ledger.settle()

    assert f"who      {who}" in shown()


def test_a_denial_is_told_with_reason_code_and_rule_and_that_nothing_was_sent(ledger, gateway, shown):
    gateway.call("refused", asked=asked("sql.query", sql="drop table users"))
    ledger.settle()

    told = block(shown(), "✗ warehouse · sql.query")

    assert "│ sql: drop table users" in told
    assert "refused  denied: no\n" in told
    assert "Nothing was sent to the upstream." in told
    assert "rule     no rule: deny" in told


def test_a_call_that_was_recorded_and_not_forwarded_after_all_is_one_refusal(ledger, gateway, shown):
    gateway.call("forsaken", asked=asked("sql.query", sql="select 2"))
    ledger.settle()

    out = shown()

    assert "refused  unavailable: the upstream was not asked" in block(out, "✗ warehouse · sql.query")
    assert out.endswith("1 call, 1 refused\n")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (said("no such table", isError=True), "│ no such table"),
        (b'{"error":{"code":-32602,"message":"bad"},"id":1,"jsonrpc":"2.0"}', "│ error -32602: bad"),
    ],
)
def test_an_answer_that_is_an_error_says_so(ledger, gateway, shown, answer, told):
    gateway.call(said=answer)
    ledger.settle()

    assert "200 answered, with an error" in block(shown(), "! warehouse · sql.query")
    assert told in shown()


def test_a_stream_is_told_with_its_answer_and_the_number_of_its_events(ledger, gateway, shown):
    call = gateway.call("open", asked=asked("sql.query", sql="select 3"))
    gateway.event(call, 0, b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}')
    gateway.event(call, 1, said("three"))
    gateway.answer(call, None)
    ledger.settle()

    told = block(shown(), "✓ warehouse · sql.query")

    assert "2 events" in told
    assert "│ three" in told
    assert "progress" not in told


def test_what_only_keeps_the_conversation_going_takes_one_line(ledger, gateway, shown):
    gateway.call(method="tools/list", target=None)
    ledger.settle()

    (line,) = [line for line in shown().splitlines() if "tools/list" in line]
    assert "· warehouse · tools/list by agent: 200 answered" in line


def test_rejected_credentials_openings_and_ends_are_told(ledger, gateway, shown):
    gateway.say("identity:rejected", reason="expired", client={"ip": "192.0.2.9"}, issuer="staff", count=3)
    gateway.close()
    ledger.settle()

    out = shown()

    assert f"gateway {gateway.id} opened" in out
    assert "✗ credential of the issuer staff rejected: expired, from 192.0.2.9, 3 times" in out
    assert f"writer {gateway.id} closed" in out
    assert "session" in out


def test_what_a_directory_says_is_told(ledger, gateway, shown):
    usual = {"directory": "okta", "id": "7", "what": "user", "email": "ana@example.com"}
    gateway.say("directory:changed", **usual, how="created", active=True)
    gateway.say("directory:changed", **usual, how="changed", active=False)
    gateway.say("directory:changed", **usual | {"what": "group", "email": None}, how="deleted", active=False)
    gateway.close()
    ledger.settle()

    said = shown()
    assert "the directory okta says: user ana@example.com created, active" in said
    assert "the directory okta says: user ana@example.com changed, not active" in said
    assert "the directory okta says: group 7 deleted" in said


def test_a_kind_that_is_not_known_is_shown_with_its_fields(ledger, gateway, shown):
    """evidence-format section 5: a reader keeps it; it never drops it."""
    gateway.say("weather:observed", sky="grey")
    ledger.settle()

    assert 'weather:observed { "sky": "grey" }' in shown()


def test_signs_of_life_and_commits_are_shown_only_on_request(ledger, gateway, shown):
    gateway.alive()
    gateway.call()
    ledger.settle()
    gateway.call()
    ledger.settle()

    assert not {"writer:alive", "log:committed"} & {word for line in shown().splitlines() for word in line.split()}
    assert {"writer:alive", "log:committed"} <= {word for line in shown("--all").splitlines() for word in line.split()}


def test_a_lost_gateway_is_told_with_the_calls_that_have_no_outcome(ledger, gateway, shown):
    """evidence-format section 9, `calls`: interrupted."""
    call = gateway.call("open")
    ledger.settle()
    ledger.advance(40 * MINUTE)
    ledger.sequence()

    out = shown()

    assert f"the log states: writer {gateway.id} is lost" in out
    assert f"no outcome is recorded of call {call}" in out


def test_a_call_that_still_goes_on_says_so(ledger, gateway, shown):
    gateway.call("open")
    ledger.settle()

    assert "answer   no outcome is recorded so far" in block(shown(), "? warehouse · sql.query")


def test_a_slow_call_is_told_when_it_begins_and_when_it_ends(ledger, gateway, shown):
    slow = gateway.call("open", asked=asked("sql.query", sql="select slow"))
    ledger.advance(weave.PATIENCE)
    gateway.call(asked=asked("sql.query", sql="select quick"))
    gateway.answer(slow, said("done"))
    ledger.settle()

    out = shown()

    begun, quick, ended = out.index("select slow"), out.index("select quick"), out.index("which began earlier")
    assert begun < quick < ended < out.index("│ done")
    assert out.endswith("2 calls, 0 refused\n"), "it is one call, all the same"


def test_several_writers_are_told_in_the_order_of_time(ledger, gateway, shown):
    gateway.call(asked=asked("sql.query", sql="select first"))
    other = ledger.gateway()
    other.call(asked=asked("sql.query", sql="select second"))
    gateway.call(asked=asked("sql.query", sql="select third"))
    ledger.settle()

    out = shown()

    places = [out.index(word) for word in ("select first", "select second", "select third")]
    assert places == sorted(places)
    assert out.count("(UTC)") == 1, "one date stands over all of it"


def test_what_no_commit_has_admitted_is_marked(ledger, gateway, show):
    """evidence-format section 3: whoever can create objects cannot yet speak in the log."""
    gateway.call()
    gateway.flush()

    assert "not in the log: its writer has not been admitted" in show()[1]
    ledger.settle()
    assert "not in the log" not in show()[1]


# Recorded text is text


def test_a_command_of_many_lines_is_whole_and_stays_behind_its_gutter(ledger, gateway, shown):
    """A recorded line break must not be able to begin a line of ours."""
    forged = "select 1\n2026-11-22 (UTC)\n12:00:00.000 ✓ warehouse · sql.query"
    gateway.call(asked=asked("sql.query", sql=forged))
    ledger.settle()

    out = shown()

    assert [line for line in out.splitlines() if line.endswith("(UTC)")] == [
        "2026-11-22 (UTC)",
        f"{' ' * 24}│      2026-11-22 (UTC)",
    ]


@pytest.mark.parametrize("where", ["sql", "answer", "target", "reason", "user_agent", "email"])
def test_nothing_that_was_recorded_can_control_the_terminal(ledger, gateway, show, where):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b1A\r\u202eevil\x00"
    principal = gateway.principal | ({"person": evil, "email": evil} if where == "email" else {})
    client = {"ip": "192.0.2.7", "name": evil, "user_agent": evil, "version": evil}
    if where == "reason":
        gateway.call("open")
        gateway.say("call:refused", call="x", code=evil, reason=evil)
    gateway.call(
        asked=asked("sql.query", sql=evil if where == "sql" else "select 1"),
        said=said(evil if where == "answer" else "1"),
        target=evil if where == "target" else "sql.query",
        principal=principal,
        **({"client": client} if where == "user_agent" else {}),
    )
    ledger.settle()

    _, out, err = show()

    assert r"\x1b]0;owned\x07" in out
    assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e", "\x00"} & set(out + err)


def test_a_long_answer_is_folded_and_says_how_to_see_all_of_it(ledger, gateway, shown):
    gateway.call(said=said("\n".join(f"row {number}" for number in range(100))))
    ledger.settle()

    out = shown()
    assert "row 11\n" in out
    assert "row 12\n" not in out
    assert f"… 88 more lines: affidavit show {ledger.root} {gateway.id}/6" in out
    assert "row 99\n" in shown("--full")
    assert "row 99\n" in shown(f"{gateway.id}/6")


def test_numbers_are_shown_as_they_were_sent(ledger, gateway, shown):
    request = b'{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"n":%b},"name":"sql.query"}}'
    exact = b"12345678901234567890123456789.50"
    gateway.call(asked=request % exact)
    ledger.settle()

    assert f"n: {exact.decode()}" in shown()
    (call,) = [entry for entry in objects(shown) if entry["type"] == "call"]
    assert call["type"] == "call"
    assert exact.decode() in shown("--json")


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        (
            {"kind": "google_id_token", "account": "gateway@p.test", "audience": "https://up.test"},
            "an ID token of gateway@p.test for https://up.test",
        ),
        ({"kind": "google_access_token", "account": None, "scopes": []}, "an access token of an account that did not"),
        ({"kind": "secret", "secret": "projects/p/secrets/s", "version": "3"}, "version 3 of projects/p/secrets/s"),
        ({"kind": "spell"}, "a credential of a kind not known here: spell"),
    ],
)
def test_what_the_gateway_showed_the_upstream_is_told(ledger, gateway, shown, credential, told):
    """architecture "Configuration": which credential, and of a secret which version, is on record."""
    gateway.call(credential=credential)
    ledger.settle()

    assert f"shown    {told}" in shown()


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b'{"a":1,"a":2}', b"[" * 1000, b'"text"', b"null", b"NaN"])
def test_a_body_that_is_no_message_is_shown_as_it_is(ledger, gateway, shown, body):
    gateway.call(asked=body or b" ", said=body or b" ")
    ledger.settle()

    assert "warehouse · sql.query" in shown()
    assert [entry["type"] for entry in objects(shown)].count("call") == 1


def test_fields_of_any_form_are_shown_without_a_complaint(ledger, gateway, shown):
    """A writer's signature says who wrote a record, and not that its fields are of their form."""
    strange = {"a": [1, None]}
    for value in (None, 7, [], strange, "text", True):
        gateway.call(
            principal=value,
            client=value,
            policy=value,
            target=value,
            upstream=value,
            session=value,
            protocol=value,
            credential=value,
        )
        gateway.say("call:requested", call=value, method=value, request=value)
        gateway.say("call:requested", call=f"c-{value}", method=value, request=value)
        gateway.say("call:answered", call=f"c-{value}", status=value, outcome=value, response=value, duration_us=value)
        for kind in (
            "identity:rejected",
            "directory:changed",
            "session:opened",
            "policy:loaded",
            "tool:defined",
            "log:gap",
        ):
            gateway.say(kind, principal=value, client=value, issuer=value, reason=value, count=value, about=value)
    ledger.settle()

    shown()
    assert len(objects(shown)) > 50


# Damage


def test_a_damaged_segment_is_a_line_that_says_so(ledger, gateway, show):
    gateway.call(asked=asked("sql.query", sql="select before"))
    gateway.flush()
    gateway.call(asked=asked("sql.query", sql="select damaged"))
    (segment,) = [one.name for one in gateway.flush() if one.bucket == "evidence"]
    gateway.call(asked=asked("sql.query", sql="select after"))
    ledger.settle()
    flip(ledger.root / "evidence" / segment)

    status, out, _ = show()

    assert status == 1
    assert f"! evidence/{segment} cannot be shown: the stored bytes do not hash to the name" in out
    assert "select before" in out
    assert "select damaged" not in out
    assert "select after" in out
    assert out.endswith("2 calls, 0 refused, 1 that cannot be shown\n")


def test_a_segment_signed_by_nobody_is_not_shown(ledger, gateway, show):
    """A thief who renames what he changed has the hash right, and not the signature."""
    gateway.call(asked=asked("sql.query", sql="select 1"))
    (segment,) = [one for one in gateway.flush() if one.bucket == "evidence"]
    forged = gzip.decompress(segment.data).replace(b"ana@example.com", b"bob@example.com")
    path = ledger.root / "evidence" / segment.name
    path.unlink()
    store(path.parent, 0, forged)
    ledger.advance()

    status, out, _ = show()

    assert status == 1
    assert "does not verify" in out
    assert "bob@example.com" not in out


def test_a_missing_segment_is_a_hole(ledger, gateway, show):
    gateway.flush()
    gateway.call()
    gateway.lose()
    gateway.call()
    ledger.settle()

    status, out, _ = show()

    assert status == 1
    assert f"records 5 to 6 of {gateway.id} are not here" in out


def test_a_missing_body_is_told_beside_its_call(ledger, gateway, shown):
    gateway.call(asked=asked("sql.query", sql="select 1"), retention_class="payroll")
    ledger.settle()
    for path in (ledger.root / "bodies" / "payroll").rglob("*.gz"):
        path.unlink()

    told = block(shown(), "✓ warehouse · sql.query")

    assert "its bodies object is not there: disposed of after its retention period, or lost" in told
    assert "rule     reads-are-fine: allow" in told


def test_a_damaged_body_is_told_beside_its_call(ledger, gateway, shown):
    gateway.call(asked=asked("sql.query", sql="select 1"))
    ledger.settle()
    for path in (ledger.root / "bodies").rglob("*.gz"):
        flip(path)

    assert "its bodies object is damaged" in block(shown(), "✓ warehouse · sql.query")


def test_a_writer_without_a_registration_is_told_and_not_believed(ledger, gateway, show):
    gateway.call()
    ledger.settle()
    (ledger.root / "evidence" / "writer" / f"{gateway.id}.json").unlink()

    status, out, _ = show()

    assert status == 1
    assert f"evidence/writer/{gateway.id}.json cannot be shown: it is not there" in out
    assert "sql.query" not in out


def test_a_damaged_commit_is_told_and_the_calls_are_there(ledger, gateway, show):
    gateway.call()
    ledger.settle()
    (commit,) = (ledger.root / "evidence" / "commit").iterdir()
    commit.chmod(0o600)
    commit.write_bytes(commit.read_bytes()[:-1])

    status, out, _ = show()

    assert status == 1
    assert f"evidence/commit/{commit.name} cannot be shown" in out
    assert "warehouse · sql.query" in out


@pytest.mark.parametrize("name", ["segment/evil\x1b[2J", "segment/20261122T122557Z-0123456789abcdef", "commit/7.json"])
def test_strange_names_are_no_trouble(ledger, gateway, show, name):
    gateway.call()
    ledger.settle()
    (ledger.root / "evidence" / name).write_bytes(b"?")

    _, out, err = show()

    assert "warehouse · sql.query" in out
    assert "\x1b" not in out + err


def test_a_pipe_in_place_of_a_segment_is_not_waited_for(ledger, gateway, show):
    gateway.call()
    (segment,) = [one.name for one in gateway.flush() if one.bucket == "evidence"]
    path = ledger.root / "evidence" / segment
    path.unlink()
    subprocess.run(["mkfifo", str(path)], check=True)

    assert "this is no plain file" in show()[1]


# One call


def test_a_call_is_shown_whole_from_any_of_its_records(ledger, gateway, shown):
    call = gateway.call("streamed", events=2, asked=asked("sql.query", sql="select 1"))
    gateway.call(asked=asked("sql.query", sql="select another"))
    ledger.settle()

    ids = [f"{gateway.id}/{seq}" for seq in range(5, 9)]
    whole = shown(call)

    assert all(shown(one) == whole for one in (*ids, call.upper()))  # RFC 9562: either case is read
    assert [line.split()[1] for line in whole.splitlines() if line.startswith("record ")] == ids
    assert "another" not in whole


def test_a_call_is_shown_with_hashes_segment_and_proof(ledger, gateway, shown):
    gateway.call(asked=asked("sql.query", sql="select 1"))
    ledger.settle()

    requested, answered = objects(shown, f"{gateway.id}/5")

    stored = (ledger.root / requested["segment"]["object"]).read_bytes()
    assert requested["bytes"].encode() in gzip.decompress(stored)
    assert json.loads(answered["bytes"])["prev"] == requested["sha256"]
    assert requested["log"]["proved"]
    assert requested["log"]["commit"].startswith("evidence/commit/")
    assert requested["log"]["position"] + 1 == answered["log"]["position"]
    assert requested["bodies"][0]["json"]["params"]["arguments"] == {"sql": "select 1"}
    assert "signed: an inclusion proof leads to the signed root of the newest checkpoint" in shown(f"{gateway.id}/5")


def test_a_record_that_waits_is_not_called_proved(ledger, gateway, show):
    """evidence-format section 9: a record outside the head is never called verified."""
    gateway.call()
    gateway.flush()

    _, out, _ = show(f"{gateway.id}/5")

    assert "no commit has taken it yet" in out
    assert "signed" not in out


def test_a_record_that_was_swapped_in_the_tree_is_not_called_proved(ledger, gateway, show):
    gateway.call()
    ledger.settle()
    for tile in (ledger.root / "log" / "tile" / "0").rglob("*"):
        if tile.is_file():
            flip(tile)

    _, out, _ = show(f"{gateway.id}/5")

    assert "not proved: " in out
    assert "signed:" not in out


def test_a_checkpoint_of_another_key_proves_nothing(ledger, gateway, show):
    gateway.call()
    ledger.settle()
    other = Ledger(ledger.root.parent / "other", seed="other")
    (ledger.root / "log.vkey").write_text(f"{other.vkey}\n")

    assert "not proved: " in show(f"{gateway.id}/5")[1]


def test_a_statement_of_the_log_can_be_shown(ledger, gateway, shown):
    gateway.call()
    ledger.settle()

    (admitted,) = objects(shown, "log/1")

    assert admitted["record"]["kind"] == "log:writer_admitted"
    assert admitted["log"]["proved"]
    assert "record log/1  log:writer_admitted" in shown("log/1")


@pytest.mark.parametrize("seq", ["3", "4"])
def test_a_record_that_is_no_call_is_shown_alone(ledger, gateway, shown, seq):
    ledger.settle()

    (record,) = objects(shown, f"{gateway.id}/{seq}")

    assert record["id"] == f"{gateway.id}/{seq}"


def test_what_is_not_there_is_said_in_a_sentence(ledger, gateway, show):
    gateway.call()
    ledger.settle()

    for which in (f"{gateway.id}/4711", "20200101T000000Z-0123456789abcdef/0", "log/4711"):
        assert show(which) == (
            1,
            "",
            f"affidavit: no record {which} is here, or its segment is damaged (`affidavit verify` tells)\n",
        )
    status, _, err = show("01a210d4-a2ae-70c8-9dc9-25b80fb477e1")
    assert (status, err) == (1, "affidavit: no record of a call 01a210d4-a2ae-70c8-9dc9-25b80fb477e1 is here\n")


# One session, the last calls, since when


def test_a_session_is_shown_alone(ledger, gateway, shown):
    gateway.call(asked=asked("sql.query", sql="select mine"), session="k1:aaaa1111")
    gateway.call("refused", asked=asked("sql.query", sql="drop mine"), session="k1:aaaa1111")
    gateway.call(asked=asked("sql.query", sql="select another"), session="k1:bbbb2222")
    ledger.settle()

    for prefix in ("aaaa", "aaaa1111", "k1:aaaa1111"):
        out = shown(prefix)
        assert "select mine" in out
        assert "drop mine" in out
        assert "another" not in out
    assert out.endswith("2 calls, 1 refused\n")


def test_a_prefix_of_several_sessions_lists_them(ledger, gateway, show):
    for session in ("k1:aaaa1111", "k1:aaaa2222", "k1:bbbb"):
        gateway.call(session=session)
    ledger.settle()

    status, out, err = show("aaaa")

    assert (status, out) == (1, "")
    assert err == "affidavit: 2 sessions begin with aaaa:\n  aaaa1111\n  aaaa2222\n"
    assert show("cccc") == (1, "", "affidavit: no session that begins with cccc is here\n")


@pytest.mark.parametrize("which", ["aa", "../etc/passwd", "a b c d", "[red]", "\x1b[2J", ""])
def test_what_names_nothing_is_refused_with_the_forms_that_do(ledger, gateway, show, which):
    status, out, err = show(which)

    assert (status, out) == (2, "")
    assert "names nothing: give a record" in err
    assert "\x1b" not in err


def test_the_last_calls_are_shown_without_reading_all(ledger, gateway, shown):
    for number in range(30):
        gateway.call(asked=asked("sql.query", sql=f"select {number}."))
        gateway.flush()
        ledger.advance(10 * MINUTE)
    ledger.settle()

    out = shown("--last", "3")

    assert out.endswith("3 calls, 0 refused\n")
    assert [f"select {number}." in out for number in (26, 27, 28, 29)] == [False, True, True, True]
    assert shown("--last", "1000") == shown()


def test_only_what_is_newer_is_shown(ledger, gateway, shown):
    for number in range(3):
        gateway.call(asked=asked("sql.query", sql=f"select {number}."))
        gateway.flush()
        ledger.advance(10 * MINUTE)
    ledger.settle()

    for since in ("2026-11-22T12:36:30", "2026-11-22 12:36:30Z", "2026-11-22T13:36:30+01:00"):
        out = shown("--since", since)
        assert [f"select {number}." in out for number in range(3)] == [False, False, True]
    assert shown("--since", "1s").endswith("0 calls, 0 refused\n"), "the ledger's clock stands in the past"


def test_a_time_that_is_none_is_refused(ledger, show):
    assert show("--since", "yesterday")[0] == 2


def test_a_call_that_began_before_is_shown_when_it_ends(ledger, gateway, shown):
    slow = gateway.call("open")
    gateway.flush()
    ledger.advance(SECOND)
    gateway.flush()
    ledger.advance(10 * MINUTE)
    gateway.answer(slow, said("at last"))
    ledger.settle()

    assert "│ at last" in shown("--since", "2026-11-22T12:30")


# Programs


def test_json_is_one_object_a_line_with_nothing_left_out(ledger, gateway, shown):
    text = "x" * 300_000
    call = gateway.call(asked=asked("sql.query", sql=text), said=said(text))
    ledger.settle()

    (entry,) = [entry for entry in objects(shown) if entry["type"] == "call"]

    assert entry["call"] == call
    assert entry["request"]["json"]["params"]["arguments"]["sql"] == text
    assert entry["response"]["json"]["result"]["content"][0]["text"] == text
    assert entry["requested"]["principal"]["person"] == "ana@example.com"
    assert entry["requested"]["policy"]["rule"] == "reads-are-fine"
    assert (entry["outcome"], entry["ended"]["status"]) == ("answered", 200)
    assert (entry["first"], entry["last"]) == (f"{gateway.id}/5", f"{gateway.id}/6")


def test_json_tells_holes_and_damage(ledger, gateway, show):
    gateway.flush()
    gateway.call()
    gateway.lose()
    gateway.call()
    (segment,) = [one.name for one in gateway.flush() if one.bucket == "evidence"]
    gateway.call()
    ledger.settle()
    flip(ledger.root / "evidence" / segment)

    told = [json.loads(line) for line in show("--json")[1].splitlines()]

    assert [(one["from"], one["to"]) for one in told if one["type"] == "hole"] == [(5, 6)]
    assert [one["object"] for one in told if one["type"] == "damage"] == [f"evidence/{segment}"]


def test_a_folder_that_is_none_is_refused(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["affidavit", "show", str(tmp_path)])

    assert main() == 2
    assert capfd.readouterr().err == f"affidavit: {tmp_path} is no data folder: there is no evidence/ in it\n"
    assert list(tmp_path.iterdir()) == [], "a reader makes nothing"


def flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def store(folder, first_seq: int, lines: bytes) -> None:
    stored = pack(lines)
    (folder / f"{first_seq:012d}-{sha256_hex(stored)[:16]}.ndjson.gz").write_bytes(stored)
