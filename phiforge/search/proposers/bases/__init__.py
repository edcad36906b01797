"""What proposers are built of."""
