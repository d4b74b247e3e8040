"""What identifies people: found in exports (`lint_phi`), and kept out of what leaves (`private`)."""

from .lint import lint_phi
from .origins import Origins
from .private import private, private_scans
from .pseudonyms import Pseudonyms, read_key

__all__ = ["Origins", "Pseudonyms", "lint_phi", "private", "private_scans", "read_key"]
