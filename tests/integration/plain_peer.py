"""aiortc as its authors made it, in a process of its own: an echo for channels.

Descriptions are lines of JSON on its standard input and output. `answer`: reads an offer, writes
the answer. `offer`: writes an offer, reads the answer. At a third line it writes what was agreed
on and ends.
"""

import asyncio
import json
import sys
from typing import Any

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole


def _echo(channel: RTCDataChannel) -> None:
    channel.on("message", channel.send)


async def _read(reader: asyncio.StreamReader) -> RTCSessionDescription:
    return RTCSessionDescription(**json.loads(await reader.readline()))


def _write(connection: RTCPeerConnection) -> None:
    description = connection.localDescription
    print(json.dumps({"sdp": description.sdp, "type": description.type}), flush=True)


async def main() -> None:
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    connection = RTCPeerConnection()
    connection.on("datachannel", _echo)
    sink = MediaBlackhole()
    connection.on("track", sink.addTrack)
    if sys.argv[1] == "offer":
        _echo(connection.createDataChannel("control"))
        _echo(connection.createDataChannel("parameters", ordered=False, maxRetransmits=0))
        connection.addTransceiver("audio", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        _write(connection)
        await connection.setRemoteDescription(await _read(reader))
    else:
        await connection.setRemoteDescription(await _read(reader))
        await connection.setLocalDescription(await connection.createAnswer())
        _write(connection)
    await sink.start()
    await reader.readline()
    sctp: Any = connection.sctp
    encryption = sctp.transport._ssl
    heard = [
        statistics.packetsReceived
        for receiver in connection.getReceivers()
        for statistics in (await receiver.getStats()).values()
        if statistics.type == "inbound-rtp"
    ]
    agreed = {
        "cipher": encryption.get_cipher_name(),
        "srtp": encryption.get_selected_srtp_profile().decode(),
        "heard": sum(heard),
        "adjusted": "shared" in sys.modules,
    }
    print(json.dumps(agreed), flush=True)
    await connection.close()


asyncio.run(main())
