"""How contributions become versions: ``base`` says what a protocol is, and each has a folder."""
