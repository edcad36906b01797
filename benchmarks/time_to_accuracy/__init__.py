"""Minutes until an accuracy is reached: the whole pipeline against training loops of peers, on the same cores."""
