"""Networks behind one `Session` interface; each runtime library is imported in one file."""
