"""The cells of a run's network, to look at: in words and as a picture. Nothing here needs torch."""
