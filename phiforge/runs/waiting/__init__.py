"""The queue of runs: which wait for their turn, and which is next. It lies in object storage; Redis only helps."""
