"""What `affidavit doctor` prints, and how it ends.

Source: architecture "The house"; evidence-format section 9 for the statuses that commands have in common.
"""

import argparse
import json
import subprocess
import sys

import pytest

from affidavit.cli import doctor, main
from affidavit.errors import Misconfigured
from fakes.google_rest import google_rest, service_account
from fakes.sound_deployment import GATEWAY, PROXY, build

CONFIGURATION = """
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com
issuers:
  - {name: staff, issuer: https://staff.test, jwks_uri: https://staff.test/keys, attribution: person}
upstreams:
  - {name: warehouse, kind: mcp, url: "https://warehouse.example.com/mcp"}
"""


@pytest.fixture
def google(monkeypatch):
    for name, value in PROXY.items():
        monkeypatch.setenv(name, value)
    with google_rest() as server:
        build(server)
        yield server


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "affidavit.yaml"
    path.write_text(CONFIGURATION)
    return path


def run(google, *arguments) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["doctor", *map(str, arguments)])
    return parsed.run(parsed, (google.rest(), service_account(GATEWAY)))


def test_a_sound_deployment_is_status_0(google, capsys):
    assert run(google) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ok        account: this asks as {GATEWAY}"
    assert lines[-1] == "Nothing is wrong."


def test_a_fault_is_status_3_with_its_command_below_it(google, capsys):
    google.things["storage", "storage/v1/b/acme-evidence"]["retentionPolicy"]["isLocked"] = False

    assert run(google) == 3

    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL"))
    assert "bucket acme-evidence: its retention is not locked" in lines[at]
    assert lines[at + 1].strip() == "gcloud storage buckets update gs://acme-evidence --lock-retention-period"
    assert lines[-1] == "1 wrong."


def test_masking_that_is_switched_off_is_a_fault(google, configuration, capsys):
    """The requirements: the doctor and masking switched off do not go together."""
    assert run(google, "--config", configuration) == 0
    configuration.write_text(CONFIGURATION + "masking: []\n")
    capsys.readouterr()

    assert run(google, "--config", configuration) == 3
    said = capsys.readouterr().out
    assert "masking is switched off" in said
    assert "credentials are masked" in said


def test_what_could_not_be_looked_at_is_counted_and_is_no_fault(google, capsys):
    google.hidden.add("storage/v1/b/acme-evidence")

    assert run(google) == 0
    out = capsys.readouterr().out
    assert "1 not looked at, because this account may not." in out
    assert "Nothing else is wrong." in out


def test_as_json_it_is_one_object(google, capsys):
    del google.things["storage", "storage/v1/b/acme-body-payroll"]

    assert run(google, "--json") == 3

    said = json.loads(capsys.readouterr().out)
    assert said["status"] == 3
    (failed,) = [one for one in said["findings"] if one["status"] == "FAIL"]
    assert failed["about"] == "bucket acme-body-payroll"
    assert failed["mend"].startswith("gcloud storage buckets create")


def test_a_name_that_could_write_on_the_terminal_is_shown_harmless(google, capsys):
    google.things["storage", "storage/v1/b/acme-evidence"]["encryption"] = {"defaultKmsKeyName": "k\x1b[2J"}

    run(google)

    assert "\x1b" not in capsys.readouterr().out


def test_a_way_around_the_gateway_is_status_3(google, configuration, capsys):
    account = f"projects/acme-gateway-1/serviceAccounts/{GATEWAY}"
    google.things["cloudresourcemanager", "v3/projects/acme-gateway-1"] = {}
    google.things["iam", "v1/roles/owner"] = {"includedPermissions": ["iam.serviceAccounts.actAs"]}
    google.policies = {account: [], "projects/acme-gateway-1": []}
    closed = run(google, "--bypass", "--config", configuration)
    google.policies[account] = [{"role": "roles/owner", "members": ["allUsers"]}]

    assert (closed, run(google, "--bypass", "--config", configuration)) == (0, 3)
    assert "anybody on the internet, without a credential, can act as it" in capsys.readouterr().out


def test_ways_around_are_those_of_a_configuration(google):
    with pytest.raises(Misconfigured, match="--config"):
        run(google, "--bypass")


def command(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["affidavit", "doctor", *map(str, arguments)])
    return main()


def test_an_environment_that_describes_nothing_is_status_2(monkeypatch, capfd):
    assert command(monkeypatch) == 2
    assert "AFFIDAVIT_PROJECT is not set" in capfd.readouterr().err


def test_a_configuration_that_is_wrong_is_status_2(monkeypatch, capfd, tmp_path):
    (tmp_path / "affidavit.yaml").write_text("version: 2\n")

    assert command(monkeypatch, "--config", tmp_path / "affidavit.yaml") == 2
    assert "affidavit.yaml:1: version: must be 1" in capfd.readouterr().err


def test_without_the_cloud_libraries_the_other_commands_are_there_and_this_one_says_what_it_needs():
    """architecture "The house": reading and verifying a folder needs no `google.*`."""
    script = (
        "import sys\nsys.modules['google'] = None\nsys.argv = ['affidavit', *sys.argv[1:]]\n"
        "from affidavit.cli import main\nsys.exit(main())"
    )
    help_said = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=False)
    said = subprocess.run([sys.executable, "-c", script, "doctor"], capture_output=True, text=True, check=False)

    assert (help_said.returncode, said.returncode) == (0, 2)
    assert "doctor" in help_said.stdout
    assert "pip install 'affidavit[gcp]'" in said.stderr
