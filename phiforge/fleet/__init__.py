"""Many processes at work: queues, messages, leases, and the loop of a service."""
