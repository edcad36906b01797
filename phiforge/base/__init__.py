"""The ground: errors, canonical JSON, seeds, settings, metrics, fault points. No torch, no input or output."""
