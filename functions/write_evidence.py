"""`write_evidence`: Pub/Sub pushes one object, and it ends in its bucket or in the quarantine.

Source: evidence-format section 6; google-cloud "Cloud Run and functions" (push subscription with OIDC).
"""

import flask

from affidavit.wiring.cloud_functions import open_write_evidence
from delivery import Function

_function = Function("write_evidence", open_write_evidence, media_type="application/json")


def write_evidence(request: flask.Request) -> flask.Response:
    """Take one push request; whatever is not answered with success is pushed again."""
    return _function.answer(request, lambda arrivals: {"fate": arrivals.take(request.get_data())})
