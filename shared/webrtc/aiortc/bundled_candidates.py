"""Candidates that stand once for all bundled media (RFC 8843, section 7.1.3).

Browsers write them into the first section of an answer only. aiortc, where all media share a
transport from the start, takes those of the last section: none, and waits for ever.
"""

from typing import Any

from aiortc import sdp


def install() -> None:
    """Sections of a bundle without candidates have those of the bundle's first with any."""
    description: Any = sdp.SessionDescription
    parse = description.parse.__func__

    def _parse(cls: Any, text: str) -> Any:
        parsed = parse(cls, text)
        for group in parsed.group:
            if group.semantic == "BUNDLE":
                _share([media for media in parsed.media if media.rtp.muxId in group.items])
        return parsed

    description.parse = classmethod(_parse)


def _share(sections: list[Any]) -> None:
    source = next((media for media in sections if media.ice_candidates), None)
    for media in sections:
        if source is not None and not media.ice_candidates:
            media.ice_candidates = list(source.ice_candidates)
            media.ice_candidates_complete = source.ice_candidates_complete
