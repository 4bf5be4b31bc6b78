"""Generator networks and discriminators (PyTorch)."""
