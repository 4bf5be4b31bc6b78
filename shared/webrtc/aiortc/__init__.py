"""The only code that knows the insides of aiortc 1.16 and aioice 0.13.

`adjustments` mends and thins what every connection of ours sends, one concern a file; the other
modules reach into one connection for what the public interface does not offer.
"""
