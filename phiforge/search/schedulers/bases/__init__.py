"""What schedulers are built of."""
