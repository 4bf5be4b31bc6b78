// @ts-check
/**
 * The worker of a sending page: frames in, messages and references out; composition root of
 * everything in `face`, `send` and `wire`.
 *
 * @typedef {(
 *   | { kind: "frame", frame: VideoFrame | ImageBitmap, time: number }
 *   | { kind: "camera_off" } | { kind: "start" } | { kind: "end" } | { kind: "resend" }
 *   | { kind: "intra" } | { kind: "retake" }
 *   | { kind: "held", setId: number, referenceId: number }
 *   | { kind: "report", report: import("../wire/receiver_report.js").ReceiverReport }
 *   | { kind: "plan", framesPerMessage: number, repeated: number }
 * )} WorkerOrder `time`: when a frame was captured, Unix time in ms
 *
 * @typedef {import("./frame_sender.js").FrameOutput & { kind: "output" | "pause" | "again" }} WorkerOutput
 *   `output` follows each frame; `pause`: what goes out without one; `again`: a reference once more
 */
import { FaceFitter } from "../face/fitting.js";
import { fetchAsset } from "../face/assets.js";
import { FaceModel } from "../face/face_model.js";
import { LandmarkSmoother } from "../face/smoothing.js";
import { FaceTracker } from "../face/tracker.js";
import { CodecTables } from "../wire/codec_tables.js";
import { identityAsReceived } from "../wire/identity_message.js";
import { parametersAsReceived } from "../wire/reference_parameters.js";
import { FaceAnalyser } from "./analysis.js";
import { FrameSender } from "./frame_sender.js";
import { PoseEmbedder } from "./pose_embedding.js";
import { fromWire, toWire } from "./wire_parameters.js";

const LONGER_SIDE_MAX = 640;
const PAUSE_MS = 200;

/** @type {FrameSender | null} */
let sender = null;
/** @type {(() => FaceAnalyser) | null} */
let makeAnalyser = null;
let frameMs = 0;
const canvas = new OffscreenCanvas(1, 1);
const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
  canvas.getContext("2d", { willReadFrequently: true })
);

async function start() {
  if (typeof WebAssembly !== "object") throw new Error("WebAssembly is blocked");
  const [model, tracker, tableFile] = await Promise.all([
    FaceModel.load(),
    FaceTracker.load(),
    fetchAsset("parameter_codec.json"),
  ]);
  const fitter = new FaceFitter(model);
  const tables = new CodecTables(JSON.parse(new TextDecoder().decode(tableFile)));
  const scored = {
    track: async (/** @type {import("./crop_image.js").Picture} */ picture) => {
      const faces = await tracker.track(picture);
      if (sender !== null) sender.score = faces[0]?.score ?? 0;
      return faces;
    },
  };
  makeAnalyser = () =>
    new FaceAnalyser({
      tracker: scored,
      fitter,
      smoother: new LandmarkSmoother(),
      model,
      identityAsReceived,
      noted: (quality) => sender?.look(quality),
      took: (stage, milliseconds) => sender?.note(stage, milliseconds),
      parametersAsReceived: (parameters) => fromWire(parametersAsReceived(toWire(parameters))),
    });
  sender = new FrameSender(makeAnalyser(), tables, new PoseEmbedder(model));
  postMessage({ kind: "ready", faceModel: { version: model.version, digest: model.digest } });
}

/**
 * @param {VideoFrame | ImageBitmap} frame closed when this returns
 * @returns {ImageData} no larger than what tracking profits from
 */
function pixels(frame) {
  const [width, height] =
    frame instanceof ImageBitmap
      ? [frame.width, frame.height]
      : [frame.displayWidth, frame.displayHeight];
  const scale = Math.min(1, LONGER_SIDE_MAX / Math.max(width, height));
  const [w, h] = [Math.max(Math.round(width * scale), 1), Math.max(Math.round(height * scale), 1)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.drawImage(frame, 0, 0, w, h);
  frame.close();
  return context.getImageData(0, 0, w, h);
}

/** @param {WorkerOrder} order */
async function obey(order) {
  if (order.kind === "frame") {
    const picture = pixels(order.frame);
    if (sender === null) return;
    frameMs = performance.now();
    try {
      postMessage({ kind: "output", ...(await sender.step(picture, order.time)) });
    } catch (error) {
      // One frame is left out; the next may do.
      postMessage({ kind: "output", ...sender.pause(order.time), error: String(error) });
    }
    return;
  }
  if (sender === null) return;
  switch (order.kind) {
    case "start": return sendAgain(sender.startSession());
    case "end": return sender.endSession();
    case "resend": return sendAgain(sender.sentReferences());
    case "intra": return sender.forceIntra();
    case "held": return sender.referenceHeld(order.setId, order.referenceId);
    case "report": return sender.acknowledge(order.report);
    case "plan": return sender.plan(order.framesPerMessage, order.repeated);
    case "retake": if (makeAnalyser !== null) sender.replaceAnalyser(makeAnalyser());
  }
}

/** @param {import("./reference_encoder.js").EncodedReference[]} references */
function sendAgain(references) {
  for (const reference of references) {
    postMessage({ kind: "again", ...sender?.again(reference) });
  }
}

/** Unix time in ms, moved on by the monotonic clock alone. */
function now() {
  return performance.timeOrigin + performance.now();
}

setInterval(() => {
  if (sender === null || performance.now() - frameMs < PAUSE_MS) return;
  const output = sender.pause(now());
  if (output.messages.length > 0) postMessage({ kind: "pause", ...output });
}, PAUSE_MS);

addEventListener("message", ({ data }) => void obey(data));
start().catch((error) => postMessage({ kind: "failed", reason: error.message ?? String(error) }));
