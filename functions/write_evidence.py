"""`write_evidence`: Pub/Sub pushes one object, and it ends in its bucket or in the quarantine.

Source: evidence-format section 6; google-cloud "Cloud Run and functions" (push subscription with OIDC).
"""

from collections.abc import Mapping

import flask

from affidavit.evidence.arrivals import Arrivals
from affidavit.wiring.cloud import load_cloud
from delivery import Function


def _open(environment: Mapping[str, str]) -> Arrivals:
    arrivals: Arrivals = load_cloud("write_evidence").open_write_evidence(environment)
    return arrivals


_function = Function("write_evidence", _open, media_type="application/json")


def write_evidence(request: flask.Request) -> flask.Response:
    """Take one push request; whatever is not answered with success is pushed again."""
    return _function.answer(request, lambda arrivals: {"fate": arrivals.take(request.get_data())})
