"""A TURN server that does not answer costs a call two seconds, and is named in the log."""

import asyncio
import functools
import logging
from typing import Any

import aioice.ice

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 2.0
"""For candidates beyond the machine's own. aioice waits 5 s, and says nothing of what failed. A
relay over TLS at a round trip of 0.2 s takes 1.2 s."""


def install() -> None:
    """Gathering ends in time, and why there is no relay is told once for each server."""
    connection: Any = aioice.ice.Connection
    connection.get_component_candidates = functools.partialmethod(
        connection.get_component_candidates, timeout=LIMIT_SECONDS
    )
    relayed_candidate: Any = aioice.ice.relayed_candidate
    failing: set[tuple[str, int]] = set()

    async def _relayed_candidate(**options: Any) -> Any:
        server = options["turn_server"]
        clock = asyncio.get_running_loop().time
        since = clock()
        why = ""
        try:
            found = await relayed_candidate(**options)
            failing.discard(server)
            return found
        except asyncio.CancelledError:
            # The limit's, or that of a call which ends while it begins.
            if clock() - since >= 0.9 * LIMIT_SECONDS:
                why = f"no answer within {LIMIT_SECONDS:g} s"
            raise
        except Exception as error:
            why = str(error) or type(error).__name__
            raise
        finally:
            if why and server not in failing:
                failing.add(server)
                logger.warning("TURN server %s:%d gives no relay: %s", *server, why)

    aioice.ice.relayed_candidate = _relayed_candidate
