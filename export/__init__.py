"""Builds what the runtime loads: the face model and, with torch, generator bundles."""
