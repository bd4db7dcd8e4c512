"""Which error means that a request comes again, and that nothing of it reaches whoever called."""

from __future__ import annotations

import json
import logging

import flask
import pytest

from affidavit.errors import (
    AffidavitError,
    Conflict,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Unauthenticated,
    Unavailable,
    VerificationFailed,
)
from delivery import Function

SECRET = "hunter2 lies in gs://acme-evidence"


def request(method="POST", content_type="application/json", data=b"{}") -> flask.Request:
    app = flask.Flask("test")
    with app.test_request_context("/", method=method, data=data, content_type=content_type) as context:
        return context.request


def answer(function, act=lambda handler: {"done": handler}, **asked):
    response = function.answer(request(**asked), act)
    return response.status_code, json.loads(response.data)


def failing(error):
    def act(_):
        raise error

    return act


@pytest.fixture
def function():
    return Function("write_evidence", lambda _: "opened", media_type="application/json", environment={})


@pytest.fixture
def entries(caplog):
    caplog.set_level(logging.INFO)
    return lambda: caplog.records


def test_what_went_well_is_answered_with_what_it_gave(function):
    assert answer(function) == (200, {"done": "opened"})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unavailable(SECRET), 503, "unavailable"),
        (OutcomeUnknown(SECRET), 503, "outcome_unknown"),
        (Conflict(SECRET), 503, "conflict"),
        (Misconfigured(SECRET), 500, "misconfigured"),
        (AffidavitError(SECRET), 500, "internal"),
        (Refused(SECRET, code="x"), 500, "internal"),
        (Unauthenticated(SECRET, code="x"), 500, "internal"),
        (ValueError(SECRET), 500, "internal"),
        (MemoryError(SECRET), 500, "internal"),
        # A message is acknowledged when it is stored or put aside, and for no error.
        (Malformed(SECRET), 500, "internal"),
        (VerificationFailed(SECRET), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_error_acknowledges_a_message(function, entries, error, status, code):
    """style.md: strangers see a stable code and an incident id, never an exception's text."""
    got, body = answer(function, failing(error))

    assert got == status
    assert body == {"code": code, "incident": body["incident"]}
    assert [entry.incident for entry in entries()] == [body["incident"]]
    assert getattr(entries()[0], "alarm", None) is None


@pytest.mark.parametrize("error", [VerificationFailed(SECRET), Malformed(SECRET)], ids=lambda one: type(one).__name__)
def test_a_contradiction_in_what_is_stored_is_alarmed_and_not_asked_for_again(entries, error):
    """Cloud Scheduler would try again at once, and nothing that is stored ever changes."""
    function = Function("sequence_log", lambda _: None, contradiction="sequencer_stopped", environment={})
    status, body = answer(function, failing(error))

    assert status == 200
    assert body == {"code": "verification_failed", "incident": body["incident"]}
    assert entries()[0].alarm == "sequencer_stopped"


def test_an_error_that_was_not_foreseen_is_told_by_its_places_alone(function, entries):
    answer(function, failing(ValueError(SECRET)))

    assert "hunter2" not in entries()[0].getMessage()
    assert entries()[0].exc_info[0] is ValueError


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused_in_one_word(function, method):
    status, body = answer(function, method=method)

    assert (status, body) == (405, {"code": "method_not_allowed"})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_media_type_is_refused_where_the_body_matters(function, content_type):
    assert answer(function, content_type=content_type) == (415, {"code": "unsupported_media_type"})


def test_where_it_does_not_matter_whoever_may_call_need_not_name_one():
    """Cloud Scheduler sends application/octet-stream unless it is told otherwise."""
    function = Function("sequence_log", lambda _: "opened", environment={})

    assert answer(function, content_type="application/octet-stream") == (200, {"done": "opened"})


def test_it_is_opened_once_with_the_environment_as_it_was_given():
    opened = []
    function = Function(
        "write_evidence", lambda environment: opened.append(environment) or "opened", environment={"A": "1"}
    )
    for _ in range(3):
        answer(function)

    assert opened == [{"A": "1"}]


def test_what_cannot_be_opened_is_tried_again_with_the_next_request(entries):
    outcomes = [Misconfigured("AFFIDAVIT_ORIGIN is not set"), "opened"]

    def open_(_):
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    function = Function("write_evidence", open_, environment={})
    status, body = answer(function)
    assert (status, body["code"]) == (500, "misconfigured")
    assert "AFFIDAVIT_ORIGIN is not set" in entries()[0].getMessage()

    assert answer(function) == (200, {"done": "opened"})
    assert answer(function) == (200, {"done": "opened"})
    assert not outcomes
