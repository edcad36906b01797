"""``phiforge chaos``: faults against a live run, and the proof that φ does not notice."""
