"""What lesions are on every visit by their outlines, and what annotators ticked against that."""
