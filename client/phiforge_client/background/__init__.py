"""The embedded stack in the background: who it is, whether it runs, how it is started and stopped."""
