"""Checks of an export that a lead can act on: each file looks at one thing; `findings` puts them together."""
