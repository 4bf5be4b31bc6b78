"""Publishing through real aiortc on this machine: what arrives, what is refused, what ends."""

import asyncio

import aiortc.rtcrtpreceiver
import httpx
import msgpack
import pytest

from receiver.renderer import RenderEngine
from receiver.rooms import Role
from sender.whip_client import WhipClient, WhipConnection
from shared.clock import SystemClock
from shared.control_message import (
    PROTOCOL_VERSION,
    Bye,
    ByeReason,
    pack_control,
    parse_control,
)
from shared.errors import SignalingError
from shared.face_model import FaceModel
from shared.limits import CONTROL_MESSAGE_MAX_BYTES
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.channel import CONTROL, PARAMETERS
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.peer import Peer, PeerState
from tests.fakes import FakeClock, FakeGenerator
from tests.integration.receiver_process import RunningReceiver, running_receiver, until

SDP = {"Content-Type": "application/sdp"}


async def publish(
    receiver: RunningReceiver,
    party: str,
    *,
    track: OpusPacketTrack | None = None,
    control: list[bytes] | None = None,
    parameters: list[bytes] | None = None,
    states: list[PeerState] | None = None,
) -> WhipConnection:
    control = [] if control is None else control
    parameters = [] if parameters is None else parameters
    states = [] if states is None else states
    return await WhipClient.connect(
        f"{receiver.url}/whip",
        receiver.token(party),
        audio_track=track,
        on_control=control.append,
        on_parameters=parameters.append,
        on_state=states.append,
    )


async def test_both_channels_carry_both_ways_and_sound_arrives_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_decoder(codec: object) -> None:
        raise AssertionError("relayed sound is not decoded")

    monkeypatch.setattr(aiortc.rtcrtpreceiver, "get_decoder", no_decoder)
    clock = SystemClock()
    track = OpusPacketTrack()
    control: list[bytes] = []
    parameters: list[bytes] = []
    async with (
        running_receiver() as receiver,
        await publish(
            receiver, "ann", track=track, control=control, parameters=parameters
        ) as connection,
    ):
        assert connection.state is PeerState.CONNECTED
        (stream,) = receiver.streams
        start = clock.now_ticks()
        sent = [
            OpusPacket(bytes([31 << 3, number]) * 20, 960, (start + 1800 * number) % 2**32)
            for number in range(40)
        ]
        for number, packet in enumerate(sent):
            track.put(packet)
            if number % 2:
                assert connection.send_parameters(bytes([number]) * 24)
            await asyncio.sleep(0.01)
        farewell = pack_control(Bye(ByeReason.LEFT))
        assert connection.send_control(farewell)
        assert stream.link.send_control(farewell)
        assert stream.link.send_parameters(b"report")
        await until(lambda: len(stream.audio) >= 39 and stream.control and control and parameters)
        # The first packet may come before the first report, and is then not dated.
        arrived = {packet.payload: packet for packet in stream.audio}
        assert set(arrived) >= {packet.payload for packet in sent[1:]}
        for packet in sent[1:]:
            assert abs(arrived[packet.payload].capture_time - packet.capture_time) <= 8
            assert arrived[packet.payload].duration == 960
        assert stream.parameters == [bytes([number]) * 24 for number in range(1, 40, 2)]
        assert stream.control == control == [farewell]
        assert parameters == [b"report"]
        assert stream.datagrams > 60

        # What one side counts as sent the other one counts as received.
        ours = connection.wire.snapshot()
        theirs = receiver.calls.sessions[0].peer.wire.snapshot()
        assert ours.data_sent.bytes > 20 * (24 + 28)
        assert abs(ours.data_sent.packets - theirs.data_received.packets) <= 3
        assert ours.audio_sent.packets >= 40
        assert ours.video_sent.packets == ours.video_received.packets == 0


async def test_a_message_that_cannot_leave_at_once_is_dropped_not_queued() -> None:
    async with running_receiver() as receiver, await publish(receiver, "ann") as connection:
        taken = sum(connection.send_parameters(bytes(100)) for _ in range(1000))
        assert taken < 100
        assert connection.parameters_dropped == 1000 - taken


async def test_the_same_party_replaces_and_the_old_one_is_told() -> None:
    control: list[bytes] = []
    states: list[PeerState] = []
    async with (
        running_receiver() as receiver,
        await publish(receiver, "ann", control=control, states=states),
        await publish(receiver, "ann") as new,
    ):
        await until(lambda: PeerState.CLOSED in states)
        assert parse_control(control[-1]) == Bye(ByeReason.REPLACED)
        assert new.state is PeerState.CONNECTED
        assert [stream.closed for stream in receiver.streams] == [True, False]
        assert len(receiver.calls.sessions) == 1


async def test_a_third_party_is_refused_and_nothing_is_left_behind() -> None:
    async with (
        running_receiver() as receiver,
        await publish(receiver, "ann"),
        await publish(receiver, "bob"),
    ):
        with pytest.raises(SignalingError, match="answered 409, the room is full") as caught:
            await publish(receiver, "cleo")
        assert caught.value.status == 409
        assert len(receiver.calls.sessions) == 2
        assert receiver.metrics.snapshot().counters["refused", "409"] == 1


async def test_a_party_that_cannot_be_rendered_is_refused_for_a_while_and_others_go_on() -> None:
    engine = RenderEngine(FaceModel.load(), FakeGenerator(), metrics=Metrics(), max_calls=1)
    async with (
        running_receiver(admit=engine.admit) as receiver,
        await publish(receiver, "ann") as connection,
    ):
        lane = engine.open_lane()
        with pytest.raises(SignalingError, match="answered 503"):
            await publish(receiver, "bob")
        peer = Peer()
        peer.create_channel(CONTROL, lambda message: None)
        async with httpx.AsyncClient() as client:
            refused = await client.post(
                f"{receiver.url}/whip",
                content=await peer.offer(),
                headers={**SDP, "Authorization": f"Bearer {receiver.token('bob')}"},
            )
        await peer.close()
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "30"
        assert refused.text == "the pictures of 1 parties are rebuilt here, 1 are allowed\n"
        assert connection.state is PeerState.CONNECTED
        # One that comes back in its own place is no party more.
        await (await publish(receiver, "ann")).close()
        lane.close()
        await (await publish(receiver, "bob")).close()


async def test_closing_deletes_the_session() -> None:
    async with running_receiver() as receiver:
        connection = await publish(receiver, "ann")
        await connection.close()
        await connection.close()
        await until(lambda: receiver.streams[0].closed)
        assert receiver.calls.rooms == 0
        assert receiver.metrics.snapshot().counters["sessions_ended", "left"] == 1


async def test_stopping_the_receiver_says_goodbye() -> None:
    control: list[bytes] = []
    states: list[PeerState] = []
    async with running_receiver() as receiver:
        connection = await publish(receiver, "ann", control=control, states=states)
        await receiver.calls.close()
        await until(lambda: PeerState.CLOSED in states)
        assert parse_control(control[-1]) == Bye(ByeReason.SHUTDOWN)
        with pytest.raises(SignalingError, match="answered 503"):
            await publish(receiver, "bob")
        await connection.close()


async def test_a_peer_that_vanishes_without_a_word_is_cleaned_up() -> None:
    clock = FakeClock()
    async with running_receiver(clock=clock) as receiver:
        connection = await publish(receiver, "ann")
        session = receiver.calls.sessions[0]
        await until(lambda: session.life.value == "alive")
        # Pulls the plug: nothing is sent any more, not even an answer to ICE.
        peer = connection._peer.connection
        for transport in {sender.transport for sender in peer.getSenders()}:
            for protocol in transport.transport._connection._protocols:
                protocol.transport.close()
        await asyncio.sleep(0.05)
        clock.advance_ms(3_000)
        assert session.life.value == "interrupted"
        clock.advance_ms(27_000)
        await until(lambda: receiver.streams[0].closed)
        assert receiver.calls.rooms == 0
        counters = receiver.metrics.snapshot().counters
        assert counters["sessions_vanished", Role.PUBLISH.value] == 1
        assert counters["sessions_ended", "timeout"] == 1
        await connection.close()


async def test_an_offer_that_never_connects_is_cleaned_up() -> None:
    clock = FakeClock()
    async with running_receiver(clock=clock) as receiver, httpx.AsyncClient() as http:
        peer = Peer()
        peer.connection.addTransceiver("audio", direction="sendonly")
        headers = {**SDP, "Authorization": f"Bearer {receiver.token('ann')}"}
        response = await http.post(
            f"{receiver.url}/whip", content=await peer.offer(), headers=headers
        )
        assert response.status_code == 201
        await peer.close()
        assert receiver.calls.rooms == 1
        clock.advance_ms(30_000)
        await until(lambda: receiver.calls.rooms == 0)


async def test_another_protocol_version_is_told_both_and_ended() -> None:
    control: list[bytes] = []
    states: list[PeerState] = []
    async with (
        running_receiver() as receiver,
        await publish(receiver, "ann", control=control, states=states) as connection,
    ):
        connection.send_control(msgpack.packb({"t": "hello", "v": 9}))
        await until(lambda: PeerState.CLOSED in states)
        assert parse_control(control[-1]) == Bye(
            ByeReason.VERSION, f"protocol version 9, this side speaks {PROTOCOL_VERSION}"
        )
        assert receiver.metrics.snapshot().counters["refused", "version"] == 1
        assert receiver.streams[0].closed


async def test_a_control_message_too_large_is_dropped_and_the_call_goes_on() -> None:
    async with running_receiver() as receiver, await publish(receiver, "ann") as connection:
        channel = connection._peer.channel(CONTROL)
        assert channel is not None
        channel._channel.send(bytes(CONTROL_MESSAGE_MAX_BYTES + 1))
        await until(lambda: connection.control_buffered_bytes == 0)
        connection.send_control(pack_control(Bye(ByeReason.OTHER)))
        await until(lambda: receiver.streams[0].control)
        assert receiver.metrics.snapshot().counters["breaches", "publish"] == 1
        assert len(receiver.streams[0].control) == 1


async def test_a_peer_that_goes_on_beyond_the_limits_is_ended_with_a_reason() -> None:
    control: list[bytes] = []
    states: list[PeerState] = []
    async with (
        running_receiver() as receiver,
        await publish(receiver, "ann", control=control, states=states) as connection,
    ):
        for _ in range(300):
            connection.send_control(b"\x80")
            await asyncio.sleep(0)
        await until(lambda: PeerState.CLOSED in states)
        assert parse_control(control[-1]).reason is ByeReason.LIMIT  # type: ignore[union-attr]
        assert receiver.streams[0].closed


async def test_a_megabyte_of_control_ends_its_sender_and_nobody_else() -> None:
    states: list[PeerState] = []
    async with (
        running_receiver() as receiver,
        await publish(receiver, "bob") as other,
        await publish(receiver, "ann", states=states) as connection,
    ):
        channel = connection._peer.channel(CONTROL)
        assert channel is not None
        # What the receiver announced to take is ignored, too.
        channel._channel.transport._remote_max_message_size = 2**30
        channel._channel.send(bytes(1_000_000))
        await until(lambda: receiver.streams[1].closed)
        await until(lambda: PeerState.CLOSED in states)
        assert receiver.metrics.snapshot().counters["breaches", "publish"] == 1
        assert other.send_control(pack_control(Bye(ByeReason.OTHER)))
        await until(lambda: receiver.streams[0].control)


async def test_a_client_without_our_channels_joins_as_plain_video() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as http:
        peer = Peer()
        peer.connection.addTransceiver("video", direction="sendonly")
        headers = {**SDP, "Authorization": f"Bearer {receiver.token('ann')}"}
        response = await http.post(
            f"{receiver.url}/whip", content=await peer.offer(), headers=headers
        )
        await peer.accept_answer(response.text)
        await peer.wait_open((), 5)
        assert receiver.streams == []
        assert len(receiver.calls.sessions) == 1
        await peer.close()
        await until(lambda: not receiver.calls.sessions)


async def test_signalling_answers_every_mistake_with_its_status() -> None:
    servers = (IceServer("stun:stun.example.net"),)
    async with running_receiver(ice_servers=servers) as receiver, httpx.AsyncClient() as http:
        whip = f"{receiver.url}/whip"
        allowed = {"Authorization": f"Bearer {receiver.token('ann')}"}

        async def post(body: bytes | str, headers: dict[str, str]) -> tuple[int, str]:
            response = await http.post(whip, content=body, headers=headers)
            return response.status_code, response.text

        assert await post("v=0", SDP) == (401, "no bearer token in the Authorization header\n")
        assert await post("v=0", {**SDP, "Authorization": "Bearer x"}) == (
            401,
            "token is no token of ours\n",
        )
        listener = {"Authorization": f"Bearer {receiver.token('ann', publish=False)}"}
        assert await post("v=0", {**SDP, **listener}) == (
            403,
            "the token of ann does not allow to publish\n",
        )
        assert await post("{}", {"Content-Type": "application/json", **allowed}) == (
            415,
            "content type application/json, application/sdp allowed\n",
        )
        status, text = await post("v=0", {**SDP, **allowed, "Accept": "text/html"})
        assert (status, text) == (
            406,
            "the answer is application/sdp, the request accepts something else\n",
        )
        for garbage in ("", "hello", "\x00" * 100):
            status, text = await post(garbage, {**SDP, **allowed})
            assert (status, text) == (
                400,
                "the SDP offer cannot be used: it does not begin with v=0\n",
            )
        assert (await post(b"v=0\xff\xfe", {**SDP, **allowed}))[0] == 400
        for nonsense in ("v=0", "v=0\r\nm=audio x", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n"):
            status, text = await post(nonsense, {**SDP, **allowed})
            assert status == 400
            assert text.startswith("the SDP offer cannot be used: ")
        peer = Peer()
        peer.connection.addTransceiver("video", direction="sendonly")
        offer = await peer.offer()
        await peer.close()
        foreign = offer.replace("VP8/", "VP9/").replace("H264/", "AV1/")
        status, text = await post(foreign, {**SDP, **allowed})
        assert status == 406
        assert text.startswith("the SDP offer has no codec in common: ")
        for cut in range(0, len(offer), 97):
            assert (await post(offer[:cut], {**SDP, **allowed}))[0] in (201, 400, 406)
        status, text = await post(b"v=0" + bytes(10_000_000), {**SDP, **allowed})
        assert (status, text) == (413, "a body of 10000003 bytes, at most 65536 allowed\n")

        assert (await http.get(whip)).status_code == 405
        assert (await http.patch(f"{whip}/1", headers=allowed)).status_code == 405
        assert (await http.delete(f"{whip}/1", headers=allowed)).status_code == 404
        assert (await http.delete(f"{whip}/1")).status_code == 401

        options = await http.options(whip, headers=allowed)
        assert options.status_code == 204
        assert options.headers["accept-post"] == "application/sdp"
        assert options.headers["link"] == '<stun:stun.example.net>; rel="ice-server"'
        assert "link" not in (await http.options(whip)).headers

        metrics = (await http.get(f"{receiver.url}/metrics")).text
        assert 'kilocall_refused_total{reason="401"} 3.0' in metrics
        assert (await http.get(f"{receiver.url}/healthz")).json()["status"] == "ok"


async def test_an_answer_has_its_headers_and_only_its_own_party_may_delete() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as http:
        peer = Peer()
        peer.create_channel(CONTROL, lambda message: None)
        peer.create_channel(PARAMETERS, lambda message: None)
        headers = {**SDP, "Authorization": f"Bearer {receiver.token('ann')}"}
        response = await http.post(
            f"{receiver.url}/whip", content=await peer.offer(), headers=headers
        )
        assert response.status_code == 201
        assert response.headers["content-type"] == "application/sdp"
        assert response.headers["etag"].startswith('"')
        location = receiver.url + response.headers["location"]
        other = {"Authorization": f"Bearer {receiver.token('bob')}"}
        assert (await http.delete(location, headers=other)).status_code == 403
        wrong_kind = location.replace("/whip/", "/whep/")
        assert (await http.delete(wrong_kind, headers=headers)).status_code == 404
        assert (await http.delete(location, headers=headers)).status_code == 200
        assert (await http.delete(location, headers=headers)).status_code == 404
        await peer.close()


async def test_expired_tokens_and_absent_receivers_are_one_clear_error() -> None:
    async with running_receiver() as receiver:
        url = f"{receiver.url}/whip"
        grantless = receiver.token("ann", minutes=1e-9)
        with pytest.raises(SignalingError) as caught:
            await WhipClient.connect(
                url, grantless, audio_track=None, on_control=print, on_parameters=print
            )
        assert str(caught.value) == (
            f"{url} answered 401, the token is wrong or expired: token expired, ask for a new one"
        )
        assert receiver.metrics.snapshot().counters["refused", "401"] == 1
        with pytest.raises(SignalingError, match=r"^https://.*: no HTTPS there"):
            await WhipClient.connect(
                url.replace("http", "https"),
                grantless,
                audio_track=None,
                on_control=print,
                on_parameters=print,
            )
    with pytest.raises(SignalingError, match=f"^nothing listens at {url}"):
        await WhipClient.connect(
            url, grantless, audio_track=None, on_control=print, on_parameters=print
        )
