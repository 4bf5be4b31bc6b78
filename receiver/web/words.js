// @ts-check
/**
 * What a call's state is called. Pure.
 *
 * @typedef {object} Description
 * @property {string} connection a word or two for the head of the page
 * @property {"good" | "busy" | "bad"} tone
 * @property {string} notice a sentence on the picture; "" for none
 * @property {string} detail what to do about it; "" for nothing
 * @property {"none" | "live" | "stale"} picture whether a picture is shown, and whether it moves
 * @property {boolean} busy whether something is expected to happen by itself
 * @property {boolean} canRetry
 */

/** @type {{ [reason: string]: [notice: string, detail: string] }} */
const ENDINGS = {
  expired: ["This link has expired.", "Ask for a new one."],
  unsupported: [
    "This browser cannot make calls.",
    "It needs WebRTC: use a current Chrome, Edge, Firefox or Safari.",
  ],
  "no-token": ["This link is not complete.", "Open the whole link that you were given."],
  "not-allowed": ["This link is not valid here.", "Ask for a new one."],
  "may-not-play": ["This link does not allow watching.", "Ask for one that does."],
  full: ["This call already has two sides.", "Ask for a call of your own."],
  replaced: ["This call went on in another window.", "It can be shown in one at a time."],
  left: ["The call has ended.", ""],
  limit: ["The receiver ended the call: too much was sent.", ""],
  version: ["The receiver speaks another version of Kilocall.", "Reload this page."],
  "other-receiver": [
    "This link names a receiver that cannot be used.",
    "Ask for a new one.",
  ],
  "not-understood": ["The receiver and this browser do not understand each other.", ""],
};

/** @type {{ [reason: string]: string }} */
const TROUBLES = {
  lost: "The connection to the receiver was lost.",
  shutdown: "The receiver was shut down.",
  busy: "The receiver is starting, or full.",
  timeout: "The receiver heard nothing from this page.",
  unreachable: "The receiver cannot be reached.",
};

/** @type {{ [state: string]: string }} */
const FACES = {
  lost: "Their face is out of sight.",
  several: "Several faces are there; one is shown.",
  border: "Their face is at the edge of the picture.",
  camera_off: "Their camera is off.",
  camera_failed: "Their camera does not work.",
};

/**
 * @param {import("./call.js").CallState} state
 * @param {number} nowMs `performance.now()`
 * @returns {Description}
 */
export function describe(state, nowMs) {
  switch (state.phase) {
    case "connecting":
      return expecting("Connecting", "Connecting");
    case "ended": {
      const [notice, detail] = ENDINGS[state.reason] ?? ["The call has ended.", ""];
      return {
        connection: "Ended",
        tone: "bad",
        notice,
        detail: detail || state.answer,
        picture: "none",
        busy: false,
        canRetry: state.reason === "replaced" || state.reason === "left",
      };
    }
    case "retrying": {
      const seconds = Math.max(1, Math.ceil((state.retryAt - nowMs) / 1000));
      return {
        connection: "Not connected",
        tone: "bad",
        notice: TROUBLES[state.reason] ?? TROUBLES.lost,
        detail: `Trying again in ${seconds} s.`,
        picture: "none",
        busy: true,
        canRetry: true,
      };
    }
    case "open":
      return describeOther(state);
  }
}

/**
 * @param {import("./call.js").CallState} state
 * @returns {Description}
 */
function describeOther({ status, met, silent }) {
  if (silent) {
    return { ...expecting("Interrupted", "The receiver is silent. Waiting for it."), picture: "stale" };
  }
  if (status === null || !status.present) {
    return met
      ? expecting("Waiting", "The other side has left. Waiting for them to come back.")
      : expecting("Waiting", "Waiting for the other side to join.");
  }
  if (status.life !== undefined && status.life !== "alive") {
    return {
      ...expecting("Interrupted", "Their connection is interrupted. Waiting for it to come back."),
      picture: status.waiting ? "none" : "stale",
    };
  }
  const face = FACES[status.state ?? ""] ?? "";
  const slow = status.thin ? "Their connection is very slow." : "";
  if (status.waiting) {
    return { ...expecting("Connected", face || "The first picture is on its way."), detail: slow };
  }
  return {
    connection: "Live",
    tone: face || slow ? "busy" : "good",
    notice: face || slow,
    detail: face && slow,
    picture: "live",
    busy: false,
    canRetry: false,
  };
}

/**
 * @param {string} connection
 * @param {string} notice
 * @returns {Description}
 */
function expecting(connection, notice) {
  return {
    connection,
    tone: "busy",
    notice,
    detail: "",
    picture: "none",
    busy: true,
    canRetry: false,
  };
}

/** @type {{ [reason: string]: string }} */
const PUBLISHING_ENDINGS = {
  ...Object.fromEntries(Object.entries(ENDINGS).map(([reason, [notice]]) => [reason, notice])),
  "may-not-publish": "This link does not allow you to be seen.",
  full: "The room is full: this call already has two sides.",
};

/**
 * What keeps this side from being seen; "" for nothing.
 *
 * @param {import("./publisher.js").PublisherState} state
 */
export function publishingTrouble(state) {
  if (state.phase === "connecting") return "Connecting";
  if (state.phase === "retrying") return `${TROUBLES[state.reason] ?? TROUBLES.lost} Trying again.`;
  if (state.phase === "ended") return PUBLISHING_ENDINGS[state.reason] ?? "The call has ended.";
  return "";
}

/**
 * What the other side sees of this one.
 *
 * @param {string} face
 * @param {boolean} hasCamera
 * @param {boolean} showsVideo
 * @param {boolean} isMuted
 */
export function describeOwn(face, hasCamera, showsVideo, isMuted) {
  const sound = isMuted ? "You are muted" : "";
  if (!hasCamera) return sound || "Your camera is off";
  if (showsVideo) return sound ? `${sound}, real video` : "Real video";
  return FACES[face]?.replace("Their", "Your") ?? sound;
}
