"""``python -m lesiongeo`` is the command `lesiongeo`."""

from .cli import main

main()
