"""Built-in detectors: what credentials, payment data and personal data look like.

A detector's first group is what is masked, all of the match where it has none. None uses `^` or `$` without an
alternative, so that a text can be searched where it stands, inside the print of a message.

Source: the vendors' own descriptions of their keys; ISO/IEC 7812-1 (card numbers); the check rules of each national id
stand in `national_ids.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affidavit.masking import national_ids, plausible
from affidavit.masking.checks import Checker, iban
from affidavit.masking.rule import SetName

_B = r"(?:^|[^0-9A-Za-z.-])"  # before and after a number that is not a part of something longer
_E = r"(?:$|[^0-9A-Za-z.-]|[.-](?:$|[^0-9A-Za-z]))"
_IS = r"""["']?\s{0,3}(?:=>|:=|=|:)\s{0,3}["']?"""  # between a name and what it is set to


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One thing that is recognised by its form.

    Attributes:
        since: The version that first knew it: recordings of older ones were not searched for it.
        check: What a match must satisfy as well.
    """

    name: str
    pattern: str
    check: Checker | None = None
    since: str = "0.2.0"


_CREDENTIALS = (
    Detector(
        name="private-key",
        pattern=r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY[A-Z ]{0,8}-----"
        r"(?:[A-Za-z0-9+/=\s\\:,()_.]|-[A-Za-z0-9 ])*(?:-----END [A-Z0-9 ]{0,40}-----)?",
    ),
    Detector(name="putty-private-key", pattern=r"Private-Lines: [0-9]+((?:\s|\\[rn])+[A-Za-z0-9+/=\s\\]+)"),
    Detector(name="age-secret-key", pattern=r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Detector(name="aws-access-key-id", pattern=r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    Detector(
        name="aws-secret-access-key",
        pattern=rf"(?i)secret_?(?:access_?)?key{_IS}([a-z0-9/+]{{40}})(?:$|[^a-z0-9/+=])",
    ),
    Detector(
        name="aws-key-pair",
        pattern=r"\b(?:AKIA|ASIA)[A-Z0-9]{16}(?:\s|[^A-Za-z0-9/+])(?:[\s\S]{0,60}?[^A-Za-z0-9/+])??"
        r"([A-Za-z0-9/+]{40})(?:$|[^A-Za-z0-9/+=])",
        check=plausible.mixed,
    ),
    Detector(name="google-api-key", pattern=r"\bAIza[0-9A-Za-z_-]{35}"),
    Detector(name="google-oauth", pattern=r"\b(?:GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[0-9A-Za-z_.-]{20,}|1//0[A-Za-z0-9_-]{30,})"),
    Detector(name="google-service-account-key-id", pattern=rf"private_key_id{_IS}([0-9a-f]{{40}})\b"),
    Detector(name="azure-storage-key", pattern=r"(?i)(?:Account|SharedAccess)Key=([A-Z0-9+/]{42,86}={0,2})"),
    Detector(name="azure-storage-key-alone", pattern=r"""(?:^|[\s"'=:,;])([A-Za-z0-9+/]{86}==)(?:$|[\s"',;])"""),
    Detector(name="azure-shared-access-signature", pattern=r"[?&;]sig=([A-Za-z0-9%+/=]{40,})"),
    Detector(name="azure-client-secret", pattern=r"""(?:^|[\s"'=:,;])([A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})"""),
    Detector(name="github-token", pattern=r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    Detector(
        name="gitlab-token",
        pattern=r"\b(?:glpat|gldt|glrt|glsoat|glcbt|glptt|glft|glimt|glagent|gloas|glffct)-[A-Za-z0-9_=-]{20,}(?:\.[A-Za-z0-9_]{2,})*"
        r"|\bGR1348941[A-Za-z0-9_-]{20}",
    ),
    Detector(name="slack-token", pattern=r"\b(?:xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})"),
    Detector(name="slack-webhook", pattern=r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{20,})"),
    Detector(name="stripe-key", pattern=r"\b(?:[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})"),
    Detector(name="npm-token", pattern=r"\bnpm_[A-Za-z0-9]{36}"),
    Detector(name="npm-auth", pattern=r"""_authToken\s?=\s?([^\s"']{8,})"""),
    Detector(name="pypi-token", pattern=r"\bpypi-[A-Za-z0-9_-]{50,}"),
    Detector(name="sendgrid-key", pattern=r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    Detector(name="twilio-key", pattern=r"\bSK[0-9a-f]{32}\b"),
    Detector(
        name="model-key",
        pattern=r"\bsk-(?:(?:ant|proj|svcacct|admin|or|None)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})",
    ),
    Detector(name="jwt", pattern=r"\beyJ[A-Za-z0-9_-]{8,}(?:\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*|(?:\.[A-Za-z0-9_-]*){4})"),
    Detector(
        name="vendor-token",
        pattern=r"\b(?:hf_[A-Za-z]{34}|do[opr]_v1_[0-9a-f]{64}|hv[sbr]\.[A-Za-z0-9_-]{20,}"
        r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|dapi[0-9a-f]{32}|ATATT3[A-Za-z0-9_=-]{60,}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"
        r"|dp\.(?:pt|st|sa|ct)\.[A-Za-z0-9._-]{40,}|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|lin_api_[A-Za-z0-9]{40}|NRAK-[A-Z0-9]{27}"
        r"|sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}"
        r"|sntry[su]_[A-Za-z0-9+/=_-]{40,}|rubygems_[0-9a-f]{48}|sbp_[0-9a-f]{40}|[0-9a-f]{32}-us[0-9]{1,2}\b"
        r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}|key-[0-9a-f]{32}\b)",
    ),
    Detector(
        name="url-password",
        pattern=r"""\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>?#]*:([^\s"'<>/?#]+)@""",
        check=plausible.given,
    ),
    Detector(
        name="bearer-token",
        pattern=r"(?i)\b(?:bearer|token)[\s:=]{1,3}([a-z0-9._~+/-]{16,}={0,2})",
        check=plausible.random,
    ),
    Detector(name="basic-credentials", pattern=r"(?i)\bbasic\s+([a-z0-9+/]{8,}={0,2})", check=plausible.user_and_password),
    Detector(name="command-line-password", pattern=r"""(?:^|[\s"'])(?:-u|--user)[ =]["']?[^\s:"']+:([^\s"']+)""", check=plausible.given),
    Detector(
        name="password",
        pattern=r"(?i)(?:password|passwd|passphrase|passwort|pwd)(?:"
        r"""["']?\s{0,3}(?:=>|:=|=|:)\s{0,3}["']([^"'\r\n]{4,})|\s{0,3}(?:=>|:=|=)\s{0,3}([^\s"'&;,]{4,}))""",
        check=plausible.given,
    ),
    Detector(
        name="password-in-words",
        pattern=r"""(?i)(?:password|passwd|passphrase|passwort|pwd)(?:\s{0,2}:\s{0,3}|\sis\s)([^\s"'&;,]{6,})""",
        check=plausible.has_digit_and_letter,
    ),
    Detector(
        name="secret",
        pattern=r"(?i)(?:secret|api[_-]?key|access[_-]?key|auth[_-]?key|account[_-]?key|(?:auth|access|refresh|api|bearer)[_-]?token"
        rf"|client[_-]?secret|private[_-]?key|\btoken|credential)s?{_IS}" + r"""([^\s"'<>,;&]{8,})""",
        check=plausible.random,
    ),
)  # fmt: skip

_PAYMENT = (
    Detector(
        name="card-number",
        pattern=rf"{_B}([0-9]{{13,19}}|[0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{1,7}}|[0-9]{{4}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}){_E}",
        check=plausible.card,
    ),
    Detector(
        name="card-verification",
        pattern=r"""(?i)\b(?:cvv2?|cvc2?|csc|security code)["']?\s{0,3}[:=#]?\s{0,3}["']?([0-9]{3,4})\b""",
    ),
)

_PERSONAL = (
    Detector(
        name="email",
        pattern=r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,24}\b",
        check=plausible.email,
    ),
    Detector(
        name="phone-international",
        pattern=r"(?:^|[^0-9A-Za-z+.])((?:\+|00 )[1-9][0-9]{0,2}(?:[ ./-]{0,2}\(?[0-9]{1,12}\)?){1,6})\b",
        check=plausible.phone,
    ),
    Detector(
        name="phone-national",
        pattern=rf"{_B}(\(?[2-9][0-9]{{2}}\)?[ .-][2-9][0-9]{{2}}[ .-][0-9]{{4}}|\(?0[1-9][0-9]{{1,3}}\)?[ /][0-9]{{3,4}} ?[0-9]{{3,5}}){_E}",
    ),
    Detector(name="iban", pattern=r"\b[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,34}", check=iban),
    Detector(name="us-ssn", pattern=rf"{_B}([0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}){_E}", check=national_ids.us_ssn),
    Detector(name="german-tax-id", pattern=rf"{_B}([1-9][0-9]{{10}}|[1-9][0-9] [0-9]{{3}} [0-9]{{3}} [0-9]{{3}}){_E}", check=national_ids.german_tax_id),
    Detector(
        name="french-nir",
        pattern=rf"{_B}([12] ?[0-9]{{2}} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{{2}}|2[AB]) ?[0-9]{{3}} ?[0-9]{{3}} ?[0-9]{{2}}){_E}",
        check=national_ids.french_nir,
    ),
    Detector(name="spanish-dni", pattern=r"\b(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z]\b", check=national_ids.spanish_dni),
    Detector(
        name="uk-nino",
        pattern=r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b",
        check=national_ids.uk_nino,
    ),
    Detector(
        name="italian-fiscal-code",
        pattern=r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b",
        check=national_ids.italian_fiscal_code,
    ),
    Detector(
        name="dutch-bsn",
        pattern=r"(?i)\b(?:bsn|burgerservicenummer|sofinummer)[^0-9a-z]{1,10}([0-9]{8,9})\b",
        check=national_ids.dutch_bsn,
    ),
)  # fmt: skip

SETS: Mapping[SetName, tuple[Detector, ...]] = {
    "credentials": _CREDENTIALS,
    "payment": _PAYMENT,
    "personal": _PERSONAL,
}

# Names of members whose text or number is masked whatever it looks like; in small letters, without `-`, `_` and spaces.
# What has members of its own under such a name is more likely a description of the field than a value.
FIELDS: Mapping[SetName, frozenset[str]] = {
    "credentials": frozenset(
        "password passwd passphrase pwd userpassword dbpassword secretkey secretaccesskey awssecretaccesskey clientsecret "
        "apikey xapikey apisecret accesstoken refreshtoken authtoken idtoken bearertoken privatekey privatekeyid "
        "connectionstring authorization proxyauthorization accountkey sharedaccesskey signingsecret webhooksecret".split()
    ),
    "payment": frozenset("cardnumber creditcardnumber ccnumber cvv cvc cvv2 cvc2 cardverificationvalue cardcvc cardcvv".split()),
    "personal": frozenset(
        "ssn socialsecuritynumber phonenumber mobilenumber emailaddress iban nationalid nationalinsurancenumber taxid "
        "steuerid passportnumber driverslicensenumber codicefiscale bsn".split()
    ),
}  # fmt: skip


def loose_name(name: str) -> str:
    """Return a member's name as `FIELDS` spells it."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def known_since(detectors: Iterable[Detector], version: tuple[int, ...] | None) -> tuple[Detector, ...]:
    """Return the detectors that a version knew; None for all."""
    return tuple(one for one in detectors if version is None or read_version(one.since) <= version)


def read_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as `0.2.0`; what follows them does not count."""
    numbers: list[int] = []
    for part in text.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits[:9]))
    return tuple(numbers)
