"""A web view of the record: read only, for whoever may look at this machine."""
