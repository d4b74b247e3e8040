"""What the name of a data field says of its value: patient_name is a name, whatever it looks like."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["kind_of_field", "shown_field"]

#: Words of a field's name, and the kind of what it holds. All words of an entry must be there; the first entry counts.
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("date", ("dob",)),
    ("date", ("date",)),
    ("date", ("birth",)),
    ("date", ("birthdate",)),
    ("date", ("birthday",)),
    ("date", ("geburtsdatum",)),
    ("email", ("email",)),
    ("email", ("mail",)),
    ("fax", ("fax",)),
    ("phone", ("phone",)),
    ("phone", ("telephone",)),
    ("phone", ("tel",)),
    ("phone", ("mobile",)),
    ("ssn", ("ssn",)),
    ("ssn", ("social", "security")),
    ("nhs_number", ("nhs",)),
    ("medical_record", ("mrn",)),
    ("medical_record", ("medical", "record")),
    ("medical_record", ("hospital", "number")),
    ("medical_record", ("chart", "number")),
    ("medical_record", ("accession",)),
    ("health_plan", ("insurance",)),
    ("health_plan", ("policy", "number")),
    ("health_plan", ("medicare",)),
    ("account", ("account",)),
    ("account", ("iban",)),
    ("license", ("passport",)),
    ("license", ("license",)),
    ("vehicle", ("vin",)),
    ("vehicle", ("plate",)),
    ("device", ("serial", "number")),
    ("ip_address", ("ip",)),
    ("address", ("address",)),
    ("address", ("street",)),
    ("address", ("city",)),
    ("address", ("zip",)),
    ("address", ("zipcode",)),
    ("address", ("postcode",)),
    ("address", ("postal",)),
    ("name", ("surname",)),
    ("name", ("username",)),
    ("name", ("firstname",)),
    ("name", ("lastname",)),
    ("name", ("fullname",)),
    *(("name", (who, "name")) for who in "patient first last full given family middle maiden sur".split()),
    *(("name", (who, "name")) for who in "doctor physician clinician referrer annotator user nurse person".split()),
    ("name", ("physician",)),
    ("name", ("doctor",)),
    ("patient_id", ("patient",)),
    ("patient_id", ("patientid",)),
    ("patient_id", ("subject",)),
    ("patient_id", ("pid",)),
)
#: Words that make of any of these but a date something else: patient_sex is no patient.
_OTHERWISE = frozenset("sex gender count type group site image images photo file url visit visits status".split())
#: What may be shown of a field's name: other characters could be those of a value.
_SHOWN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@lru_cache(maxsize=4096)
def kind_of_field(name: str) -> str | None:
    """Return the kind of what a field of this name holds; None where the name does not say it.

    Examples
    --------
    >>> from lesiongeo.privacy.fields import kind_of_field
    >>> [kind_of_field(name) for name in ("patientName", "visit_dates", "image", "patient_sex")]
    ['name', 'date', None, None]
    """
    words = _words(name)
    if "age" in words:
        return "age_over_89"
    found = next((kind for kind, wanted in _FIELDS if words.issuperset(wanted)), None)
    return None if found != "date" and words & _OTHERWISE else found


def _words(name: str) -> frozenset[str]:
    """Words of a field's name in small letters, those in the plural also in the singular."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = re.findall(r"[a-z]+", parted.lower())
    return frozenset([*words, *(word.removesuffix("s") for word in words if len(word) > 3)])


def shown_field(name: str) -> str:
    """Return a field's name for a path: as it is where it looks like one, else only that it is there."""
    return name if _SHOWN.fullmatch(name) else "?"
