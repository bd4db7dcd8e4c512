"""Budgets: the requirements "Policy": calls per principal and time, result size, refused with `Retry-After`."""

import orjson
import pytest

from affidavit.clock import MINUTE, SECOND
from affidavit.errors import Refused
from affidavit.gateway.budgets import Budgets
from affidavit.gateway.call import Call, Content, Inbound, Released
from affidavit.gateway.in_force import Permit
from affidavit.identity.principal import Credential, Principal
from affidavit.policy.decision import Budget, Decision

CALLS = Budget(calls=2, answers=None, per=MINUTE)
BYTES = Budget(calls=None, answers=100, per=MINUTE)


class Clock:
    now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(clock) -> Budgets:
    return Budgets(clock, most=3)


def principal(subject: str, person: str | None) -> Principal:
    credential = Credential(header={}, claims={}, token_sha256="0" * 64, expires=0)
    return Principal(
        issuer="https://issuer.test",
        subject=subject,
        email=None,
        person=person,
        groups=(),
        attribution="person" if person else "none",
        credential=credential,
    )


def call(budget=CALLS, *, subject="1", person="ana@example.com", rule="a", method="tools/call") -> Call:
    decision = Decision(rule=rule, decision="allow", reason="", effect="write", digest="d", budget=budget)
    inbound = Inbound.read("POST", "warehouse", [], b"", "192.0.2.7", query=b"")
    made = Call(id="x", inbound=inbound, received=0, method=method, principal=principal(subject, person))
    made.permit = Permit(decision, orjson.Fragment(b"{}"))
    return made


def spend(budgets: Budgets, *calls: Call) -> None:
    for one in calls:
        budgets.take(one)
        one.sent = 1
        budgets.settle(one)


def refused(budgets: Budgets, one: Call) -> Refused:
    with pytest.raises(Refused) as caught:
        budgets.take(one)
    assert caught.value.code == "over_budget"
    return caught.value


def test_past_its_calls_a_person_is_refused_and_told_when_to_come_back(budgets, clock):
    spend(budgets, call(), call())
    clock.now += 20 * SECOND + 1

    refusal = refused(budgets, call())

    assert refusal.retry_after_s == 40
    assert str(refusal) == "The rule 'a' gives you 2 calls in 1 m, which you have had. Try again in 40 s."


def test_who_waits_as_long_as_they_are_told_is_let_through(budgets, clock):
    spend(budgets, call(), call())
    clock.now += refused(budgets, call()).retry_after_s * SECOND

    spend(budgets, call(), call())
    assert refused(budgets, call()).retry_after_s == 60


def test_a_refusal_is_not_counted(budgets, clock):
    spend(budgets, call(), call())
    for _ in range(5):
        refused(budgets, call())
    clock.now += MINUTE

    spend(budgets, call(), call())


def test_a_call_that_was_not_forwarded_is_given_back(budgets):
    for _ in range(5):
        one = call()
        budgets.take(one)
        budgets.settle(one)
        budgets.settle(one)

    spend(budgets, call(), call())
    refused(budgets, call())


def test_calls_that_run_at_once_are_counted_before_they_are_sent(budgets):
    budgets.take(call())
    budgets.take(call())

    refused(budgets, call())


def test_a_person_has_one_budget_by_whatever_token(budgets):
    spend(budgets, call(subject="1"), call(subject="2"))

    refused(budgets, call(subject="3"))
    spend(budgets, call(person="bob@example.com"))


def test_without_a_person_an_issuers_subject_has_it(budgets):
    spend(budgets, call(person=None), call(person=None))

    refused(budgets, call(person=None))
    spend(budgets, call(person=None, subject="2"))


def test_each_rule_has_its_own(budgets):
    spend(budgets, call(), call(), call(rule="b"), call(rule="b"))

    refused(budgets, call())
    refused(budgets, call(rule="b"))


@pytest.mark.parametrize("method", ["tools/list", "initialize", "ping", "notifications/cancelled", "stream"])
def test_what_names_nothing_is_not_counted(budgets, method):
    spend(budgets, *(call(method=method) for _ in range(5)))


def test_where_no_rule_counts_nothing_is_kept(budgets):
    spend(budgets, *(call(None, subject=str(i), person=None) for i in range(10)))

    assert budgets._windows == {}


def answer(size: int) -> Released:
    return Released(b"x" * size, Content(b"", b""), "application/json")


def test_an_answer_that_is_larger_than_what_is_left_is_the_last_one(budgets, clock):
    first, second = call(BYTES), call(BYTES)
    spend(budgets, first)
    budgets.answered(first, answer(60))
    spend(budgets, second)
    budgets.answered(second, answer(60))

    assert "100 bytes of answers in 1 m" in str(refused(budgets, call(BYTES)))
    clock.now += MINUTE
    spend(budgets, call(BYTES))


def test_what_comes_after_its_window_has_ended_is_counted_in_none(budgets, clock):
    first = call(BYTES)
    spend(budgets, first)
    clock.now += MINUTE
    spend(budgets, call(BYTES))
    budgets.answered(first, answer(1_000))

    spend(budgets, call(BYTES))


def test_a_clock_that_goes_back_begins_a_window(budgets, clock):
    spend(budgets, call(), call())
    clock.now -= 10 * MINUTE

    spend(budgets, call())


def test_memory_is_bounded_and_nobody_is_forgotten_before_their_window_ends(budgets, clock):
    spend(budgets, call(subject="1", person=None), call(subject="2", person=None), call(subject="3", person=None))

    assert refused(budgets, call(subject="4", person=None)).retry_after_s == 60
    spend(budgets, call(subject="1", person=None))
    refused(budgets, call(subject="1", person=None))
    clock.now += MINUTE
    spend(budgets, call(subject="4", person=None))
    assert len(budgets._windows) == 1
