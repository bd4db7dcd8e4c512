"""What operators and their tools read on stderr.

Source: Cloud Logging "Structured logging", special JSON fields; Error Reporting "Format errors in logs".
"""

import io
import json
import logging

import pytest

from affidavit.mcp.trace_context import TraceContext
from affidavit.serve.diagnostics import configure_diagnostics, configure_terminal

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)


@pytest.fixture
def stream():
    """What was said; the test runner's own handlers come back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield io.StringIO()
    root.handlers, root.level = handlers, level


def entry(stream):
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR", "CRITICAL"])
def test_an_entry_has_the_names_that_cloud_logging_looks_for(stream, level):
    configure_diagnostics(stream)
    logging.getLogger("affidavit.test").log(logging.getLevelNamesMapping()[level], "%s of %s", 1, 2)

    said = entry(stream)
    assert (said["severity"], said["message"], said["logger"]) == (level, "1 of 2", "affidavit.test")
    assert said["time"].endswith("Z")


def test_a_level_that_cloud_logging_does_not_know_is_its_default(stream):
    configure_diagnostics(stream)
    logging.getLogger().log(25, "in between")

    assert entry(stream)["severity"] == "DEFAULT"


def test_an_alarm_is_a_field_of_its_own(stream):
    """An alert policy matches `jsonPayload.alarm`."""
    configure_diagnostics(stream)
    logging.getLogger().error("the log does not hold", extra={"alarm": "check_failed"})

    assert (entry(stream)["severity"], entry(stream)["alarm"]) == ("ERROR", "check_failed")


def test_what_has_no_place_in_an_entry_does_not_get_into_it(stream):
    """No secret in diagnostics: neither under a name of its own, nor inside one that is known."""
    configure_diagnostics(stream)
    extra = {"authorization": "Bearer s3cret", "event": {"token": "s3cret"}, "call": ["s3cret"], "alarm": None}
    logging.getLogger().error("sent", extra=extra)

    assert "s3cret" not in stream.getvalue()
    assert entry(stream).keys() == {"time", "severity", "logger", "process", "message"}


def test_an_entry_names_the_trace_of_its_call(stream):
    configure_diagnostics(stream, project="acme-gateway")
    logging.getLogger().error("gone wrong", extra={"trace": TRACE, "call": "0190"})

    said = entry(stream)
    assert said["logging.googleapis.com/trace"] == f"projects/acme-gateway/traces/{TRACE.trace_id}"
    assert said["logging.googleapis.com/spanId"] == TRACE.span_id
    assert said["logging.googleapis.com/trace_sampled"] is True
    assert said["call"] == "0190"


def test_without_a_project_the_trace_is_its_id(stream):
    configure_diagnostics(stream)
    logging.getLogger().error("gone wrong", extra={"trace": TRACE})

    assert entry(stream)["logging.googleapis.com/trace"] == TRACE.trace_id


@pytest.mark.parametrize("trace", [None, "projects/p/traces/1", {"trace_id": "1"}])
def test_what_is_no_trace_is_left_out(stream, trace):
    configure_diagnostics(stream)
    logging.getLogger().error("gone wrong", extra={"trace": trace})

    assert not [name for name in entry(stream) if "trace" in name]


def test_a_failure_says_where_it_was_and_not_with_what(stream):
    """Error Reporting takes an entry without a stack trace in its text by its type and location."""
    configure_diagnostics(stream)
    try:
        int("s3cret")
    except ValueError:
        logging.getLogger().exception("incident 1")

    said = entry(stream)
    assert "s3cret" not in stream.getvalue()
    assert said["@type"].endswith("ReportedErrorEvent")
    assert said["error"] == "ValueError"
    assert (
        said["context"]["reportLocation"]["functionName"] == test_a_failure_says_where_it_was_and_not_with_what.__name__
    )
    assert said["places"][-1].split(":")[0].endswith(said["context"]["reportLocation"]["functionName"])


def test_a_failure_that_was_never_raised_has_no_place(stream):
    configure_diagnostics(stream)
    logging.getLogger().error("incident 1", exc_info=ValueError("s3cret"))

    assert (entry(stream)["error"], entry(stream)["places"]) == ("ValueError", [])


def test_a_name_that_is_no_utf8_does_not_silence_the_entry(stream):
    configure_diagnostics(stream)
    logging.getLogger().error("no such file: %s", b"caf\xe9".decode("utf-8", "surrogateescape"))

    assert entry(stream)["message"] == "no such file: caf\udce9"


def test_at_a_terminal_an_entry_is_a_line_for_people(stream):
    configure_terminal(stream)
    logging.getLogger("affidavit.serve").warning("the worker goes on", extra={"alarm": "x", "trace": TRACE})

    assert stream.getvalue() == "WARNING affidavit.serve: the worker goes on\n"
