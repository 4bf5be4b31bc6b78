// @ts-check
import { Endpoint } from "./signaling.js";

/** More bytes waiting in the control channel mean that the link is gone or far too thin. */
const CONTROL_BUFFER_MAX = 64 * 1024;

/**
 * Publishes to a WHIP endpoint (RFC 9725) until it is closed: sound, a video track that stays
 * empty until a real picture is wanted, and the channels `control` and `parameters`.
 */
export class WhipSession {
  /**
   * @param {object} options
   * @param {string} options.endpoint
   * @param {string} options.token
   * @param {RTCIceTransportPolicy} [options.policy] `relay` to go through a TURN server alone
   * @param {(message: Uint8Array) => void} options.onControl
   * @param {(message: Uint8Array) => void} options.onParameters receiver reports
   * @param {(state: RTCPeerConnectionState) => void} options.onState
   */
  constructor({ endpoint, token, policy = "all", onControl, onParameters, onState }) {
    this.#endpoint = new Endpoint(endpoint, token);
    this.#policy = policy;
    this.#onControl = onControl;
    this.#onParameters = onParameters;
    this.#onState = onState;
  }

  #endpoint;
  #policy;
  #onControl;
  #onParameters;
  #onState;
  #closed = false;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  /** @type {RTCDataChannel | null} */
  #control = null;
  /** @type {RTCDataChannel | null} */
  #parameters = null;
  /** @type {RTCRtpSender | null} */
  #sound = null;
  /** @type {RTCRtpSender | null} */
  #picture = null;
  /** Parameter messages that were not sent because older ones still waited. */
  dropped = 0;

  /**
   * Connects; returns when both channels are open.
   *
   * @param {MediaStreamTrack | null} microphone
   * @throws {import("./signaling.js").SignalingError}
   */
  async open(microphone) {
    const iceServers = await this.#endpoint.iceServers();
    if (this.#closed) return;
    const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: this.#policy });
    this.#connection = connection;
    const kept = { direction: /** @type {const} */ ("sendonly") };
    this.#sound = connection.addTransceiver(microphone ?? "audio", kept).sender;
    this.#picture = connection.addTransceiver("video", kept).sender;
    this.#control = connection.createDataChannel("control");
    this.#parameters = connection.createDataChannel("parameters", {
      ordered: false,
      maxRetransmits: 0,
    });
    listen(this.#control, this.#onControl);
    listen(this.#parameters, this.#onParameters);
    connection.addEventListener("connectionstatechange", () => {
      if (!this.#closed) this.#onState(connection.connectionState);
    });
    const opened = Promise.all([isOpen(this.#control), isOpen(this.#parameters)]);
    const sdp = await this.#endpoint.offer(connection);
    if (this.#closed) {
      this.#endpoint.end();
      return;
    }
    await connection.setRemoteDescription({ type: "answer", sdp });
    await opened;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} message
   * @returns {boolean} false when the channel is closed or full
   */
  sendControl(message) {
    const channel = this.#control;
    if (channel?.readyState !== "open") return false;
    if (channel.bufferedAmount + message.length > CONTROL_BUFFER_MAX) return false;
    channel.send(message);
    return true;
  }

  /** Control bytes that wait for the network; a reference is paced by it. */
  get controlBuffered() {
    return this.#control?.bufferedAmount ?? 0;
  }

  /**
   * Now or never: a message is dropped while an older one waits.
   *
   * @param {Uint8Array<ArrayBuffer>} message
   * @returns {boolean}
   */
  sendParameters(message) {
    const channel = this.#parameters;
    if (channel?.readyState !== "open") return false;
    if (channel.bufferedAmount > 0) {
      this.dropped += 1;
      return false;
    }
    channel.send(message);
    return true;
  }

  /** @param {MediaStreamTrack | null} track of the microphone; null: silence */
  async setMicrophone(track) {
    await this.#sound?.replaceTrack(track);
  }

  /**
   * Sends the camera's own picture, or (null) none.
   *
   * @param {MediaStreamTrack | null} track
   * @param {number} maxBps
   */
  async setPicture(track, maxBps) {
    const sender = this.#picture;
    if (sender === null) return;
    await sender.replaceTrack(track);
    if (track === null) return;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = maxBps;
    await sender.setParameters(parameters).catch(() => {});
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async statistics() {
    return this.#connection === null ? null : this.#connection.getStats();
  }

  /** A number that grows with everything that comes on this connection, ICE's checks included. */
  async received() {
    let sum = 0;
    (await this.statistics())?.forEach((entry) => {
      if (entry.type !== "candidate-pair") return;
      sum += (entry.bytesReceived ?? 0) + (entry.responsesReceived ?? 0) + (entry.requestsReceived ?? 0);
    });
    return sum;
  }

  /** The other end is gone: nothing is to be ended there. */
  forget() {
    this.#endpoint.forget();
  }

  /** Ends the session on both sides; may be called more than once, also while opening. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection?.close();
    this.#endpoint.end();
  }
}

/**
 * @param {RTCDataChannel} channel
 * @param {(message: Uint8Array) => void} read
 */
function listen(channel, read) {
  channel.binaryType = "arraybuffer";
  channel.addEventListener("message", (event) => {
    if (event.data instanceof ArrayBuffer) read(new Uint8Array(event.data));
  });
}

/** @param {RTCDataChannel} channel */
function isOpen(channel) {
  return new Promise((resolve) => channel.addEventListener("open", resolve, { once: true }));
}
