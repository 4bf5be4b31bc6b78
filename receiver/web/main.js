// @ts-check
import { Call } from "./call.js";
import { parseLink } from "./link.js";
import { Room } from "./room.js";
import { StartView } from "./start_view.js";
import { HopMeter, statisticsTexts } from "./statistics.js";
import { View } from "./view.js";
import { describe } from "./words.js";

const STATISTICS_MS = 1000;

/** @type {import("./call.js").CallState} */
const NO_CALL = {
  phase: "ended",
  status: null,
  met: false,
  silent: false,
  reason: "no-token",
  answer: "",
  retryAt: 0,
};
let state = NO_CALL;
/** @type {Call | null} */
let call = null;
/** @type {Room | null} */
let room = null;
let meter = new HopMeter();
const view = new View({ onRetry: () => (room === null ? call?.start() : room.retry()) });
new StartView();

/** @param {import("./call.js").CallState} changed */
function show(changed) {
  state = changed;
  view.show(describe(state, performance.now()), state.status);
}

/** @param {"start" | "lobby" | "call"} name */
function go(name) {
  document.body.dataset.view = name;
}

/** Opens what the link in the address bar stands for. */
function open() {
  close();
  if (!("RTCPeerConnection" in globalThis)) {
    show({ ...NO_CALL, reason: "unsupported" });
    go("call");
    return;
  }
  const link = parseLink(new URL(location.href));
  if (link === null) {
    show({ ...NO_CALL });
    go(location.hash === "" ? "start" : "call");
    return;
  }
  if (link.publish === null) {
    watch(link.play ?? { endpoint: new URL("whep", location.href.split("#")[0]).href, token: "" });
    return;
  }
  go("lobby");
  room = new Room(link, { onView: go, onWatch: watch, onNothingToWatch: () => show({ ...NO_CALL }) });
}

/** @param {import("./link.js").Place} place */
function watch(place) {
  go("call");
  call?.stop();
  meter = new HopMeter();
  call = new Call({
    ...place,
    policy: room?.policy ?? "all",
    onStream: (stream) => void view.play(stream),
    onState: (changed) => {
      show(changed);
      room?.onOther(changed);
    },
  });
  call.start();
  return call;
}

function close() {
  call?.stop();
  call = null;
  room?.close();
  room = null;
}

setInterval(async () => {
  const hop = meter.update(call === null ? null : await call.statistics());
  view.showStatistics(statisticsTexts(state.phase === "open" ? state.status : null, hop));
  room?.showStatistics();
}, STATISTICS_MS);

addEventListener("hashchange", () => {
  // A room writes fresher tokens of the same call there.
  if (!(room?.wrote(location.hash) ?? false)) open();
});
addEventListener("online", () => {
  if (state.phase === "retrying") call?.start();
  room?.online();
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted) open();
});
open();
