"""How contributions become versions: one folder a protocol."""
