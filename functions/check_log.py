"""`check_log`: Cloud Scheduler calls, and what is new in the log is verified.

Source: evidence-format section 9.
"""

from collections.abc import Mapping
from typing import Any

import flask

from affidavit.audit.watch import Watch
from affidavit.wiring.cloud import load_cloud
from delivery import Function


def _open(environment: Mapping[str, str]) -> Watch:
    watch: Watch = load_cloud("check").open_check_log(environment)
    return watch


_function = Function("check_log", _open)


def check_log(request: flask.Request) -> flask.Response:
    """Verify for less than a minute; the answer says how far, and which alarms were raised."""
    return _function.answer(request, _check)


def _check(watch: Watch) -> dict[str, Any]:
    seen = watch.run()
    return {
        "size": seen.size,
        "verified_from": seen.verified_from,
        "at_end": seen.at_end,
        "status": seen.status,
        "alarms": list(seen.alarms),
    }
