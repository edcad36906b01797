"""How published figures were made, fact by fact, beside how ours are: what is comparable, and what differs in what."""
