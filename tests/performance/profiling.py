"""Where programs spend their processor time, for each call or record.

Reads what hooks/sitecustomize.py wrote. Self time is where the interpreter stood, C functions counted at their caller;
total time is of a function and all that it called.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HOOKS = Path(__file__).with_name("hooks")
ROWS = 30
_WAITING = ("threading.py", "selectors.py", "thread.py", "queue.py")


def environment(folder: Path) -> dict[str, str]:
    """What a process must find in its environment to be sampled into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"PYTHONPATH": f"{HOOKS}:{HOOKS.parents[1]}", "BENCH_PROFILE": str(folder)}


def show(folder: Path, count: int, console: Console, box: Any) -> None:
    """Print a table for each process, busiest first; times are divided by `count`, which is of calls or records."""
    told = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
    for one in sorted(told, key=lambda one: -_seconds(one["main"])):
        command = " ".join(one["command"])[:100]
        console.print(f"\n{command}: main thread {_seconds(one['main']):.1f} s, others {_seconds(one['others']):.1f} s")
        console.print(_by_folder(one["main"], count))
        for thread in ("main", "others"):
            if _seconds(one[thread]) > 0.1:
                console.print(_table(one[thread], count, thread, box))


def _table(stacks: Any, count: int, thread: str, box: Any) -> Table:
    own, total, lines = _counted(stacks, idle=thread == "others")
    table = Table(title=f"{thread} thread{'s' * (thread == 'others')}", box=box, title_justify="left")
    for heading in ("self %", "self us", "total us"):
        table.add_column(heading, justify="right")
    table.add_column("function (its hottest line)", overflow="fold")
    everything = sum(own.values()) or 1.0
    shown = {name for name, _ in own.most_common(ROWS)} | {name for name, _ in total.most_common(ROWS)}
    for name in sorted(shown, key=lambda name: -own[name]):
        line = lines[name].most_common(1)[0][0] if lines[name] else ""
        micros = (1e6 / max(1, count) * seconds for seconds in (own[name], total[name]))
        table.add_row(f"{100 * own[name] / everything:.1f}", *(f"{value:.1f}" for value in micros), f"{name} {line}")
    return table


def _by_folder(stacks: Any, count: int) -> str:
    """The main thread's own time by the folder of the code, for the share of each package."""
    folders: Counter[str] = Counter()
    for places, seconds in stacks:
        folders[places[0].partition("/")[0] if places else "?"] += seconds
    shares = [f"{name} {1e6 * seconds / max(1, count):.0f}" for name, seconds in folders.most_common(12)]
    return f"us each: {', '.join(shares)}"


def _counted(stacks: Any, *, idle: bool) -> tuple[Counter[str], Counter[str], dict[str, Counter[str]]]:
    """Seconds of each function: its own, with all it called; and the lines where its own went."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    lines: dict[str, Counter[str]] = {}
    for places, seconds in stacks:
        if not places or (idle and any(name in places[0] for name in _WAITING)):
            continue
        names = [_function(place) for place in places]
        own[names[0]] += seconds
        lines.setdefault(names[0], Counter())[_line(places[0])] += seconds
        for name in set(names):
            total[name] += seconds
            lines.setdefault(name, Counter())
    return own, total, lines


def _function(place: str) -> str:
    path, _, name = place.rpartition(" ")
    return f"{path.rpartition(':')[0]} {name}"


def _line(place: str) -> str:
    return ":" + place.rpartition(" ")[0].rpartition(":")[2]


def _seconds(stacks: Iterable[Any]) -> float:
    return float(sum(seconds for _, seconds in stacks))
