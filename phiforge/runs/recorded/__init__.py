"""What the record of a run is made of: one file for each thing that is written of it."""
