"""Training of the generator networks (PyTorch)."""
