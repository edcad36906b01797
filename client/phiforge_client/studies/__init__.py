"""Studies, as a person submits, watches and ends them."""
