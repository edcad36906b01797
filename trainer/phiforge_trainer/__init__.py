"""The trainer service: meta-batch jobs -> contributions -> the next φ."""
