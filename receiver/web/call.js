// @ts-check
import { answers } from "./probe.js";
import { SignalingError } from "./signaling.js";
import { WhepSession } from "./whep.js";

/**
 * Where a call stands.
 *
 * @typedef {object} CallState
 * @property {"connecting" | "open" | "retrying" | "ended"} phase
 * @property {import("./status.js").Status | null} status what was told last; null before
 * @property {boolean} met whether the other side was there at some time
 * @property {boolean} silent the receiver has said nothing for a while
 * @property {string} reason why the call ended, or is tried again; see `words.js`
 * @property {string} answer what the receiver said when it refused; "" for nothing
 * @property {number} retryAt when it is tried again, in `performance.now()` ms
 */

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
/** Statuses come once a second. */
const SILENT_MS = 3000;
/** A connection that reports nothing for this long is given up. */
const LOST_MS = 15000;
const OPEN_MAX_MS = 15000;

/** What a `bye` says that another try would not change. */
const FINAL_BYES = new Set(["replaced", "expired", "limit", "version", "left"]);

/** A call that is played, and connected again when the connection or the receiver goes away. */
export class Call {
  /**
   * @param {object} options
   * @param {string} options.endpoint
   * @param {string} options.token
   * @param {RTCIceTransportPolicy} [options.policy]
   * @param {(stream: MediaStream) => void} options.onStream
   * @param {(state: CallState) => void} options.onState
   */
  constructor({ endpoint, token, policy = "all", onStream, onState }) {
    this.#endpoint = endpoint;
    this.#token = token;
    this.#policy = policy;
    this.#onStream = onStream;
    this.#onState = onState;
  }

  #endpoint;
  #token;
  #policy;
  #onStream;
  #onState;
  /** @type {WhepSession | null} */
  #session = null;
  #attempts = 0;
  #heardAt = 0;
  #timer = 0;
  #isProbing = false;
  /** @type {CallState} */
  #state = {
    phase: "connecting",
    status: null,
    met: false,
    silent: false,
    reason: "",
    answer: "",
    retryAt: 0,
  };

  /** Connects now, also when waiting for another try. */
  start() {
    this.#drop();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#watch(), 250);
    this.#heardAt = performance.now();
    this.#set({ phase: "connecting", silent: false });
    const session = new WhepSession({
      endpoint: this.#endpoint,
      token: this.#token,
      policy: this.#policy,
      onStream: this.#onStream,
      onStatus: (message) => this.#read(message),
      onState: (state) => {
        if (state === "failed") this.#retry("lost");
      },
    });
    this.#session = session;
    session.open().catch((error) => {
      if (this.#session === session) this.#refused(error);
    });
  }

  /**
   * The next connection is opened with a token that lives longer.
   *
   * @param {string} token
   */
  renew(token) {
    this.#token = token;
  }

  /** Ends the call for good. */
  stop() {
    clearInterval(this.#timer);
    this.#drop();
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async statistics() {
    return this.#session === null ? null : this.#session.statistics();
  }

  /** @param {import("./status.js").StatusMessage} message */
  #read(message) {
    this.#heardAt = performance.now();
    if (message.kind === "bye") {
      if (FINAL_BYES.has(message.reason)) this.#end(message.reason);
      else this.#retry(message.reason);
      return;
    }
    this.#attempts = 0;
    this.#set({
      phase: "open",
      status: message.status,
      met: this.#state.met || message.status.present,
      silent: false,
    });
  }

  #watch() {
    const silentMs = performance.now() - this.#heardAt;
    if (this.#state.phase === "connecting" && silentMs > OPEN_MAX_MS) this.#retry("unreachable");
    if (this.#state.phase !== "open") return;
    if (silentMs > LOST_MS) this.#retry("lost");
    else if (silentMs > SILENT_MS) {
      if (!this.#state.silent) this.#set({ silent: true });
      void this.#probe();
    }
  }

  /**
   * The network may have come back with another address, where nothing would be heard on this
   * connection for half a minute: if the receiver answers, another one takes its place.
   */
  async #probe() {
    if (this.#isProbing) return;
    this.#isProbing = true;
    const [session, asked] = [this.#session, performance.now()];
    const isThere = await answers(this.#endpoint);
    this.#isProbing = false;
    if (isThere && this.#session === session && this.#heardAt < asked) this.start();
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof SignalingError)) {
      console.warn("the call was not opened:", error);
      this.#retry("unreachable");
    } else if (error.status === 401) {
      this.#end(error.message.includes("expired") ? "expired" : "not-allowed");
    } else if (error.status === 403) {
      this.#end("may-not-play");
    } else if (error.status === 409) {
      this.#end("full");
    } else if (error.status === 0 || error.status >= 500 || error.status === 404) {
      this.#retry(error.status === 503 ? "busy" : "unreachable");
    } else {
      this.#end("not-understood", error.message);
    }
  }

  /** @param {string} reason */
  #retry(reason) {
    this.#drop();
    clearInterval(this.#timer);
    const delay = RETRY_MS[Math.min(this.#attempts, RETRY_MS.length - 1)];
    this.#attempts += 1;
    const retryAt = performance.now() + delay;
    this.#set({ phase: "retrying", reason, retryAt });
    this.#timer = setInterval(() => {
      if (performance.now() >= retryAt) this.start();
      else this.#set({});
    }, 250);
  }

  /**
   * @param {string} reason
   * @param {string} [answer]
   */
  #end(reason, answer = "") {
    this.stop();
    this.#set({ phase: "ended", reason, answer });
  }

  #drop() {
    this.#session?.close();
    this.#session = null;
  }

  /** @param {Partial<CallState>} changes */
  #set(changes) {
    this.#state = { ...this.#state, ...changes };
    this.#onState(this.#state);
  }
}
