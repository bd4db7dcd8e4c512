"""The emulators that tests start: never left behind, and never silently missing."""

import os
import subprocess
import sys
import time

import pytest

from fakes.emulators import FIRESTORE
from fakes.process import TESTS

START_AND_DIE = """
import os, signal
from fakes.emulators import FIRESTORE, running
with running(FIRESTORE) as emulator:
    print(emulator.process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
START = "from fakes.emulators import PUBSUB, running\nwith running(PUBSUB): pass"


def run(program, **environment):
    """Run a Python program as pytest would run."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **environment}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_emulator_ends_with_whoever_started_it_however_they_end():
    ended = run(START_AND_DIE)

    assert ended.returncode == -9, ended.stderr
    pid = int(ended.stdout)
    ends = time.monotonic() + 30
    while is_there(pid):
        assert time.monotonic() < ends, "the emulator was left behind"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("missing", "mend"),
    [
        ({"CLOUDSDK_ROOT": "/nowhere"}, "gcloud components install pubsub-emulator"),
        ({"JAVA_HOME": "/nowhere"}, "apt-get install default-jre-headless"),
        ({"PATH": "/nowhere", "JAVA_HOME": ""}, "apt-get install default-jre-headless"),
    ],
)
def test_what_is_missing_fails_with_the_command_that_installs_it(missing, mend):
    ended = run(START, **missing)

    assert ended.returncode == 1
    assert mend in ended.stderr


def test_an_emulator_may_be_kept_from_answering(firestore_emulator):
    """As an outage of the service is: connections stay, and nobody answers."""
    with firestore_emulator.suspended():
        assert state(firestore_emulator.process.pid) == "T"
    assert state(firestore_emulator.process.pid) != "T"
    assert firestore_emulator.environment == {FIRESTORE.variable: firestore_emulator.address}


def state(pid):
    return subprocess.check_output(["ps", "-o", "state=", "-p", str(pid)], text=True).strip()
