"""What changed between visits, beyond the noise of the outlines."""
