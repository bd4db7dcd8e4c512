"""Runs the Google Cloud SDK's Pub/Sub and Firestore emulators, and always stops them.

As fixtures (`pubsub_emulator`, `firestore_emulator`) they start with the first test of a session that asks; tests keep
apart by project id. As a script both run until it is interrupted: `python -m fakes.emulators`.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from fakes.ports import free_port

LOOPBACK = "127.0.0.1"
START_S = 60  # a cold Java on a busy machine
ATTEMPTS = 3  # somebody else may take a free port first
JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # small, and soon ready
# What ends an emulator when whoever started it is gone without a word: the pipe that it reads from ends.
GUARD = ("sh", "-c", 'read -r _; kill -s KILL -- "-$0"')


@dataclass(frozen=True, slots=True)
class Kind:
    """One emulator of the SDK.

    Attributes:
        component: What `gcloud components install` calls it; Debian's package is called `google-cloud-cli-<component>`.
        variable: Where Google's client libraries look for its address.
        jar: Where it lies in the SDK.
        main: What Java is given to run it, after the jar.
        ready: What it says once it answers.
    """

    component: str
    variable: str
    jar: str
    main: tuple[str, ...]
    ready: bytes


PUBSUB = Kind(
    component="pubsub-emulator",
    variable="PUBSUB_EMULATOR_HOST",
    jar="platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
    main=("com.google.cloud.pubsub.testing.v1.Main",),
    ready=b"Server started, listening on",
)
FIRESTORE = Kind(
    component="cloud-firestore-emulator",
    variable="FIRESTORE_EMULATOR_HOST",
    jar="platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    main=("com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start"),
    ready=b"Dev App Server is now running.",
)


@dataclass(frozen=True, slots=True)
class Emulator:
    """An emulator that runs; `address` is host:port."""

    kind: Kind
    address: str
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process that shall talk to it has in its environment."""
        return {self.kind.variable: self.address}

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Keep it from answering while the block lasts; connections stay, and what it holds too."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def running(kind: Kind) -> Iterator[Emulator]:
    """Run an emulator while the block lasts; it answers when the block begins.

    Raises:
        AssertionError: It is not installed, or did not answer in time.
    """
    command = [_java(), *JVM, "-Duser.language=en", "-cp", str(_jar(kind)), *kind.main]
    with tempfile.TemporaryFile() as said, contextlib.ExitStack() as running_now:
        for _ in range(ATTEMPTS):
            port = free_port()
            arguments = [f"--host={LOOPBACK}", f"--port={port}"]
            process = running_now.enter_context(_guarded([*command, *arguments], said))
            if _answers(process, said, kind):
                break
        else:
            raise AssertionError(f"{kind.component} did not start: {_text(said)}")
        yield Emulator(kind, f"{LOOPBACK}:{port}", process)


@pytest.fixture(scope="session")
def pubsub_emulator() -> Iterator[Emulator]:
    with running(PUBSUB) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[Emulator]:
    with running(FIRESTORE) as emulator:
        yield emulator


@contextlib.contextmanager
def _guarded(command: Sequence[str], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process group that is killed at the end of the block, and when this process dies in it."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0)
    guard = subprocess.Popen([*GUARD, str(process.pid)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        guard.kill()
        guard.communicate()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it keeps nothing that would have to be put away
        process.wait()


def _answers(process: subprocess.Popen[bytes], said: IO[bytes], kind: Kind) -> bool:
    ends = time.monotonic() + START_S
    while kind.ready not in _text(said):
        if process.poll() is not None:
            return False
        assert time.monotonic() < ends, f"{kind.component} did not answer in {START_S} s: {_text(said)}"
        time.sleep(0.05)
    return True


def _text(said: IO[bytes]) -> bytes:
    return os.pread(said.fileno(), 1024 * 1024, 0)


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    assert java is not None, "no Java for the emulators: apt-get install default-jre-headless"
    return java


def _jar(kind: Kind) -> Path:
    found = sorted(_sdk().glob(kind.jar))
    assert found, (
        f"the SDK in {_sdk()} has no {kind.component}: gcloud components install {kind.component}"
        f" (Debian: apt-get install google-cloud-cli-{kind.component.removeprefix('cloud-')})"
    )
    return found[-1]


@functools.cache
def _sdk() -> Path:
    if root := os.environ.get("CLOUDSDK_ROOT"):
        return Path(root)
    gcloud = shutil.which("gcloud")
    assert gcloud is not None, "no gcloud for the emulators: https://cloud.google.com/sdk/docs/install"
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it runs its own Python
    return Path(subprocess.check_output(command, text=True, env=environment).strip())


def _run_both() -> None:
    with running(PUBSUB) as pubsub, running(FIRESTORE) as firestore:
        for variable, address in {**pubsub.environment, **firestore.environment}.items():
            print(f"export {variable}={address}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _run_both()
