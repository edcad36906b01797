"""``phiforge doctor``: whether what Phiforge needs is there, and what to do about what is not."""
