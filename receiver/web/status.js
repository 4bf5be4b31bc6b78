// @ts-check
import { decodeMsgpack } from "./msgpack.js";

/**
 * What the receiver tells about the other side, about once a second. The keys are explained in
 * `receiver/status_message.py`; what is not known is undefined.
 *
 * @typedef {object} Status
 * @property {boolean} present
 * @property {string} [life]
 * @property {boolean} [plain]
 * @property {boolean} [waiting]
 * @property {string} [state]
 * @property {boolean} [muted]
 * @property {string} [name]
 * @property {boolean} [thin]
 * @property {string} [generator]
 * @property {number} [fps]
 * @property {{ p50: number, p95: number }} [latency_ms]
 * @property {string} [transport]
 * @property {number} [loss]
 * @property {number} [wire_bps_forward]
 * @property {number} [wire_bps_reverse]
 * @property {number} [audio_wire_bps]
 * @property {number} [picture_hop_bps]
 */

/** @typedef {{ kind: "status", status: Status } | { kind: "bye", reason: string }} StatusMessage */

/** @type {{ [key: string]: "string" | "number" | "boolean" }} */
const TYPES = {
  life: "string",
  plain: "boolean",
  waiting: "boolean",
  state: "string",
  muted: "boolean",
  name: "string",
  thin: "boolean",
  generator: "string",
  fps: "number",
  transport: "string",
  loss: "number",
  wire_bps_forward: "number",
  wire_bps_reverse: "number",
  audio_wire_bps: "number",
  picture_hop_bps: "number",
};

/**
 * Reads a message of the `status` channel. Unknown keys are left out, and so are known ones of
 * another type; null stands for an unknown message.
 *
 * @param {ArrayBuffer} data
 * @returns {StatusMessage | null}
 * @throws {import("./msgpack.js").MsgpackError} for bytes that are no msgpack
 */
export function parseStatus(data) {
  const message = decodeMsgpack(data);
  if (!isMap(message)) return null;
  if (message.t === "bye") {
    return { kind: "bye", reason: typeof message.reason === "string" ? message.reason : "other" };
  }
  if (message.t !== "status" || typeof message.present !== "boolean") return null;
  /** @type {{ [key: string]: unknown }} */
  const status = { present: message.present };
  for (const [key, type] of Object.entries(TYPES)) {
    if (typeof message[key] === type) status[key] = message[key];
  }
  const latency = message.latency_ms;
  if (isMap(latency) && typeof latency.p50 === "number" && typeof latency.p95 === "number") {
    status.latency_ms = { p50: latency.p50, p95: latency.p95 };
  }
  return { kind: "status", status: /** @type {Status} */ (/** @type {unknown} */ (status)) };
}

/**
 * @param {import("./msgpack.js").Msgpack | undefined} value
 * @returns {value is import("./msgpack.js").MsgpackMap}
 */
function isMap(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
