"""Everything between a client and an upstream: issuers, a configuration, a data folder, and the gateway over them.

`HOUSE` has a rule for every kind of journey. Nothing in it depends on the port that the gateway listens on.
"""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.evidence_folder import EvidenceFolder
from fakes.gateway_process import GatewayProcess
from fakes.issuer import Issuer
from fakes.mcp_client import McpClient
from fakes.ports import free_port
from fakes.scripted_upstream import ScriptedUpstream

AUDIENCE = "https://gateway.example.com"
ROBOT = "deploy@proj.iam.gserviceaccount.com"
CREDENTIAL = "for-the-warehouse-only"
TOOLS = ("echo", "held", "scripted", "drop_table", "secret_report", "sometimes")

HOUSE = """\
version: 1
origin: gateway.example.com/audit
public_url: https://gateway.example.com

issuers:
  - name: staff
    issuer: https://staff.test
    audiences: [https://gateway.example.com]
    jwks_file: ./staff.json
    attribution: person
  - name: machines
    issuer: https://machines.test
    audiences: [https://gateway.example.com]
    jwks_file: ./machines.json
    attribution: sponsored

people:
  - email: ana@example.com
    groups: [dba]

sponsors:
  - match: claims.email == "deploy@proj.iam.gserviceaccount.com"
    person: ana@example.com

upstreams:
  - name: warehouse
    kind: mcp
    url: {upstream}
    credential:
      header: {name: Authorization, prefix: "Bearer ", file: ./warehouse-token}
  - name: hasty
    kind: mcp
    url: {upstream}
    timeout: 1s
  - name: asking
    kind: mcp
    url: {upstream}
  - name: nowhere
    kind: mcp
    url: http://127.0.0.1:{closed}/mcp

rules:
  - name: nobody-drops-tables
    when: target == "drop_table"
    then: deny
    reason: Schema changes go through migrations.
  - name: reports-stay-in
    when: target == "secret_report"
    then: deny
  - name: only-small-numbers
    when: target == "sometimes" && arguments.number > 10
    then: deny
    reason: Numbers up to ten, please.
  - name: asking-may-ask
    when: upstream == "asking" && method in ["sampling/createMessage", "elicitation/create", "roots/list"]
    then: allow
  - name: tools-are-for-people
    when: target in ["echo", "held", "scripted", "sometimes", "unlisted"] && principal.attribution != "none"
    then: allow
"""


@dataclass(slots=True)
class House:
    """Everything between a client and an upstream."""

    folder: Path
    upstream: ScriptedUpstream
    staff: Issuer = field(default_factory=lambda: Issuer("https://staff.test"))
    machines: Issuer = field(default_factory=lambda: Issuer("https://machines.test"))
    running: GatewayProcess | None = None

    @property
    def gateway(self) -> GatewayProcess:
        assert self.running is not None, "the gateway runs while a module's tests do"
        return self.running

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def evidence(self) -> EvidenceFolder:
        return EvidenceFolder(self.data)

    @property
    def configuration(self) -> Path:
        return self.folder / "affidavit.yaml"

    def token(self, person: str = "ana", **claims: Any) -> str:
        """Return a person's token."""
        usual = {
            "sub": person,
            "email": f"{person}@example.com",
            "email_verified": True,
            "aud": AUDIENCE,
            "jti": person,
        }
        return self.staff.token(**{**usual, **claims})

    def robot_token(self, email: str, **claims: Any) -> str:
        """Return a service account's token."""
        usual = {"sub": email, "email": email, "email_verified": True, "aud": AUDIENCE, "jti": email}
        return self.machines.token(**{**usual, **claims})

    def client(self, person: str = "ana", *, upstream: str = "warehouse", **claims: Any) -> McpClient:
        """Return a person's client, at an address of its own."""
        return McpClient(self.gateway.authority, self.token(person, **claims), upstream, _address())

    def stranger(self, token: str | None = None, *, upstream: str = "warehouse") -> McpClient:
        """Return a client without a credential, or with a dubious one."""
        return McpClient(self.gateway.authority, token, upstream, _address())

    def prepare(self, configuration: str = HOUSE) -> None:
        """Write the configuration and what it names."""
        self.staff.write_jwks(self.folder / "staff.json")
        self.machines.write_jwks(self.folder / "machines.json")
        (self.folder / "warehouse-token").write_text(CREDENTIAL)
        text = configuration.replace("{upstream}", self.upstream.url).replace("{closed}", str(free_port()))
        self.configuration.write_text(text)

    def await_listings(self, *upstreams: str) -> None:
        """Wait until the gateway has had its own look at the tools; what comes to the upstream then is the test's."""
        for upstream in upstreams:
            for tool in self.upstream.tools:
                self.evidence.wait_for("tool:defined", upstream=upstream, target=tool["name"])
        self.evidence.wait_until(lambda: all(self.evidence.ends().values()))
        self.upstream.forget()


_addresses = itertools.count(2)


def _address() -> str:
    """Return a loopback address that nobody had: what strangers do is counted by address."""
    number = next(_addresses)
    return f"127.0.{number // 250}.{number % 250 + 1}"
