"""What a reference takes on the wire: its messages with all around them, and their SACKs."""

from benchmarks.report import MESSAGE_OVERHEAD_BYTES
from sender.rate_control import REFERENCE_START_BPS
from sender.reference_encoder import EncodedReference
from shared.control_message import ReferenceHeld, pack_control
from shared.reference_transfer import ReferenceSender

_SACK_BYTES = 85
_SECOND_NS = 1_000_000_000
_PACKETS_A_SACK = 2
"""Each asks for one at once, of which there are at most ten a second; a chunk lasts 40 ms."""


def reference_wire_bytes(encoded: EncodedReference, *, is_first: bool) -> int:
    """Both ways, IPv4 and UDP headers included; the first one of a set brings the identity.

    Chunks are those of a call's first seconds: later ones are larger and cost less around them.
    """
    reference = encoded.reference
    begin = encoded.begin(with_identity=is_first)
    sender = ReferenceSender(begin, encoded.picture.data)
    sizes: list[int] = []
    now_ns = 0
    while not sender.done:
        message = sender.next_message(now_ns, rate_bps=REFERENCE_START_BPS, buffered_bytes=0)
        if message is not None:
            sizes.append(len(pack_control(message)) + MESSAGE_OVERHEAD_BYTES)
        now_ns += _SECOND_NS
    held = ReferenceHeld(reference.set_id, reference.reference_id)
    back = (
        len(pack_control(held))
        + MESSAGE_OVERHEAD_BYTES
        + _SACK_BYTES * -(-len(sizes) // _PACKETS_A_SACK)
    )
    return sum(sizes) + back
