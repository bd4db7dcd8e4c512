"""`sequence_log`: Cloud Scheduler calls, and what is stored gets its place in the log.

Source: evidence-format section 7; google-cloud "Cost".
"""

from collections.abc import Mapping
from typing import Any

import flask

from affidavit.audit.rounds import Rounds
from affidavit.clock import system_clock
from affidavit.wiring.cloud import load_cloud
from delivery import Function


def _open(environment: Mapping[str, str]) -> Rounds:
    rounds: Rounds = load_cloud("sequence_log").open_sequence_log(environment)
    return rounds


_function = Function("sequence_log", _open, contradiction="sequencer_stopped")


def sequence_log(request: flask.Request) -> flask.Response:
    """Commit every 10 s while there is much to do, for less than a minute."""
    return _function.answer(request, _sequence)


def _sequence(rounds: Rounds) -> dict[str, Any]:
    done = rounds.run()
    waiting = None if done.oldest_waiting is None else max(0, system_clock() - done.oldest_waiting)
    return {"size": done.size, "added": done.added, "oldest_waiting_us": waiting, "busy": done.busy}
