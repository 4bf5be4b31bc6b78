"""Peer connections and channels over aiortc."""
