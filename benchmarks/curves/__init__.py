"""Cost against work: what a job takes of the processor, of memory and of the wires as one thing about it grows."""
