"""Kinds of what identifies people: how bad each is, which identifier of HIPAA's Safe Harbor it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding.

    Attributes
    ----------
    severity : str
        error: names a person, or lets in whoever has it; warning: does so with other knowledge; info: may.
    safe_harbor : str or None
        The identifier of 45 CFR 164.514(b)(2)(i) that it is, by its letter; None where it is none of them.
    message : str
        What it is and what to do.
    """

    severity: str
    safe_harbor: str | None
    message: str


# The same kind is found in notes, names of images and data fields, and each takes another option.
_NOTE = (
    "correct it, or leave out notes with --drop-notes, names of images with --pseudonymise patients, "
    "data fields with either"
)
_DATA = "take the field out of the task's data; what leaves with options for privacy has none"
KINDS = {
    "name": Kind("error", "A", f"looks like a person's name; the reader leaves out those of annotators. Else {_NOTE}"),
    "address": Kind("error", "B", f"looks like a postal address or code; {_NOTE}"),
    "date": Kind(
        "warning",
        "C",
        "a date; --dates offset (as days) or --dates drop leave out those of visits, names of images and data fields, "
        "--drop-notes those in notes",
    ),
    "age_over_89": Kind("warning", "C", f"an age above 89; say 90 or older. {_NOTE}"),
    "phone": Kind("error", "D", f"looks like a phone number; {_NOTE}"),
    "fax": Kind("error", "E", f"looks like a fax number; {_NOTE}"),
    "email": Kind("error", "F", "an e-mail address; the reader leaves out those of annotators, take others out"),
    "ssn": Kind("error", "G", f"looks like a social security number; {_NOTE}"),
    "nhs_number": Kind("error", "H", f"an NHS number, its check digit is right; {_NOTE}"),
    "medical_record": Kind("error", "H", f"looks like the number of a medical record; {_NOTE}"),
    "health_plan": Kind("error", "I", f"looks like a number of health insurance; {_NOTE}"),
    "account": Kind("error", "J", f"looks like an account or card number; {_NOTE}"),
    "license": Kind("error", "K", f"looks like the number of a license or passport; {_NOTE}"),
    "vehicle": Kind("error", "L", f"looks like a number plate or vehicle number; {_NOTE}"),
    "device": Kind("warning", "M", f"looks like a serial number of a device; {_NOTE}"),
    "url": Kind("warning", "N", f"a web address in a text; {_NOTE}"),
    "url_signature": Kind(
        "error", None, "a signed address: whoever has it gets in. Export again without, or let it expire"
    ),
    "url_password": Kind(
        "error", None, "an address with a user or password; export again without, and change the password"
    ),
    "url_query": Kind("warning", "R", "the query of an address names a person; the reader leaves queries out"),
    "ip_address": Kind("warning", "O", f"an internet address; {_NOTE}"),
    "embedded_image": Kind("info", "Q", "an image is written into the file; whether it shows a face, nobody looked"),
    "number_run": Kind("warning", "R", f"a long number; is it somebody's? {_DATA}"),
    "dicom_uid": Kind("warning", "R", f"looks like a unique identifier of DICOM; {_DATA}"),
    "image_number": Kind(
        "info", "R", "a long number in an image's name; is it somebody's? --pseudonymise patients renames"
    ),
    "patient_id": Kind("info", "R", "the id of a patient; give them other names with --pseudonymise patients"),
    "not_looked_at": Kind("error", None, "too deeply nested or too long a number to be looked at; look at it yourself"),
    "time": Kind("info", None, "times of annotations; --dates offset moves them, --dates drop leaves them out"),
}
