// @ts-check
import { readClaims, refreshAddress } from "./link.js";
import { request } from "./signaling.js";

/** A token is made anew when this share of its life is over. */
const SHARE = 0.5;
const LEAST_MS = 5000;
const AGAIN_MS = 15000;

/** Keeps a token alive while its call is: a link lives as long as it is in use. */
export class TokenKeeper {
  #place;
  #onToken;
  #timer = 0;

  /**
   * @param {import("./link.js").Place} place
   * @param {(before: string, after: string) => void} onToken
   */
  constructor(place, onToken) {
    this.#place = place;
    this.#onToken = onToken;
    this.#wait();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #wait() {
    const { exp } = readClaims(this.#place.token);
    if (typeof exp !== "number") return;
    const leftMs = exp * 1000 - Date.now();
    this.#timer = setTimeout(() => void this.#renew(), Math.min(Math.max(leftMs * SHARE, LEAST_MS), 2 ** 31 - 1));
  }

  async #renew() {
    const before = this.#place.token;
    try {
      const response = await request("POST", refreshAddress(this.#place), before);
      const { token } = await response.json();
      this.#place = { ...this.#place, token };
      this.#onToken(before, token);
      this.#wait();
    } catch {
      // The call itself says what is wrong; as long as the token lives it is tried again.
      this.#timer = setTimeout(() => void this.#renew(), AGAIN_MS);
    }
  }
}
