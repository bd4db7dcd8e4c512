"""The gateway put together: the data path's steps over the ports that it is given.

Chooses no adapter: `embedded.py` and its like do, and hand over here what they chose.

Source: architecture "The house".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.adapters.key_sets import from_discovery, from_file, from_uri
from affidavit.clock import MINUTE, SECOND, Clock
from affidavit.evidence.fingerprints import Fingerprints, derive
from affidavit.evidence.ports import Bus, EvidenceStore
from affidavit.evidence.recorder import Recorder
from affidavit.evidence.registration import attestation_audience
from affidavit.evidence.writer import Provenance, Randomness, Writer
from affidavit.gateway.answers import Answers
from affidavit.gateway.budgets import Budgets
from affidavit.gateway.credentials import UpstreamCredential
from affidavit.gateway.data_path import DataPath
from affidavit.gateway.decisions import Decisions
from affidavit.gateway.definitions import Definitions
from affidavit.gateway.directory_changes import Changes
from affidavit.gateway.directory_reading import Read
from affidavit.gateway.directory_secrets import DirectorySecrets
from affidavit.gateway.doorman import Doorman
from affidavit.gateway.forward import HttpForwarder
from affidavit.gateway.in_force import InForce
from affidavit.gateway.introductions import Introductions
from affidavit.gateway.listing import Listing, own_permit
from affidavit.gateway.masks import Masks
from affidavit.gateway.open_calls import OpenCalls
from affidavit.gateway.people import People
from affidavit.gateway.ports import DefinitionLedger, Telemetry
from affidavit.gateway.proofs import Proofs
from affidavit.gateway.reading import Reading
from affidavit.gateway.rejections import Rejections
from affidavit.gateway.revocations import Revocations
from affidavit.gateway.scim import ScimEndpoint
from affidavit.gateway.server_requests import ServerRequests
from affidavit.gateway.trail import Trail
from affidavit.gateway.upstreams import Upstream
from affidavit.identity.attribution import Issuer
from affidavit.identity.authenticator import Authenticator
from affidavit.identity.directory import Directory
from affidavit.identity.jwks import IssuerKeys, KeySet
from affidavit.identity.principal import Credential, Principal
from affidavit.identity.revocation import RevocationList
from affidavit.identity.roster import RosterStore
from affidavit.identity.standing import Standing
from affidavit.masking.mask import Masker
from affidavit.masking.tokens import PURPOSE, Tokens
from affidavit.mcp.sessions import KEY_BYTES, SessionSeal
from affidavit.policy.configuration import Configuration, IssuerEntry, UpstreamEntry
from affidavit.policy.document import STANDARD
from affidavit.wiring.directories import (
    ReadSecret,
    everybody,
    keep_secrets,
    open_people,
    open_readings,
    open_scim,
    read_directory_secrets,
)

QUIET = 60.0  # seconds without a record until `writer:alive` (evidence-format section 5)
LEAVE = 0.5  # seconds that what runs beside calls has to say how it ended
LAST_WORDS = 2.0  # seconds that the bus has to take `writer:closed`
LIST_RETRY = 30.0  # seconds between looks at an upstream whose tools could not be listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the gateway needs of the outside, chosen by whoever puts it together.

    Attributes:
        credentials: What each upstream is shown, by its name.
        revocations: What is no longer let in.
        roster: What all instances know of the directories' people.
        directory_secrets: How each pushing directory's secret is read, by its name.
        readers: How each other directory is read.
        attest: Gives a token of the service account that this process runs as, for an audience.
        image, revision: What runs, for the registration.
    """

    bus: Callable[[str], Bus]
    evidence: EvidenceStore
    ledger: DefinitionLedger
    credentials: Mapping[str, UpstreamCredential]
    secret: bytes
    clock: Clock
    random: Randomness
    revocations: RevocationList
    roster: RosterStore | None = None
    directory_secrets: Mapping[str, ReadSecret] = field(default_factory=dict)
    readers: Mapping[str, Read] = field(default_factory=dict)
    attest: Callable[[str], str] | None = None
    image: str | None = None
    revision: str | None = None
    telemetry: Telemetry | None = None


@dataclass(slots=True)
class Gateway:
    """One running gateway: a writer, its data path, and what keeps both going."""

    recorder: Recorder
    path: DataPath
    trail: Trail
    clock: Clock
    introductions: Introductions
    rejections: Rejections
    upstreams: tuple[Upstream, ...]
    keys: tuple[IssuerKeys, ...]
    in_force: Callable[[Configuration], InForce]
    revocations: Revocations
    people: People | None = None
    scim: ScimEndpoint | None = None
    beside: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, *beside: Coroutine[None, None, None]) -> None:
        """Begin what runs beside calls: keys and credentials kept fresh, tools listed, signs of life, and `beside`."""
        renewals = [
            *(keys.keep_fresh() for keys in self.keys),
            *(upstream.credential.keep_fresh() for upstream in self.upstreams),
        ]
        work = [*beside, *(begin() for begin in self.beside), self._live(), *renewals, *map(self._list, self.upstreams)]
        self.tasks = [asyncio.ensure_future(one) for one in work]

    async def adopt(self, configuration: Configuration) -> None:
        """Put another configuration in force for the calls that follow.

        Raises:
            Unavailable, OutcomeUnknown: It is not known to be on record; the old one stays in force.
        """
        fresh, people = self.in_force(configuration), everybody(configuration, self.people)
        self.recorder.check()
        await _load_policy(self.recorder, configuration)  # durable before a call can name it
        self.path.decisions.current = fresh
        self.path.authenticator.directory = people

    async def close(self) -> bool:
        """Say the last words and stop; return whether they are durable. No call may be under way."""
        going = [*self.tasks, *self.path.definitions.listings()]
        for task in going:
            task.cancel()
        if going:  # what they still say of their own calls comes before the last words
            await asyncio.wait(going, timeout=LEAVE)
        self.rejections.flush()
        self.introductions.close_all("shutdown")
        self.recorder.add("writer:closed", {})
        durable = await self.recorder.close(timeout=LAST_WORDS)
        await asyncio.gather(*(upstream.forwarder.close() for upstream in self.upstreams))
        return durable

    async def _live(self) -> None:
        writer, quiet = self.recorder.writer, 0.0
        while True:
            await asyncio.sleep(QUIET - quiet)
            self.introductions.close_idle()
            quiet = (self.clock() - writer.last_time) / SECOND
            if quiet >= QUIET:
                self.recorder.add("writer:alive", {"in_flight": self.trail.in_flight})
                quiet = 0.0

    async def _list(self, upstream: Upstream) -> None:
        listed = await self.path.definitions.list_now(upstream)
        while not listed:
            await asyncio.sleep(LIST_RETRY)
            listed = await self.path.definitions.list_now(upstream)


async def open_gateway(configuration: Configuration, ports: Ports, *, loopback: bool, port: int) -> Gateway:
    """Register a writer, say what it starts with, and put the data path together.

    Raises:
        Misconfigured: A credential cannot be had, or nobody attests the key.
        Unavailable: The same, for now; or the evidence store takes no registration or no record.
    """
    # What cannot be had is found before anything is written.
    await asyncio.gather(*(credential.refresh() for credential in ports.credentials.values()))
    secrets = await read_directory_secrets(ports.directory_secrets)
    writer = _register(configuration, ports)
    recorder = Recorder(writer, ports.bus(writer.id))
    recorder.add("writer:opened", {"role": writer.role})
    await _load_policy(recorder, configuration)
    keys = _issuer_keys(configuration, recorder, ports.clock)
    await asyncio.gather(*(one.refresh() for one in keys))
    upstreams = tuple(_upstream(entry, ports.credentials[entry.name]) for entry in configuration.upstreams)
    gateway = _assemble(configuration, ports, recorder, upstreams, keys, secrets=secrets, loopback=loopback, port=port)
    await gateway.revocations.refresh()  # whoever is locked out is so from the first call on
    if gateway.people is not None:
        await gateway.people.look()  # a store that does not answer leaves nobody known, and is asked again
    return gateway


def _assemble(
    configuration: Configuration,
    ports: Ports,
    recorder: Recorder,
    upstreams: tuple[Upstream, ...],
    keys: tuple[IssuerKeys, ...],
    *,
    secrets: DirectorySecrets,
    loopback: bool,
    port: int,
) -> Gateway:
    fingerprints = Fingerprints(ports.secret)
    introductions = Introductions(recorder, ports.clock, STANDARD)
    seal = SessionSeal(derive(ports.secret, "session ids", KEY_BYTES))
    reading = Reading(seal=seal, sessions=fingerprints.sessions, clock=ports.clock, random=ports.random)
    in_force = partial(_in_force, ports)
    decisions = Decisions(in_force(configuration))
    masks = Masks(decisions)
    trail = Trail(recorder, fingerprints, introductions, ports.clock, ports.telemetry, masks=masks)
    own = _own_principal(configuration, recorder.writer)
    introductions.know(own)
    listing = Listing(reading, trail, masks, own, own_permit(configuration.digest))
    definitions = Definitions(recorder, ports.ledger, upstreams, listing.tools)
    rejections = Rejections(recorder, ports.clock)
    people = open_people(configuration, ports.roster, ports.clock)
    standing = Standing(ports.clock)
    proofs = Proofs(recorder, ports.clock, STANDARD)
    calls = OpenCalls(standing)
    revocations = Revocations(ports.revocations, standing, recorder, calls, ports.clock)
    path = DataPath(
        doorman=Doorman(
            {upstream.name: upstream for upstream in upstreams},
            audiences={upstream.name: configuration.audience(upstream.name) for upstream in upstreams},
            public_url=configuration.public_url,
            listens_on_loopback=loopback,
            port=port,
            trail=trail,
        ),
        authenticator=_authenticator(configuration, keys, ports.clock, everybody(configuration, people)),
        rejections=rejections,
        reading=reading,
        decisions=decisions,
        budgets=Budgets(ports.clock),
        definitions=definitions,
        trail=trail,
        masks=masks,
        proofs=proofs,
        standing=standing,
        calls=calls,
        answers=Answers(decisions, definitions, masks, seal),
        server_requests=ServerRequests(reading, trail, masks),
    )
    gateway = Gateway(
        recorder, path, trail, ports.clock, introductions, rejections, upstreams, keys, in_force, revocations
    )
    gateway.beside = (revocations.keep_current, proofs.keep_proving)
    if people is not None:
        people.standing = revocations
        people.heed = partial(setattr, path.authenticator, "directory")
        gateway.people = people
        changes = Changes(people, recorder)
        readings = open_readings(ports.readers, people, changes, clock=ports.clock, random=ports.random)
        gateway.scim = open_scim(
            configuration,
            people,
            secrets,
            doorman=path.doorman,
            changes=changes,
            rejections=rejections,
            clock=ports.clock,
            random=ports.random,
        )
        gateway.beside += (
            partial(keep_secrets, secrets, ports.directory_secrets),
            people.keep_current,
            *(one.keep_current for one in readings),
        )
    return gateway


def _in_force(ports: Ports, configuration: Configuration) -> InForce:
    masker = Masker(configuration.masking, Tokens(derive(ports.secret, PURPOSE)))
    return InForce(policy=configuration.policy(), masker=masker)


def _register(configuration: Configuration, ports: Ports) -> Writer:
    key = Ed25519PrivateKey.generate()
    audience = attestation_audience(key.public_key().public_bytes_raw())
    token = ports.attest(audience) if ports.attest is not None else None
    writer = Writer(
        origin=configuration.origin,
        role="gateway",
        config_sha256=configuration.digest,
        clock=ports.clock,
        random=ports.random,
        key=key,
        provenance=Provenance(attestation=token, image=ports.image, revision=ports.revision),
    )
    ports.evidence.create({writer.registration_name: writer.registration})
    return writer


async def _load_policy(recorder: Recorder, configuration: Configuration) -> None:
    body = recorder.body(configuration.text, STANDARD)
    policy = {**body.reference(), "media_type": "application/yaml"}
    await recorder.intend("policy:loaded", {"digest": configuration.digest, "policy": policy}, (body,))


def _issuer_keys(configuration: Configuration, recorder: Recorder, clock: Clock) -> tuple[IssuerKeys, ...]:
    issuers = {entry.name: entry.issuer for entry in configuration.issuers}

    async def adopt(name: str, fresh: KeySet) -> None:
        recorder.check()
        body = recorder.body(fresh.text.encode(), STANDARD)
        keys = {**body.reference(), "media_type": "application/jwk-set+json"}
        await recorder.intend("issuer:keys", {"iss": issuers[name], "issuer": name, "keys": keys}, (body,))

    return tuple(
        IssuerKeys(entry.name, fetch=_fetch(entry), adopt=adopt, clock=clock) for entry in configuration.issuers
    )


def _fetch(entry: IssuerEntry) -> Callable[[], Awaitable[bytes]]:
    if entry.jwks_file is not None:
        return from_file(entry.jwks_file)
    return from_discovery(entry.issuer) if entry.jwks_uri is None else from_uri(entry.jwks_uri)


def _authenticator(
    configuration: Configuration, keys: Iterable[IssuerKeys], clock: Clock, directory: Directory
) -> Authenticator:
    issuers = [
        Issuer(
            name=entry.name,
            issuer=entry.issuer,
            audiences=frozenset(entry.audiences),
            attribution=entry.attribution,
            domains=frozenset(entry.domains),
            max_age=entry.max_age,
            ci=entry.ci,
        )
        for entry in configuration.issuers
    ]
    return Authenticator(issuers, keys={one.name: one for one in keys}, directory=directory, clock=clock)


def _upstream(entry: UpstreamEntry, credential: UpstreamCredential) -> Upstream:
    forwarder = HttpForwarder(entry.url, timeout=entry.timeout / SECOND)
    return Upstream(name=entry.name, forwarder=forwarder, credential=credential, retention_class=entry.retention)


def _own_principal(configuration: Configuration, writer: Writer) -> Principal:
    """Return the gateway itself: what it bears is its registration, and it ends with the process."""
    credential = Credential(
        header={},
        claims={},
        token_sha256=hashlib.sha256(writer.registration).hexdigest(),
        expires=writer.opened + 100 * 365 * 24 * 60 * MINUTE,
    )
    return Principal(
        issuer=configuration.origin,
        subject=f"writer/{writer.id}",
        email=None,
        person=None,
        groups=(),
        attribution="none",
        credential=credential,
    )
