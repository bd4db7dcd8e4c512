"""What a run of a conformance suite found, and how two runs differ, check for check.

Source: the `checks.json` of @modelcontextprotocol/conformance. Runs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

PASSED, FAILED = "SUCCESS", "FAILURE"
REMARK = "INFO"  # a line of the scenario's own log, not a check; how many there are depends on timing
ABSENT = "absent"
WORST_TO_BEST = (ABSENT, FAILED, "WARNING", "SKIPPED", PASSED)

# Where a gateway in front of a server may do better than the server alone (mcp.md, "Proving transparency").
ORIGIN_AND_HEADERS = frozenset(
    {"dns-rebinding-protection", "http-header-validation", "http-custom-header-server-validation"}
)

Checks = Mapping[str, str]  # check → status; a check is called by its id and its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The scenarios of one run, in the order in which they ran."""

    scenarios: Mapping[str, Checks]

    @property
    def passed(self) -> int:
        return self._count(PASSED)

    @property
    def failed(self) -> int:
        return self._count(FAILED)

    def failing_scenarios(self) -> set[str]:
        return {name for name, checks in self.scenarios.items() if FAILED in checks.values()}

    def _count(self, status: str) -> int:
        return sum(list(checks.values()).count(status) for checks in self.scenarios.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    scenario: str
    check: str
    direct: str
    through: str

    def __str__(self) -> str:
        return f"{self.scenario}: {self.check}: direct {self.direct}, through the gateway {self.through}"

    @property
    def is_allowed(self) -> bool:
        """Better, and where better is allowed."""
        rises = WORST_TO_BEST.index(self.through) > WORST_TO_BEST.index(self.direct)
        return rises and self.scenario in ORIGIN_AND_HEADERS


def named(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Checks of one scenario by a name that is the same in every run; a repeated one gets its number."""
    seen: Counter[str] = Counter()
    checks = {}
    for check in found:
        if check["status"] == REMARK:
            continue
        name = f"{check['id']} {check['name']}"
        seen[name] += 1
        checks[name if seen[name] == 1 else f"{name} #{seen[name]}"] = check["status"]
    return checks


def differences(direct: Results, through: Results) -> list[Difference]:
    """Every check that is not the same in both runs, less those where the second may be better."""
    return [difference for difference in _all_differences(direct, through) if not difference.is_allowed]


def _all_differences(direct: Results, through: Results) -> Iterator[Difference]:
    for scenario in {**direct.scenarios, **through.scenarios}:
        before, after = direct.scenarios.get(scenario, {}), through.scenarios.get(scenario, {})
        for check in {**before, **after}:
            statuses = before.get(check, ABSENT), after.get(check, ABSENT)
            if statuses[0] != statuses[1]:
                yield Difference(scenario=scenario, check=check, direct=statuses[0], through=statuses[1])
