// @ts-check
import { Endpoint } from "./signaling.js";
import { parseStatus } from "./status.js";

/**
 * Plays one call from a WHEP endpoint (draft-ietf-wish-whep) until it is closed.
 */
export class WhepSession {
  /**
   * @param {object} options
   * @param {string} options.endpoint
   * @param {string} options.token
   * @param {RTCIceTransportPolicy} [options.policy] `relay` to go through a TURN server alone
   * @param {(stream: MediaStream) => void} options.onStream
   * @param {(message: import("./status.js").StatusMessage) => void} options.onStatus
   * @param {(state: RTCPeerConnectionState) => void} options.onState
   */
  constructor({ endpoint, token, policy = "all", onStream, onStatus, onState }) {
    this.#endpoint = new Endpoint(endpoint, token);
    this.#policy = policy;
    this.#onStream = onStream;
    this.#onStatus = onStatus;
    this.#onState = onState;
  }

  #endpoint;
  #policy;
  #onStream;
  #onStatus;
  #onState;
  #closed = false;
  /** @type {RTCPeerConnection | null} */
  #connection = null;

  /**
   * Connects; returns when the answer is in.
   *
   * @throws {import("./signaling.js").SignalingError}
   */
  async open() {
    const iceServers = await this.#endpoint.iceServers();
    if (this.#closed) return;
    const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: this.#policy });
    this.#connection = connection;
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.addTransceiver("audio", { direction: "recvonly" });
    // One stream of our own, so that sound and picture are kept together.
    const stream = new MediaStream();
    connection.addEventListener("track", (event) => {
      stream.addTrack(event.track);
      this.#onStream(stream);
    });
    connection.addEventListener("connectionstatechange", () => {
      if (!this.#closed) this.#onState(connection.connectionState);
    });
    const channel = connection.createDataChannel("status");
    channel.binaryType = "arraybuffer";
    channel.addEventListener("message", (event) => this.#readStatus(event.data));
    const sdp = await this.#endpoint.offer(connection);
    if (this.#closed) {
      this.#endpoint.end();
      return;
    }
    await connection.setRemoteDescription({ type: "answer", sdp });
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async statistics() {
    return this.#connection === null ? null : this.#connection.getStats();
  }

  /** Ends the session on both sides; may be called more than once, also while opening. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection?.close();
    this.#endpoint.end();
  }

  /** @param {unknown} data */
  #readStatus(data) {
    if (this.#closed || !(data instanceof ArrayBuffer)) return;
    try {
      const message = parseStatus(data);
      if (message?.kind === "bye") this.#endpoint.forget();
      if (message !== null) this.#onStatus(message);
    } catch (error) {
      console.warn("status message dropped:", error);
    }
  }
}
