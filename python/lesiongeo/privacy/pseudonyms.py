"""Names that stand for people: the same for the same key, and nobody without the key can tell whose they are."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import LesiongeoError

__all__ = ["KEY_VARIABLE", "KINDS", "Key", "PseudonymKeyError", "Pseudonyms", "read_key"]

#: A key, or the file that holds it.
Key: TypeAlias = "bytes | str | os.PathLike[str]"

#: Environment variable with the key, where no file is given.
KEY_VARIABLE = "LESIONGEO_KEY"
#: Who can be given another name: the option, and the word that the name begins with.
KINDS = {"annotators": "annotator", "patients": "patient"}
#: Bytes of a key, at least: as many as an attacker would have to guess of AES-128.
LEAST_BYTES = 16
#: Different bytes of a key, at least. Of 32 random hexadecimal digits fewer come once in 300,000 million keys.
LEAST_DIFFERENT = 6
#: Files of more bytes are no keys.
MOST_BYTES = 4096
#: Hexadecimal digits of a name: 64 bits, so that two of a million people share one with a chance of 3e-8.
DIGITS = 16

HOW = 'make one with: python -c "import secrets; print(secrets.token_hex(32))" > key.txt'


class PseudonymKeyError(LesiongeoError, ValueError):
    """A key that is missing or too weak. What is wrong is said without a byte of it."""


def read_key(key: Key | None = None) -> bytes:
    """Return the key: the bytes themselves, the content of a file, or of the environment variable LESIONGEO_KEY.

    Parameters
    ----------
    key : bytes, path or None
        The key, or the file that holds it; None: the environment.

    Returns
    -------
    bytes
        White space at both ends does not belong to it, so that a file and a variable with the same text are one key.

    Raises
    ------
    PseudonymKeyError
        If there is none, or it has fewer than 16 bytes or fewer than 6 different ones.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from lesiongeo.privacy import read_key
    >>> len(read_key(b"0123456789abcdef0123456789abcdef"))
    32
    """
    if isinstance(key, bytes):
        content, place = key, "the key"
    elif key is not None:
        with Path(key).open("rb") as file:
            content, place = file.read(MOST_BYTES + 1), "the file of the key"
    else:
        given = os.environ.get(KEY_VARIABLE)
        if not given:
            raise PseudonymKeyError(
                f"pseudonyms need a key: --key FILE, or the environment variable {KEY_VARIABLE}; {HOW}"
            )
        content, place = os.fsencode(given), f"the key in {KEY_VARIABLE}"
    content = content.strip()
    if len(content) > MOST_BYTES:
        raise PseudonymKeyError(f"{place} has more than {MOST_BYTES} bytes; is it another file? {HOW}")
    if len(content) < LEAST_BYTES:
        raise PseudonymKeyError(f"{place} has {len(content)} bytes; it takes {LEAST_BYTES} or more. {HOW}")
    if len(set(content)) < LEAST_DIFFERENT:
        raise PseudonymKeyError(f"{place} repeats too few different bytes; names made with it could be guessed. {HOW}")
    return content


class Pseudonyms:
    """Makes names of names: ``annotator-`` or ``patient-`` and 64 bits of HMAC-SHA256 (RFC 2104, FIPS 198-1).

    Parameters
    ----------
    key : bytes, path or None
        See `read_key`.

    Notes
    -----
    The message is ``lesiongeo 1``, the kind and the name in UTF-8 (surrogates as they are), separated by zero bytes:
    the patient and the annotator of one name get different names. A name that has this form already stays, so that what
    left under pseudonyms can pass again.

    Examples
    --------
    >>> from lesiongeo.privacy import Pseudonyms
    >>> names = Pseudonyms(b"0123456789abcdef0123456789abcdef")
    >>> names.name("patients", "Jane Doe")
    'patient-08972e315e5fc5c4'
    >>> names
    <Pseudonyms>
    """

    __slots__ = ("_key",)

    def __init__(self, key: Key | None = None) -> None:
        self._key = read_key(key)

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return "<Pseudonyms>"

    def name(self, kind: str, name: str) -> str:
        """Return the other name of a person.

        Parameters
        ----------
        kind : {"annotators", "patients"}
            What the person is.
        name : str
            The name.

        Returns
        -------
        str
            Such as ``patient-08972e315e5fc5c4``.
        """
        word = KINDS[kind]
        if re.fullmatch(rf"{word}-[0-9a-f]{{{DIGITS}}}", name):
            return name
        message = b"\0".join((b"lesiongeo 1", word.encode(), name.encode("utf-8", "surrogatepass")))
        return f"{word}-{hmac.new(self._key, message, hashlib.sha256).hexdigest()[:DIGITS]}"

    def column(self, kind: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the other names of a column of names, null where there is none; O(n), one hash per person."""
        encoded = pc.dictionary_encode(names.combine_chunks() if names.num_chunks != 1 else names.chunk(0))
        others = pa.array([self.name(kind, name) for name in encoded.dictionary.to_pylist()], pa.string())
        return pa.chunked_array([others.take(encoded.indices)], pa.string())
