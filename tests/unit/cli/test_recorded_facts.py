"""What of a recorded call is not known: evidence-format section 5, `masks`."""

import pytest

from affidavit.audit.review.calls import Calls, RecordedCall
from affidavit.audit.review.masked import TOKEN, masked_paths
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.folder import open_buckets
from affidavit.cli.recorded_facts import seen
from affidavit.evidence.canonical import encode
from affidavit.masking.tokens import Tokens
from affidavit.policy.facts import STATEMENT, StatementSource, Surroundings
from fakes.ledger import Ledger

MASKED = Tokens(bytes(32)).recorded("secrets", "hunter2")
AROUND = Surroundings(statements={("warehouse", "sql.query"): StatementSource(argument="sql", dialect="postgres")})


@pytest.fixture
def recorded(tmp_path):
    """Records one call with these arguments, and gives it as it is read."""

    def record(arguments, **changed) -> RecordedCall:
        ledger = Ledger(tmp_path / str(len(list(tmp_path.iterdir()))))
        gateway = ledger.gateway()
        params = {"arguments": arguments, "name": "sql.query"}
        gateway.call(asked=encode({"id": 1, "jsonrpc": "2.0", "method": "tools/call", "params": params}), **changed)
        ledger.settle()
        (found,) = Calls(Reader(open_buckets(ledger.root)), claims=True).since(0)
        return found

    return record


def test_what_masking_puts_in_the_place_of_a_value_is_known_for_it():
    assert TOKEN.fullmatch(MASKED)
    assert not TOKEN.search(Tokens.plain("secrets"))


def test_only_the_leaves_that_were_masked_are_unknown(recorded):
    call = seen(recorded({"a": [1, {"b": f"x {MASKED}"}], "c": "open", "d": MASKED}), Surroundings())

    assert set(call.hidden["arguments"]) == {("a", 1, "b"), ("d",)}
    assert call.facts.arguments["c"] == "open"


def test_a_name_of_a_member_is_no_value():
    assert list(masked_paths({MASKED: "open"})) == []


def test_a_statement_in_which_something_was_masked_is_unknown_whole(recorded):
    call = seen(recorded({"sql": f"select * from users where mail = '{MASKED}'"}), AROUND)

    assert call.hidden.keys() >= STATEMENT


def test_a_statement_beside_which_something_was_masked_is_known(recorded):
    call = seen(recorded({"sql": "select 1", "password": MASKED}), AROUND)

    assert STATEMENT.isdisjoint(call.hidden)
    assert seen(recorded({"sql": MASKED}), Surroundings()).hidden.keys().isdisjoint(STATEMENT)


def test_an_address_that_was_masked_is_in_no_known_network(recorded):
    call = seen(recorded({}, client={"ip": MASKED}), Surroundings())

    assert {"client.ip", "client.networks"} <= call.hidden.keys()


def test_what_no_rule_names_is_not_read(recorded):
    call = seen(recorded({"sql": MASKED}), AROUND, {"target"})

    assert (call.hidden, call.facts.arguments) == ({}, {})


def test_a_request_without_a_target_shows_no_arguments_to_rules(recorded):
    """As the gateway has it: who may use an upstream does not depend on what is said meanwhile."""
    call = seen(recorded({"sql": "x"}, method="tools/list", target=None), AROUND)

    assert call.facts.arguments == {}


def test_the_time_and_the_session_are_those_of_the_record(recorded):
    found = recorded({})
    call = seen(found, AROUND)

    assert call.facts.now == found.record.at
    assert call.facts.session == found.record.record["session"]
