// @ts-check
import { Call } from "./call.js";
import { HopMeter, statisticsTexts } from "./statistics.js";
import { View } from "./view.js";
import { describe } from "./words.js";

const STATISTICS_MS = 1000;

/** @type {import("./call.js").CallState} */
let state = {
  phase: "ended",
  status: null,
  met: false,
  silent: false,
  reason: "no-token",
  answer: "",
  retryAt: 0,
};
/** @type {Call | null} */
let call = null;
const meter = new HopMeter();
const view = new View({ onRetry: () => call?.start() });

/** @param {import("./call.js").CallState} changed */
function show(changed) {
  state = changed;
  view.show(describe(state, performance.now()), state.status);
}

/** The token is in the fragment, which a browser sends to nobody. */
function open() {
  call?.stop();
  call = null;
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  if (token === "") {
    show({ ...state, phase: "ended", status: null, reason: "no-token" });
    return;
  }
  call = new Call({
    endpoint: new URL("whep", location.href.split("#")[0]).href,
    token,
    onStream: (stream) => void view.play(stream),
    onState: show,
  });
  call.start();
}

setInterval(async () => {
  const hop = meter.update(call === null ? null : await call.statistics());
  view.showStatistics(statisticsTexts(state.phase === "open" ? state.status : null, hop));
}, STATISTICS_MS);

addEventListener("hashchange", open);
addEventListener("online", () => {
  if (state.phase === "retrying") call?.start();
});
addEventListener("pagehide", () => call?.stop());
addEventListener("pageshow", (event) => {
  if (event.persisted) open();
});
open();
