// @ts-check
import { parseStatus } from "./status.js";

/** The receiver refused, with its HTTP status, or (0) could not be reached. */
export class SignalingError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const GATHERING_MAX_MS = 2000;
const GATHERING_LIMIT_MS = 8000;
const SIGNALING_MAX_MS = 10000;

/**
 * Plays one call from a WHEP endpoint (draft-ietf-wish-whep) until it is closed.
 */
export class WhepSession {
  /**
   * @param {object} options
   * @param {string} options.endpoint
   * @param {string} options.token
   * @param {(stream: MediaStream) => void} options.onStream
   * @param {(message: import("./status.js").StatusMessage) => void} options.onStatus
   * @param {(state: RTCPeerConnectionState) => void} options.onState
   */
  constructor({ endpoint, token, onStream, onStatus, onState }) {
    this.#endpoint = endpoint;
    this.#token = token;
    this.#onStream = onStream;
    this.#onStatus = onStatus;
    this.#onState = onState;
  }

  #endpoint;
  #token;
  #onStream;
  #onStatus;
  #onState;
  #closed = false;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  /** Where the session is ended. */
  #location = "";

  /**
   * Connects; returns when the answer is in.
   *
   * @throws {SignalingError}
   */
  async open() {
    const iceServers = await this.#iceServers();
    if (this.#closed) return;
    const connection = new RTCPeerConnection({ iceServers });
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
    await connection.setLocalDescription();
    await gathered(connection);
    if (this.#closed) return;
    const response = await this.#request("POST", this.#endpoint, connection.localDescription?.sdp);
    this.#location = new URL(response.headers.get("Location") ?? "", this.#endpoint).href;
    const sdp = await response.text();
    if (this.#closed) {
      this.#delete();
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
    this.#delete();
  }

  /** @param {unknown} data */
  #readStatus(data) {
    if (this.#closed || !(data instanceof ArrayBuffer)) return;
    try {
      const message = parseStatus(data);
      // The session is over there: there is nothing left to delete.
      if (message?.kind === "bye") this.#location = "";
      if (message !== null) this.#onStatus(message);
    } catch (error) {
      console.warn("status message dropped:", error);
    }
  }

  #delete() {
    if (this.#location === "") return;
    // keepalive: it goes out even when the page is being left.
    fetch(this.#location, { method: "DELETE", headers: this.#headers(), keepalive: true }).catch(
      () => {},
    );
    this.#location = "";
  }

  async #iceServers() {
    const response = await this.#request("OPTIONS", this.#endpoint);
    return parseIceServers(response.headers.get("Link") ?? "");
  }

  #headers() {
    return { Authorization: `Bearer ${this.#token}` };
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {string} [body]
   */
  async #request(method, url, body) {
    /** @type {Response} */
    let response;
    try {
      response = await fetch(url, {
        method,
        headers:
          body === undefined
            ? this.#headers()
            : { ...this.#headers(), "Content-Type": "application/sdp", Accept: "application/sdp" },
        body,
        signal: AbortSignal.timeout(SIGNALING_MAX_MS),
      });
    } catch (error) {
      throw new SignalingError(0, String(error));
    }
    if (!response.ok) {
      const text = await response.text().catch(() => "");
      throw new SignalingError(response.status, text.trim().slice(0, 300));
    }
    return response;
  }
}

/**
 * The ICE servers of `Link` headers (RFC 9725, section 4.6): `<turn:host>; rel="ice-server"`.
 *
 * @param {string} header several links are joined by commas
 * @returns {RTCIceServer[]}
 */
export function parseIceServers(header) {
  const servers = [];
  for (const [, url, rest] of header.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+=(?:"[^"]*"|[^",;]*))*)/g)) {
    const parameters = Object.fromEntries(
      [...rest.matchAll(/;\s*([\w-]+)=(?:"([^"]*)"|([^",;]*))/g)].map(([, key, quoted, plain]) => [
        key.toLowerCase(),
        quoted ?? plain.trim(),
      ]),
    );
    if (parameters.rel !== "ice-server") continue;
    /** @type {RTCIceServer} */
    const server = { urls: url };
    if (parameters.username !== undefined) {
      server.username = parameters.username;
      server.credential = parameters.credential ?? "";
    }
    servers.push(server);
  }
  return servers;
}

/**
 * Waits until the offer has its candidates: the receiver takes no trickled ones. A slow STUN
 * server is not waited for once there is a candidate of another kind.
 *
 * @param {RTCPeerConnection} connection
 */
async function gathered(connection) {
  const start = performance.now();
  while (connection.iceGatheringState !== "complete") {
    const hasCandidate = connection.localDescription?.sdp.includes("a=candidate:") ?? false;
    const elapsed = performance.now() - start;
    if (elapsed > GATHERING_LIMIT_MS || (hasCandidate && elapsed > GATHERING_MAX_MS)) return;
    await Promise.race([
      new Promise((resolve) =>
        connection.addEventListener("icegatheringstatechange", resolve, { once: true }),
      ),
      new Promise((resolve) => setTimeout(resolve, 100)),
    ]);
  }
}
