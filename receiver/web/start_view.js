// @ts-check
import { element, setNotice } from "./element.js";
import { SignalingError, request } from "./signaling.js";

/** Where somebody without a link begins: two invites are asked for. */
export class StartView {
  #newCall = element("new-call", HTMLButtonElement);
  #trouble = element("start-trouble", HTMLElement);
  #invites = element("invites", HTMLElement);
  #own = element("own-link", HTMLInputElement);
  #their = element("their-link", HTMLInputElement);
  #enter = element("enter-own", HTMLAnchorElement);
  #copy = element("copy-their", HTMLButtonElement);

  constructor() {
    this.#newCall.addEventListener("click", () => void this.#create());
    this.#copy.addEventListener("click", () => void this.#copyTheirs());
    for (const link of [this.#own, this.#their]) link.addEventListener("focus", () => link.select());
  }

  async #create() {
    this.#newCall.disabled = true;
    setNotice(this.#trouble, "");
    try {
      const content = { type: "application/json", body: "{}" };
      const response = await request("POST", new URL("rooms", location.href).href, "", content);
      const [own, their] = (await response.json()).invites;
      this.#own.value = this.#enter.href = own.link;
      this.#their.value = their.link;
      this.#invites.hidden = false;
      this.#newCall.hidden = true;
    } catch (error) {
      setNotice(this.#trouble, refusal(error));
    }
    this.#newCall.disabled = false;
  }

  async #copyTheirs() {
    try {
      await navigator.clipboard.writeText(this.#their.value);
      this.#copy.textContent = "Copied";
    } catch {
      // Without the permission the text is at least selected.
      this.#their.focus();
    }
  }
}

/** @param {unknown} error */
function refusal(error) {
  if (!(error instanceof SignalingError) || error.status === 0) return "The receiver cannot be reached.";
  if (error.status === 403) {
    return "Calls are started on the machine that runs this receiver. Ask there for a link.";
  }
  return error.message;
}
