"""What identifies people in a text, by pattern: dates, addresses, numbers with check digits, names behind titles."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

__all__ = ["Hit", "hits", "masked", "nhs"]


class Hit(NamedTuple):
    """A place of a text: kind, and from where to where."""

    kind: str
    start: int
    end: int


MONTHS = (
    "jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|dec(?:ember)?|dez(?:ember)?"
)
#: A year, month and day, in the order of the groups. Digits around it would make it another number.
_DATES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\d.])((?:19|20)\d\d)([-/._])(\d\d?)\2(\d\d?)(?![\d])"), "y-md"),
    (re.compile(r"(?<![\d.])(\d\d?)([-/._])(\d\d?)\2((?:19|20)\d\d)(?!\d)"), "any"),
    (re.compile(r"(?<![\d.])(\d\d?)([/.])(\d\d?)\2(\d\d)(?![\d./])"), "short"),
    (
        re.compile(
            rf"(?<!\w)(?:\d\d?(?:st|nd|rd|th|\.)?[\s-]*(?:of\s+)?)?(?:{MONTHS})\.?[\s,-]*(?:\d\d?(?:st|nd|rd|th)?,?\s+)?"
            r"(?:(?:19|20)\d\d|['\u2019]\d\d)(?!\d)",
            re.I,
        ),
        "words",
    ),
    (
        re.compile(
            rf"(?<!\w)(?:\d\d?(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?:{MONTHS})|(?:{MONTHS})\s+\d\d?(?:st|nd|rd|th)?)"
            r"(?![\w.]|\s*(?:mm|cm|%))",
            re.I,
        ),
        "words",
    ),
    (
        re.compile(
            r"(?<![\d./-])(?:(?:(?:0?[1-9]|1[0-2])/|(?:0[1-9]|1[0-2])\.)(?:19|20)\d\d|(?:19|20)\d\d-(?:0[1-9]|1[0-2]))(?![\d/.-])"
        ),
        "words",
    ),
    (re.compile(r"(?<![0-9A-Za-z])((?:19|20)\d\d)(\d\d)(\d\d)(?:T?\d{4,6})?(?![0-9A-Za-z])"), "compact"),
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![\w-])")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\d-])")
_TEN = re.compile(r"(?<![\d-])\d{3}([ -])\d{3}\1\d{4}(?![\d-])")
#: Written internationally; or as in North America; or behind a word that says what it is.
_PHONES = (
    re.compile(r"(?<![\w+])(?:\+[1-9]\d{0,2}|00[1-9]\d{0,2}(?=[ ./(-]))(?:[ ./-]?\(?\d{1,4}\)?){2,6}(?!\w)"),
    re.compile(r"(?<![\w.-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])"),
)
_CALL = r"(?P<fax>fax)|tel(?:efon|ephone)?|phone|mobile|mobil|cell ?phone|call|handy"
_CALLED = re.compile(rf"(?<![A-Za-z])(?:{_CALL})\b[^\d\n+]{{0,12}}(?P<number>\+?\(?\d[\d ()./-]{{4,18}}\d)", re.I)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>\\]+")
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]|\w)")
_AGE = re.compile(
    r"(?<![\d.])(?P<age>(?:9\d|1[0-2]\d))(?:[\s-]*(?:years?|yrs?|y)[\s/-]*(?:old|o)\b|[\s-]*jahre?\s+alt)"
    r"|(?<!\w)(?:age|aged|alter)[:=]?\s*(?P<said>9\d|1[0-2]\d)(?![\d.])",
    re.I,
)
#: Words before an identifier, and its kind; what follows holds a digit.
_CUES = (
    (
        "medical_record",
        r"MRN|medical record|accession|(?:patient|hospital|hosp\.?|chart|case) ?(?:id|identifier|no|nr|number)",
    ),
    ("ssn", r"SSN|social security(?: number| no)?"),
    ("nhs_number", r"NHS(?: number| no)?"),
    (
        "health_plan",
        r"insurance(?: number| no| id)?|policy (?:no|number)|medicare|medicaid|member id|versichertennummer",
    ),
    ("account", r"account (?:no|number)|acct|IBAN|credit card|card number|kontonummer"),
    ("license", r"licen[cs]e(?: no| number)?|passport(?: no| number)?|driver'?s? licen[cs]e"),
    ("device", r"serial (?:no|number)|s/n|device id|IMEI"),
)
_CUED = tuple(
    (
        kind,
        re.compile(
            rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])\.?[\s:#=-]{{0,4}}(?:is\s+)?(?P<id>[A-Za-z]{{0,4}}[-/]?"
            # Groups of digits may stand apart, but a date behind a number does not belong to it.
            r"\d(?:[\dA-Za-z/-]|(?<=\d) (?=\d{2,4}(?![\d/.-]))){2,26}(?<=\d))",
            re.I,
        ),
    )
    for kind, words in _CUES
)
#: Seventeen characters (ISO 3779), as VIN 2-3 is a finding of pathology; or what stands on a plate.
_VEHICLE = re.compile(
    r"(?<!\w)(?:VIN[\s:#]{1,3}(?P<vin>[A-HJ-NPR-Z0-9]{17})"
    r"|(?i:number plate|licen[cs]e plate|kennzeichen)[\s:#]{1,3}(?P<id>[A-Z0-9]{1,4}(?:[- ]?[A-Z0-9]{1,4}){1,2}))(?!\w)"
)
#: A capital and small letters: O'Brien, Müller-Lüdenscheidt, McDonald.
_WORD = r"(?:[A-Z]['\u2019]|Mc|Mac)?[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+(?:['\u2019-][A-ZÀ-ÖØ-Þ]?[a-zà-öø-ÿ]+)*"
_INITIALS = r"(?:[A-Z]\.\s*){0,2}"
_PERSON = rf"{_INITIALS}{_WORD}(?:\s+(?:[A-Z]\.|v[ao]n|de[rn]?|{_WORD})){{0,3}}"
_TITLES = "Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor|Nurse|Sister|Herr|Frau"
_NAMES = (
    re.compile(rf"(?<!\w)(?:(?:{_TITLES})\b\.?\s+)+(?P<id>(?!(?:{_TITLES})\b){_PERSON})"),
    re.compile(
        rf"(?<!\w)(?i:(?:patient|pt|full|first|last|family|sur|maiden)?[\s_-]?name)\s*(?:[:=]|\bis\b)\s*"
        rf"(?P<id>{_PERSON})"
    ),
    re.compile(rf"(?<!\w)(?i:patient|pt|pat)\.?\s*:?\s+(?P<id>{_WORD}(?:\s+[A-Z]\.)?\s+{_WORD})"),
    re.compile(
        rf"(?<!\w)(?i:signed|(?:seen|reviewed|rev\.|read|checked) by|discussed with|spoke (?:to|with)|mother|father|"
        rf"daughter|son|husband|wife)[:,]?\s+(?!(?:{_TITLES})\b)(?P<id>(?:[A-Z]\.\s*){{1,2}}{_WORD}|{_WORD}\s+{_WORD})"
    ),
    re.compile(r"(?<!\w)(?P<id>[A-Za-zÀ-ÿ'-]{2,}\^[A-Za-zÀ-ÿ'-]{2,}(?:\^[A-Za-zÀ-ÿ'.-]*)*)"),
)
#: Capitals after "patient" that begin no name.
_NO_NAMES = frozenset(
    "The This That Has Had Was Is Not No Left Right Upper Lower Please See New Lesion Area Melanoma Nevus Naevus Skin "
    "Arm Leg Back Face Reports Plastic Surgery Dermatology Oncology Pathology Clinic Department Ward Team "
    "Presents Denies Complains Follow Up With And Or For In On Of".split()
)
_STREET = re.compile(
    r"(?<![\d.])\d{1,5}[a-z]?\s+(?:[A-Z][A-Za-z'.-]+\s+){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Court|Square|Terrace|Crescent)\b"
    r"|(?<!\w)[A-ZÄÖÜ][a-zäöüß-]+(?:straße|strasse|str\.|weg|allee|gasse|platz)\s+\d{1,4}[a-z]?(?!\w)"
)
_POSTCODE = re.compile(
    r"(?<!\w)(?:A[LKZR]|C[AOT]|DE|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[TA]|"
    r"W[AVIY])\s+\d{5}(?:-\d{4})?(?!\w)"
    r"|(?<!\w)[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}(?!\w)"
)
_RUN = re.compile(r"(?<![\d.])(?<!\d,)\d{7,}(?!\d|\.\d)")
#: Unique identifiers of DICOM: PS3.5 section 9.
_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d{1,39}){5,}(?![\d.]*\d)")
_SIGNED = re.compile(
    r"[?&;](?:X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential)|GoogleAccessId|"
    r"AWSAccessKeyId|Signature|sig|sv|se|skoid|token|access_token|auth|apikey|api_key|key|password|secret|"
    r"Key-Pair-Id|Policy)=[^&\s#]+",
    re.I,
)
#: Parameters of shared access signatures that sign nothing alone.
_ALONE = re.compile(r"[?&;](?:sv|se|skoid|key|auth)=", re.I)
_USER = re.compile(r"://[^/\s?#@]+@")
_QUERY = re.compile(r"[?&;](?:patient|patientid|patient_id|pid|mrn|name|dob|ssn|email|birth\w*)=[^&\s#]+", re.I)

#: Made by a machine, whatever its digits look like: UUIDs (RFC 9562) and hashes in hexadecimal digits.
_MACHINE = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|(?=[0-9]*[a-f][0-9]*[a-f])[0-9a-f]{10,})(?![0-9A-Za-z])"
)

#: A text without any of these has no hit: most texts are labels.
_WORTH = re.compile(
    r"[@^?]|://|\d{2}|\b(?:" + _TITLES + r")\b|"
    r"(?i:name|patient|\bpt\b|\bpat\b|signed|(?:seen|reviewed|rev\.|read|checked) by)|"
    r"(?i:discussed|spoke|mother|father|daughter|husband|wife)|"
    r"\b(?i:son)\b"
    r"|\d\.\d+\.\d|[A-Z]\d[A-Z\d]?\s\d[A-Z]{2}|stra(?:ß|ss)e|(?i:" + MONTHS + r")\.? \d|\d (?i:" + MONTHS + ")"
)


def hits(text: str, *, address: bool = False, people: tuple[str, ...] = ()) -> list[Hit]:
    """Find what identifies people in a text.

    Parameters
    ----------
    text : str
        What somebody typed, a value of a data field, or the address of an image.
    address : bool, default False
        Whether it is the address or name of a file: no sentences, but signatures.
    people : tuple of str, default ()
        Names that are known from elsewhere, which are looked for too.

    Returns
    -------
    list of Hit
        By place; what lies within another one is left out.

    Examples
    --------
    >>> from lesiongeo.privacy.patterns import hits
    >>> [hit.kind for hit in hits("Dr. Jane Doe, 2025-01-10, call 555 010 9999")]
    ['name', 'date', 'phone']
    """
    found = list(_known(text, people)) if people else []
    if _WORTH.search(text):
        found += _in_address(text) if address else _in_text(text)
    if found:
        made = [one.span() for one in _MACHINE.finditer(text)]
        found = [hit for hit in found if not any(start <= hit.start and hit.end <= end for start, end in made)]
    found.sort(key=lambda hit: (hit.start, -hit.end))
    kept: list[Hit] = []
    for hit in found:
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept


def _known(text: str, people: tuple[str, ...]) -> Iterator[Hit]:
    lower = text.lower()
    for name in people:
        at = lower.find(name)
        while at >= 0:
            before, after = lower[at - 1 : at], lower[at + len(name) : at + len(name) + 1]
            if not before.isalpha() and not after.isalpha():
                yield Hit("name", at, at + len(name))
            at = lower.find(name, at + 1)


def _in_text(text: str) -> Iterator[Hit]:
    digits = any(map(str.isdigit, text)) if len(text) < 256 else True
    if "://" in text:
        for found in _URL.finditer(text):
            own = list(_in_address(found[0]))
            yield from (Hit(hit.kind, found.start() + hit.start, found.start() + hit.end) for hit in own)
            if not own:
                yield Hit("url", *found.span())
    if "@" in text:
        yield from (Hit("email", *found.span()) for found in _EMAIL.finditer(text))
    for pattern in _NAMES:
        for found in pattern.finditer(text):
            if found["id"].split()[0] not in _NO_NAMES and found["id"].split()[-1] not in _NO_NAMES:
                yield Hit("name", *found.span("id"))
    yield from _street(text)
    if not digits:
        return
    yield from _dates(text)
    yield from _numbers(text)
    for kind, pattern in _CUED:
        yield from (Hit(kind, *found.span("id")) for found in pattern.finditer(text))
    yield from (Hit("vehicle", *found.span(found.lastgroup or 0)) for found in _VEHICLE.finditer(text))
    yield from (Hit("age_over_89", *found.span()) for found in _AGE.finditer(text))
    for found in _IP.finditer(text):
        try:
            if ipaddress.ip_address(found[0]).is_global:
                yield Hit("ip_address", *found.span())
        except ValueError:
            pass
    yield from (Hit("number_run", *found.span()) for found in _RUN.finditer(text))
    yield from (Hit("dicom_uid", *found.span()) for found in _UID.finditer(text))


def _in_address(text: str) -> Iterator[Hit]:
    """What is in the address or the name of a file."""
    path = len(text)
    if (user := _USER.search(text)) is not None:
        yield Hit("url_password", user.start() + 3, user.end())
    query = re.search(r"[?#]", text)
    if query is not None:
        path = query.start()
        rest = text[path:]
        signed = [found for found in _SIGNED.finditer(rest) if not _ALONE.match(found[0]) or "sig=" in rest.lower()]
        yield from (Hit("url_signature", path + one.start() + 1, path + one.end()) for one in signed)
        yield from (Hit("url_query", path + one.start() + 1, path + one.end()) for one in _QUERY.finditer(rest))
    start = text.find("://")
    start = 0 if start < 0 else max(text.find("/", start + 3), 0)
    name = text[start:path]
    # Words of file names are parted by underscores, which patterns take for letters.
    name = name.replace("_", " ").replace("%20", "   ").replace("/", " ").replace("+", " ")
    own: list[Hit] = list(_dates(name))
    own += [Hit("email", *found.span()) for found in _EMAIL.finditer(text[start:path])]
    own += [Hit("ssn", *found.span()) for found in _SSN.finditer(name)]
    own += [Hit("name", *found.span("id")) for found in _NAMES[-1].finditer(name)]
    own += [Hit("medical_record", *found.span("id")) for found in _CUED[0][1].finditer(name)]
    own += [Hit("dicom_uid", *found.span()) for found in _UID.finditer(name)]
    own += [Hit("image_number", *found.span()) for found in _RUN.finditer(name)]
    yield from (Hit(hit.kind, start + hit.start, start + hit.end) for hit in own)


def _dates(text: str) -> Iterator[Hit]:
    for pattern, order in _DATES:
        for found in pattern.finditer(text):
            if order == "words" or _is_date(found.groups(), order):
                yield Hit("date", *found.span())


def _is_date(parts: tuple[str | None, ...], order: str) -> bool:
    numbers = [int(part) for part in parts if part is not None and part.isdigit()]
    if len(numbers) != 3:
        return False
    first, second, third = numbers
    if order in ("y-md", "compact"):
        return _day(first, second, third)
    year = third if order == "any" else 2000 + third
    return _day(year, second, first) or _day(year, first, second)


def _day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return 1900 <= year <= 2099


def _street(text: str) -> Iterator[Hit]:
    for pattern in (_STREET, _POSTCODE):
        yield from (Hit("address", *found.span()) for found in pattern.finditer(text))


def _numbers(text: str) -> Iterator[Hit]:
    yield from (Hit("ssn", *found.span()) for found in _SSN.finditer(text))
    called = list(_CALLED.finditer(text))
    for found in _TEN.finditer(text):
        # Of telephone numbers every eleventh has the right check digit.
        if nhs(found[0]) and not any(one.start() <= found.start() < one.end() for one in called):
            yield Hit("nhs_number", *found.span())
    for pattern in _PHONES:
        for found in pattern.finditer(text):
            if 7 <= sum(map(str.isdigit, found[0])) <= 15 and not any(_dates(found[0])):
                yield Hit("phone", *found.span())
    for found in called:
        if 6 <= sum(map(str.isdigit, found["number"])) <= 15 and not any(_dates(found["number"])):
            yield Hit("fax" if found["fax"] else "phone", *found.span("number"))


def nhs(text: str) -> bool:
    """Whether ten digits are an NHS number: the last is the check digit, modulo 11, of the nine before.

    Source: NHS Data Dictionary, attribute NHS NUMBER.

    Examples
    --------
    >>> from lesiongeo.privacy.patterns import nhs
    >>> nhs("943 476 5919"), nhs("943 476 5918")
    (True, False)
    """
    digits = [int(character) for character in text if character.isdigit()]
    if len(digits) != 10:
        return False
    check = 11 - sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=False)) % 11
    return check != 10 and check % 11 == digits[9]


def masked(text: str, hit: Hit) -> str:
    """Return the shape of what was found, never the value: Xxx for a word, # for a digit.

    Examples
    --------
    >>> from lesiongeo.privacy.patterns import hits, masked
    >>> text = "seen by Dr. Jane Doe on 2025-01-10"
    >>> [masked(text, hit) for hit in hits(text)]
    ['Xxx Xxx', '####-##-##']
    """
    shape = re.sub(r"[^\W\d_]+", _word, text[hit.start : hit.end])
    shape = re.sub(r"\d", "#", shape)
    shape = "".join(one if one.isprintable() else " " for one in shape)
    return shape if len(shape) <= 48 else f"{shape[:45]}..."


def _word(found: re.Match[str]) -> str:
    return "Xxx" if found[0][0].isupper() else "xxx"
