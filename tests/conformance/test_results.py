"""The comparison itself. Source: mcp.md, "Proving transparency"."""

import pytest

from conformance.results import Results, differences, named
from conformance.suites import SuiteBroken, read_printed


def results(scenario: str = "ping", **checks: str) -> Results:
    return Results(scenarios={scenario: checks})


def test_equal_runs_do_not_differ() -> None:
    assert differences(results(a="SUCCESS", b="FAILURE"), results(b="FAILURE", a="SUCCESS")) == []


@pytest.mark.parametrize("better", ["SUCCESS", "WARNING", "SKIPPED"])
def test_better_is_a_difference_too(better: str) -> None:
    """A proxy that answers in the server's place makes it look better than it is."""
    assert [found.through for found in differences(results(a="FAILURE"), results(a=better))] == [better]


def test_better_is_allowed_where_the_gateway_looks_at_origin_and_headers() -> None:
    name = "dns-rebinding-protection"

    assert differences(results(name, a="FAILURE"), results(name, a="SUCCESS")) == []
    assert len(differences(results(name, a="SUCCESS"), results(name, a="FAILURE"))) == 1
    assert len(differences(results(name, a="SUCCESS"), results(name, a="WARNING"))) == 1


def test_a_check_that_is_gone_is_a_difference() -> None:
    found = differences(results(a="SUCCESS", b="SUCCESS"), results(a="SUCCESS"))

    assert [str(one) for one in found] == ["ping: b: direct SUCCESS, through the gateway absent"]


def test_a_scenario_that_is_gone_is_a_difference() -> None:
    assert len(differences(results("ping", a="SUCCESS"), results("pong", a="SUCCESS"))) == 2


def test_a_check_that_is_made_twice_is_compared_twice_and_remarks_are_not_compared() -> None:
    made = [{"id": "a", "name": "A", "status": status} for status in ("SUCCESS", "INFO", "FAILURE")]

    assert named(made) == {"a A": "SUCCESS", "a A #2": "FAILURE"}


def test_a_scenario_that_broke_down_counts_as_failed() -> None:
    printed = "=== Running scenario: ping ===\nFailed to run scenario ping: oh\n\nTotal: 0 passed, 1 failed\n"

    assert read_printed(printed).failing_scenarios() == {"ping"}


@pytest.mark.parametrize("printed", ["", "Total: 1 passed, 0 failed\n", "=== Running scenario: ping ===\n"])
def test_a_run_whose_total_is_not_ours_is_no_result(printed: str) -> None:
    with pytest.raises(SuiteBroken):
        read_printed(printed)
