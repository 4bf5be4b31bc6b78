// @ts-check
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

/** One session at a WHIP (RFC 9725) or WHEP (draft-ietf-wish-whep) endpoint. */
export class Endpoint {
  #url;
  #token;
  /** Where the session is ended; "" for none. */
  #location = "";

  /**
   * @param {string} url
   * @param {string} token
   */
  constructor(url, token) {
    this.#url = url;
    this.#token = token;
  }

  /**
   * @returns {Promise<RTCIceServer[]>}
   * @throws {SignalingError}
   */
  async iceServers() {
    const response = await request("OPTIONS", this.#url, this.#token);
    return parseIceServers(response.headers.get("Link") ?? "");
  }

  /**
   * Offers, with all candidates: the receiver takes no trickled ones.
   *
   * @param {RTCPeerConnection} connection
   * @returns {Promise<string>} the answer
   * @throws {SignalingError}
   */
  async offer(connection) {
    await connection.setLocalDescription();
    await gathered(connection);
    const response = await request("POST", this.#url, this.#token, {
      type: "application/sdp",
      body: connection.localDescription?.sdp ?? "",
    });
    this.#location = new URL(response.headers.get("Location") ?? "", this.#url).href;
    return response.text();
  }

  /** The session is over there: there is nothing left to end. */
  forget() {
    this.#location = "";
  }

  /** Ends the session, if there is one; goes out even when the page is being left. */
  end() {
    if (this.#location === "") return;
    const headers = { Authorization: `Bearer ${this.#token}` };
    fetch(this.#location, { method: "DELETE", headers, keepalive: true }).catch(() => {});
    this.#location = "";
  }
}

/**
 * @param {string} method
 * @param {string} url
 * @param {string} token
 * @param {{ type: string, body: string }} [content]
 * @param {number} [timeoutMs]
 * @returns {Promise<Response>}
 * @throws {SignalingError}
 */
export async function request(method, url, token, content, timeoutMs = SIGNALING_MAX_MS) {
  /** @type {Record<string, string>} */
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  if (content !== undefined) headers["Content-Type"] = headers.Accept = content.type;
  /** @type {Response} */
  let response;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    response = await fetch(url, { method, headers, body: content?.body, signal });
  } catch (error) {
    throw new SignalingError(0, String(error));
  }
  if (!response.ok) {
    const text = await response.text().catch(() => "");
    throw new SignalingError(response.status, text.trim().slice(0, 300));
  }
  return response;
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
 * Waits until the offer has its candidates. A slow STUN server is not waited for once there is a
 * candidate of another kind.
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
