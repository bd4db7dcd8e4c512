"""Terraform's own tests of one folder: run once, then asked for each run's end and for the plan that it made.

Source: terraform 1.11 "Machine-readable UI" (`terraform test -json -verbose`).
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from terraform.provider import SOURCES, terraform


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource as a plan would make it; `values` holds what is known of it."""

    address: str
    type: str
    values: dict[str, Any]


@dataclass(slots=True)
class Run:
    """One `run` block's end: its status, what was said about it, and its plan if it has one."""

    status: str = "never run"
    said: list[str] = field(default_factory=list)
    plan: list[Planned] = field(default_factory=list)


def names(folder: str) -> list[tuple[str, str]]:
    """Return file and name of each run that is written in a folder, without running anything."""
    return [
        (path.name, name)
        for path in sorted((SOURCES / folder / "tests").glob("*.tftest.hcl"))
        for name in re.findall(r'^run "(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


@functools.cache
def ends(folder: str) -> dict[tuple[str, str], Run]:
    """Run all tests of a folder."""
    done = terraform(folder, "test", "-json", "-verbose")
    found: dict[tuple[str, str], Run] = {}
    for message in map(json.loads, done.stdout.splitlines()):
        where = (message.get("@testfile", "").rpartition("/")[2], message.get("@testrun", ""))
        run = found.setdefault(where, Run())
        if message["type"] == "test_run":
            run.status = message["test_run"].get("status", run.status)
        elif message["type"] == "diagnostic":
            run.said.append(_said(message["diagnostic"]))
        elif message["type"] == "test_plan":
            run.plan = list(_planned(message["test_plan"]))
    return found


def plans(folder: str) -> dict[str, list[Planned]]:
    """Return the plan of each run of a folder that made one, by its name."""
    return {name: run.plan for (_, name), run in ends(folder).items() if run.plan}


def _planned(plan: dict[str, Any]) -> Iterator[Planned]:
    for change in plan.get("resource_changes", []):
        if change["mode"] == "managed":
            yield Planned(change["address"], change["type"], change["change"]["after"])


def _said(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("range", {})
    where = f"{place.get('filename')}:{place.get('start', {}).get('line')}: " if place else ""
    return f"{where}{diagnostic['summary']}: {diagnostic.get('detail', '')}"
