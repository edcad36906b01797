"""The prediction service: support sets in, tasks that any replica serves, predictions out."""
