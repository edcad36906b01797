"""The networks that F_φ builds, as pure functions of their parameters."""
