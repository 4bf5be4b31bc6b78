// @ts-check
/**
 * What a person in the lobby should change, and what went wrong with their devices. Pure.
 *
 * @typedef {{ tone: "good" | "busy", text: string }} Hint
 */

/** Heights of the face in the frame's shorter side: below, it is too small to be sharp. */
const LEAST_FACE = 0.28;
const LEAST_BRIGHTNESS = 55;

/**
 * @param {import("./tracking.js").WorkerOutput} output
 * @returns {Hint}
 */
export function trackingHint(output) {
  switch (output.face) {
    case "lost": return busy("No face is seen. Sit before the camera.");
    case "several": return busy("One face only, please.");
    case "border": return busy("Move to the middle of the picture.");
  }
  if (output.size < LEAST_FACE) return busy("Move closer.");
  if (output.brightness < LEAST_BRIGHTNESS) return busy("More light on your face, please.");
  return { tone: "good", text: "Your face is followed well." };
}

/** @param {string} text @returns {Hint} */
function busy(text) {
  return { tone: "busy", text };
}

/** @type {{ [trouble in import("./devices.js").DeviceTrouble]: string }} */
const CAMERA = {
  insecure: "Browsers give the camera to secure pages only: open this page by its https:// address.",
  unsupported: "This browser gives pages no camera. See the list of browsers in the documentation.",
  denied: "The camera was not allowed. Allow it in the browser's settings for this page, then choose it again.",
  none: "No camera was found. Plug one in and choose it, or go in without a picture.",
  busy: "The camera is used by another program. Close that and choose the camera again.",
  failed: "The camera could not be started. Choose it again, or another one.",
};

/** @type {{ [trouble in import("./devices.js").DeviceTrouble]: string }} */
const MICROPHONE = {
  insecure: "Browsers give the microphone to secure pages only: open this page by its https:// address.",
  unsupported: "This browser gives pages no microphone.",
  denied: "The microphone was not allowed. The other side will not hear you.",
  none: "No microphone was found. The other side will not hear you.",
  busy: "The microphone is used by another program. Close that and choose it again.",
  failed: "The microphone could not be started. Choose it again, or another one.",
};

/** @param {import("./devices.js").DeviceError} error */
export function deviceTrouble(error) {
  return (error.device === "camera" ? CAMERA : MICROPHONE)[error.trouble];
}

/** @param {string} reason what the worker said */
export function noTracking(reason) {
  return reason.includes("WebAssembly")
    ? "WebAssembly is blocked in this browser, so your face cannot be followed. Your camera's own picture is sent."
    : `Your face cannot be followed here (${reason}). Your camera's own picture is sent.`;
}
