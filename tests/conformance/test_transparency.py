"""mcp.md, "Proving transparency": what the suites find directly, they find through the gateway, check for check."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.gateway import forwarded, records, running_gateway
from conformance.results import Results, differences
from conformance.suites import MODERN, SUITES, Suite, run_suite
from fakes.process import running

SERVER = "fakes.everything_server"
SHIM = "fakes.token_shim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """What the suites found through the gateway, and what both of its ends have counted."""

    results: Mapping[Suite, Results]
    reached: Counter[str]  # requests at the server, by method
    recorded: Counter[str]  # calls in the evidence that were forwarded, by method


def run_all(authority_and_path: str) -> dict[Suite, Results]:
    return {suite: run_suite(f"http://{authority_and_path}", suite) for suite in SUITES}


def counted(port: int) -> Counter[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/__count", timeout=5) as answer:
        return Counter(json.load(answer)["methods"])


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running(SERVER) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("not-looked-at", encoding="ascii")
    return token


@pytest.fixture(scope="session")
def direct(server: str) -> dict[Suite, Results]:
    return run_all(f"{server}/mcp")


@pytest.fixture(scope="session")
def through(tmp_path_factory: pytest.TempPathFactory) -> Through:
    folder = tmp_path_factory.mktemp("gateway")
    with running(SERVER) as port:
        with running_gateway(folder, f"http://127.0.0.1:{port}/mcp") as gateway:
            target = ("--target", gateway.authority, "--token-file", str(gateway.token_file))
            with running(SHIM, *target) as shim:
                results = run_all(f"127.0.0.1:{shim}{gateway.path}")
        return Through(results=results, reached=counted(port), recorded=forwarded(records(gateway.data)))


def listing(direct: Results, through: Results) -> str:
    return "\n".join(str(difference) for difference in differences(direct, through))


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_the_server_alone_does_all_that_the_suites_require(direct: dict[Suite, Results], suite: Suite) -> None:
    """mcp.md: 44 / 0, 84 / 0, 169 / 25, where the 25 are the optional tasks extension."""
    found = direct[suite]

    assert found.passed >= suite.minimum
    assert found.failed <= suite.may_fail
    assert all(name.startswith("tasks-") for name in found.failing_scenarios())


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_the_gateway_changes_no_check(direct: dict[Suite, Results], through: Through, suite: Suite) -> None:
    """mcp.md: equal check for check; better only on Origin and header checks; never below the minimum."""
    found = through.results[suite]

    assert listing(direct[suite], found) == ""
    assert found.passed >= suite.minimum


def test_every_request_at_the_server_has_its_record(through: Through) -> None:
    """mcp.md: requests counted at the fixture = `call:requested` records that no `call:refused` ends."""
    assert through.recorded == through.reached
    assert through.reached.total() > 0


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_the_shim_alone_changes_no_check(
    server: str, token_file: Path, direct: dict[Suite, Results], suite: Suite
) -> None:
    """What differs through the gateway is the gateway's doing."""
    with running(SHIM, "--target", server, "--token-file", str(token_file)) as shim:
        found = run_suite(f"http://127.0.0.1:{shim}/mcp", suite)

    assert listing(direct[suite], found) == ""


def test_a_proxy_that_loses_one_header_is_found_out(
    server: str, token_file: Path, direct: dict[Suite, Results]
) -> None:
    """The comparison can fail: without `Mcp-Name` a modern server refuses what names a tool."""
    with running(SHIM, "--target", server, "--token-file", str(token_file), "--lose", "mcp-name") as shim:
        found = run_suite(f"http://127.0.0.1:{shim}/mcp", MODERN)

    assert "tools-call-simple-text" in {difference.scenario for difference in differences(direct[MODERN], found)}


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_a_port_where_nothing_listens_stays_below_the_minimum(token_file: Path, suite: Suite) -> None:
    """mcp.md: such a port "passes" 45 checks, so agreement alone proves nothing."""
    with running(SHIM, "--target", "127.0.0.1:1", "--token-file", str(token_file)) as shim:
        found = run_suite(f"http://127.0.0.1:{shim}/mcp", suite)

    assert found.passed < suite.minimum
