"""Which lesions on pages are one track: typed ids, places on pages laid over each other, and what does not fit."""
