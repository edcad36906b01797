"""``phiforge data``: a person's own pictures before they are learned from, and the datasets that are published."""
