"""`affidavit tail DIR` follows what is recorded while it is: the requirements."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from affidavit.audit.timeline.entries import CallEntry, Note
from affidavit.audit.timeline.items import Hole
from affidavit.audit.timeline.reader import Reader
from affidavit.cli.folder import open_buckets
from affidavit.cli.tail import follow
from affidavit.clock import DAY, MINUTE, SECOND
from fakes.ledger import Ledger
from fakes.process import killed_at_the_end

AFFIDAVIT = Path(sys.executable).with_name("affidavit")


class Done(Exception):
    """The last step of what happens while somebody follows."""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def follower(ledger):
    """Follows while steps happen, one between two looks; gives what was shown at each look, the beginning first."""

    def run(*steps, last=10):
        shown, todo = [], [*steps]

        def sleep(_seconds: float) -> None:
            if not todo:
                raise Done
            todo.pop(0)()

        with pytest.raises(Done):
            follow(
                Reader(open_buckets(ledger.root)),
                lambda entries: shown.append(list(entries)),
                ledger.clock,
                sleep,
                last=last,
                keep=None,
            )
        return shown

    return run


def calls(entries) -> list[str]:
    return [entry.call for entry in entries if isinstance(entry, CallEntry)]


def test_it_begins_with_the_last_calls(ledger, follower):
    gateway = ledger.gateway()
    made = [gateway.call() for _ in range(25)]
    ledger.settle()

    assert calls(follower()[0]) == made[-10:]
    assert calls(follower(last=3)[0]) == made[-3:]
    assert calls(follower(last=0)[0]) == []


@pytest.mark.parametrize("apart", [SECOND, 20 * MINUTE, DAY, 90 * DAY])
def test_it_finds_the_last_calls_however_long_ago_they_were(ledger, follower, apart):
    made = []
    for _ in range(4):
        gateway = ledger.gateway()
        made.append(gateway.call())
        gateway.close()
        ledger.advance(apart)
    ledger.settle()

    assert calls(follower(last=3)[0]) == made[-3:]


def test_what_is_recorded_later_is_shown_once_before_any_commit_holds_it(ledger, follower):
    gateway = ledger.gateway()
    ledger.settle()
    made = []

    def call():
        made.append(gateway.call())
        gateway.flush()

    shown = follower(call, call, ledger.settle, call)

    assert [calls(entries) for entries in shown] == [[], [], [made[0]], [made[1]], [], [made[2]]]


def test_a_new_gateway_is_followed(ledger, follower):
    ledger.gateway().call()
    ledger.settle()
    made = []

    def start():
        made.append(ledger.gateway())
        made[0].flush()

    def call():
        made.append(made[0].call())
        made[0].flush()

    shown = follower(start, call)

    assert "writer:opened" in [entry.kind for entry in shown[2] if isinstance(entry, Note)]
    assert calls(shown[3]) == [made[1]]


def test_an_end_is_shown_and_nothing_after_it(ledger, follower):
    gateway = ledger.gateway()
    ledger.settle()

    shown = follower(gateway.close, ledger.settle, ledger.settle)

    assert [[entry.kind for entry in entries] for entries in shown[2:]] == [["writer:closed"], ["log:committed"], []]


def test_a_slow_call_is_shown_while_it_runs_and_when_it_ends(ledger, follower):
    gateway = ledger.gateway()
    ledger.settle()

    slow = []

    def ask():
        slow.append(gateway.call("open"))
        gateway.flush()

    def answer():
        gateway.answer(slow[0], b'{"id":1,"jsonrpc":"2.0","result":{}}')
        gateway.flush()

    shown = follower(ask, lambda: ledger.advance(2 * SECOND), answer)

    running, ended = shown[3], shown[4]
    assert shown[2] == [], "it could still end at once"
    assert [(entry.ended, entry.resumed) for entry in running] == [(None, False)]
    assert [(entry.ended["outcome"], entry.resumed) for entry in ended] == [("answered", True)]


def test_two_gateways_are_shown_in_the_order_of_time(ledger, follower):
    first, second = ledger.gateway(), ledger.gateway()
    ledger.settle()
    made = []

    def talk():
        made.extend((second.call(), first.call(), second.call()))
        first.flush()
        second.flush()

    assert calls(follower(talk)[2]) == made


def test_a_hole_is_shown(ledger, follower):
    gateway = ledger.gateway()
    ledger.settle()

    def lose():
        gateway.call()
        gateway.lose()
        gateway.call()
        gateway.flush()

    (hole,) = [entry for entry in follower(lose)[2] if isinstance(entry, Hole)]
    assert (hole.writer, hole.first, hole.last) == (gateway.id, 5, 6)


def test_control_c_ends_it_without_a_word(ledger):
    gateway = ledger.gateway()
    gateway.call()
    ledger.settle()

    with killed_at_the_end(
        [AFFIDAVIT, "tail", ledger.root, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        assert json.loads(tail.stdout.readline())["record"]["kind"] == "writer:opened"
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 130
        assert tail.stderr.read() == ""


def test_a_line_is_there_as_soon_as_it_is_shown(ledger):
    """A pipe is not filled before it is read."""
    gateway = ledger.gateway()
    gateway.call()
    ledger.settle()
    with killed_at_the_end([AFFIDAVIT, "tail", ledger.root], stdout=subprocess.PIPE, text=True) as tail:
        assert "(UTC)" in tail.stdout.readline()
        assert "opened" in tail.stdout.readline()
        gateway.say("identity:rejected", reason="expired", client={"ip": "192.0.2.9"}, issuer="staff", count=1)
        gateway.flush()
        assert any("expired" in line for line in tail.stdout)
