"""`settings`: the environment of a process on Google Cloud (architecture "Configuration": validated all at once)."""

from dataclasses import fields

import pytest

from affidavit.errors import Misconfigured
from affidavit.settings import (
    CheckLogSettings,
    ProxySettings,
    SequenceLogSettings,
    Settings,
    WriteEvidenceSettings,
)

KEY = "projects/acme-audit/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
ALL = {
    "AFFIDAVIT_PROJECT": "acme-gateway",
    "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": "standard=acme-body-standard,payroll=acme-body-payroll",
    "AFFIDAVIT_QUARANTINE_BUCKET": "acme-quarantine",
    "AFFIDAVIT_LOG_BUCKET": "acme-log",
    "AFFIDAVIT_CHECK_BUCKET": "acme-check",
    "AFFIDAVIT_EVIDENCE_TOPIC": "projects/acme-gateway/topics/acme-evidence",
    "AFFIDAVIT_DEAD_LETTERS": "projects/acme-gateway/subscriptions/acme-evidence-dead",
    "AFFIDAVIT_DATABASE": "affidavit",
    "AFFIDAVIT_DEPLOYMENT_SECRET": "projects/acme-gateway/secrets/acme-deployment/versions/1",
    "AFFIDAVIT_FORWARDERS": "2",
    "AFFIDAVIT_IMAGE": "sha256:" + "0" * 64,
    "AFFIDAVIT_LOG_KEY": KEY,
    "AFFIDAVIT_RETENTION": "standard=400,payroll=90",
    "AFFIDAVIT_WRITERS": "gateway=acme-gateway@acme-gateway.iam.gserviceaccount.com",
    "AFFIDAVIT_ATTESTATION_KEYS": "https://www.googleapis.com/oauth2/v3/certs",
}
PROCESSES = [ProxySettings, WriteEvidenceSettings, SequenceLogSettings, CheckLogSettings]


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_finds_what_it_needs_among_all_variables(process):
    settings = process.read(ALL)

    assert settings.evidence_bucket == "acme-evidence"
    assert settings.body_buckets == {"standard": "acme-body-standard", "payroll": "acme-body-payroll"}


def test_numbers_are_numbers():
    assert SequenceLogSettings.read(ALL).retention == {"standard": 400, "payroll": 90}
    assert ProxySettings.read(ALL).forwarders == 2


def test_there_are_at_most_thirty_variables_and_each_is_some_processs():
    """architecture "Configuration"."""
    known = {field.name for process in PROCESSES for field in fields(process)}

    assert {f"AFFIDAVIT_{name.upper()}" for name in known} == set(ALL)
    assert len(ALL) <= 30


def test_everything_that_is_wrong_is_said_at_once():
    environment = {**ALL, "AFFIDAVIT_PROJECT": "No", "AFFIDAVIT_IMAGE": "latest", "AFFIDAVIT_EVIDENCE_TOPIC": ""}
    with pytest.raises(Misconfigured) as caught:
        ProxySettings.read(environment)

    for variable in ("AFFIDAVIT_PROJECT", "AFFIDAVIT_IMAGE", "AFFIDAVIT_EVIDENCE_TOPIC is not set"):
        assert variable in str(caught.value)


def test_a_misspelt_variable_is_an_error_and_other_peoples_variables_are_not():
    with pytest.raises(Misconfigured, match="AFFIDAVIT_EVIDENCE_BUKKET is not known"):
        ProxySettings.read({**ALL, "AFFIDAVIT_EVIDENCE_BUKKET": "x"})

    assert ProxySettings.read({**ALL, "K_SERVICE": "x", "affidavit_project": "y"}).project == "acme-gateway"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BODY_BUCKETS", "standard"),
        ("BODY_BUCKETS", "standard=a-bucket,standard=another"),
        ("BODY_BUCKETS", "Standard=a-bucket"),
        ("BODY_BUCKETS", "standard=a-bucket,"),
        ("EVIDENCE_BUCKET", "gs://acme-evidence"),
        ("EVIDENCE_BUCKET", "a/b"),
        ("LOG_KEY", KEY.rpartition("/cryptoKeyVersions")[0]),
        ("RETENTION", "standard=0"),
        ("RETENTION", "standard=400d"),
        ("WRITERS", "gateway=someone"),
        ("WRITERS", "boss=a@b.example"),
        ("DEAD_LETTERS", "acme-evidence-dead"),
        ("ORIGIN", "two\nlines"),
    ],
)
def test_what_is_not_of_its_form_names_the_form(variable, value):
    process = next(one for one in PROCESSES if variable.lower() in {field.name for field in fields(one)})
    with pytest.raises(Misconfigured, match=f"AFFIDAVIT_{variable} must be "):
        process.read({**ALL, f"AFFIDAVIT_{variable}": value})


def test_what_has_a_default_may_be_absent():
    optional = ("AFFIDAVIT_DATABASE", "AFFIDAVIT_IMAGE", "AFFIDAVIT_DEAD_LETTERS", "AFFIDAVIT_FORWARDERS")
    environment = {name: value for name, value in ALL.items() if name not in optional}

    settings = ProxySettings.read(environment)
    assert (settings.database, settings.image, settings.forwarders) == ("(default)", None, 1)
    assert CheckLogSettings.read(environment).dead_letters == ()


def test_settings_are_read_from_nothing_else():
    with pytest.raises(Misconfigured, match="AFFIDAVIT_PROJECT is not set"):
        ProxySettings.read({})
    assert Settings.read({}) == Settings()
