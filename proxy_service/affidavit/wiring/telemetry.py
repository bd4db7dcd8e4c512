"""Whether and how telemetry leaves the house: by OpenTelemetry's own variables, and not at all without them.

Source: OpenTelemetry "OTLP Exporter Configuration", "General SDK Configuration"; Google Cloud "Telemetry API".
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from urllib.parse import urlsplit

from affidavit import __version__
from affidavit.errors import Misconfigured
from affidavit.gateway.ports import Telemetry

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNALS = {"traces": "TRACES", "metrics": "METRICS"}
_GOOGLES = "telemetry.googleapis.com"  # takes Google's credentials, and a project in every resource


def open_telemetry(environment: Mapping[str, str], *, instance: str, project: str | None = None) -> Telemetry | None:
    """Return what is told of calls, or None where nobody is to be told.

    Args:
        environment: `OTEL_*` say where to, how often and what of.
        instance: Tells this process apart from others of its service.
        project: On Google Cloud, whose telemetry it is.

    Raises:
        Misconfigured: It is asked for, and nothing here can send it.
    """
    signals = frozenset(signal for signal in _SIGNALS if _endpoint(environment, signal))
    if not signals or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:  # here and not above: loading it takes time and memory that only those pay who want it
        adapter = import_module("affidavit.adapters.telemetry")
        sessions = {signal: _session(environment, signal) for signal in signals}
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"{_ENDPOINT} asks for telemetry, and {error.name} is not installed: pip install 'affidavit[gcp]'"
        ) from error
    telemetry: Telemetry = adapter.open_exporters(sessions, resource=_resource(environment, instance, project))
    return telemetry


def _endpoint(environment: Mapping[str, str], signal: str) -> str:
    name = _SIGNALS[signal]
    if environment.get(f"OTEL_{name}_EXPORTER", "otlp").strip().lower() == "none":
        return ""
    return environment.get(f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT") or environment.get(_ENDPOINT, "")


def _session(environment: Mapping[str, str], signal: str) -> object | None:
    if urlsplit(_endpoint(environment, signal)).hostname != _GOOGLES:
        return None
    session: object = import_module("affidavit.adapters.gcp.telemetry").authorized_session()
    return session


def _resource(environment: Mapping[str, str], instance: str, project: str | None) -> dict[str, str]:
    """Return what this process is, as far as the environment does not say it: what it says, holds."""
    known = {
        "service.name": environment.get("K_SERVICE") or "affidavit",
        "service.version": __version__,
        "service.instance.id": instance,
        **({"gcp.project_id": project} if project is not None else {}),
    }
    said = {pair.partition("=")[0].strip() for pair in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")}
    if environment.get("OTEL_SERVICE_NAME"):
        said.add("service.name")
    return {name: value for name, value in known.items() if name not in said}
