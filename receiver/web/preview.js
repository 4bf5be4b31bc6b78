// @ts-check
import { Call } from "./call.js";
import { request } from "./signaling.js";

/**
 * Oneself as rebuilt: published into a private room of the receiver and played from there.
 */
export class Preview {
  #own;
  /** @type {Call | null} */
  #call = null;
  #closed = false;

  /**
   * @param {import("./own_side.js").OwnSide} own
   * @param {import("./link.js").Place} place where this party publishes
   * @param {RTCIceTransportPolicy} policy
   * @param {{ onStream: (stream: MediaStream) => void, onEnd: () => void }} events
   */
  constructor(own, place, policy, events) {
    this.#own = own;
    void this.#open(place, policy, events);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#call?.stop();
    this.#own.unpublish();
  }

  /**
   * @param {import("./link.js").Place} place
   * @param {RTCIceTransportPolicy} policy
   * @param {{ onStream: (stream: MediaStream) => void, onEnd: () => void }} events
   */
  async #open(place, policy, { onStream, onEnd }) {
    try {
      const address = new URL("preview", place.endpoint).href;
      const answer = await (await request("POST", address, place.token)).json();
      if (this.#closed) return;
      this.#own.publish({ endpoint: place.endpoint, token: answer.publish }, policy);
      this.#call = new Call({
        endpoint: new URL("whep", place.endpoint).href,
        token: answer.play,
        policy,
        onStream,
        onState: (state) => {
          if (state.phase === "ended" && !this.#closed) onEnd();
        },
      });
      this.#call.start();
    } catch (error) {
      console.info("no preview:", error);
      if (!this.#closed) onEnd();
    }
  }
}
