// @ts-check
/**
 * What the receiving side says on the `control` channel. Unknown keys are ignored and unknown types
 * reported; what is known is checked for type and range.
 *
 * @typedef {{ type: "held", setId: number, referenceId: number }} ReferenceHeld The receiver can
 *   render from this reference
 * @typedef {{ type: "refresh", target: "parameters" | "reference" }} RefreshRequest It lacks an
 *   intra message, or the current set of references from its first one on
 * @typedef {{ type: "unknown", typeName: string }} UnknownMessage Of a type that is not read here
 * @typedef {Required<import("./control_message.js").Hello>} ReceivedHello
 * @typedef {Required<import("./control_message.js").Bye>} ReceivedBye
 * @typedef {ReceivedHello | ReferenceHeld | RefreshRequest | ReceivedBye | UnknownMessage}
 *   ReceivedMessage
 */

import { MsgpackError, decodeMsgpack } from "../msgpack.js";
import { BITSTREAM_VERSION } from "./codec_tables.js";
import { DIGEST_BYTES, PROTOCOL_VERSION } from "./control_message.js";
import { BitstreamError, VersionError } from "./errors.js";
import {
  CONTROL_MESSAGE_MAX_BYTES,
  CONTROL_TEXT_MAX_CHARACTERS,
  FRAME_RATE_MAX_HZ,
  REFERENCE_ID_MAX,
  SET_ID_MAX,
} from "./limits.js";

/** @type {ReadonlyArray<import("./control_message.js").ByeReason>} */
const REASONS = ["left", "replaced", "timeout", "version", "limit", "shutdown", "expired"];

/** @type {ReadonlyArray<RefreshRequest["target"]>} */
const TARGETS = ["parameters", "reference"];

/**
 * Reads a message; any bytes are safe.
 *
 * @param {ArrayBuffer | Uint8Array} data
 * @returns {ReceivedMessage}
 * @throws {BitstreamError} for bytes that are no message or a known one with a field missing, of a
 *   wrong type or out of range; VersionError for a peer of another protocol version
 */
export function parseControl(data) {
  const fields = new Fields(data);
  const type = fields.text("t");
  switch (type) {
    case "hello": return readHello(fields);
    case "held": {
      const setId = fields.integer("s", 0, SET_ID_MAX);
      return { type, setId, referenceId: fields.integer("i", 0, REFERENCE_ID_MAX) };
    }
    case "refresh": {
      const text = fields.text("w");
      const target = TARGETS.find((known) => known === text);
      if (target === undefined) throw new BitstreamError(`w is unknown, ${TARGETS} are allowed`);
      return { type, target };
    }
    case "bye": {
      const text = fields.text("r");
      const reason = REASONS.find((known) => known === text) ?? "other";
      return { type, reason, detail: fields.has("d") ? fields.text("d") : "" };
    }
    default: return { type: "unknown", typeName: type };
  }
}

/**
 * @param {Fields} fields
 * @returns {ReceivedHello}
 */
function readHello(fields) {
  const version = fields.integer("v", 0, 2 ** 31);
  if (version !== PROTOCOL_VERSION) {
    throw new VersionError(`protocol version ${version}, this side speaks ${PROTOCOL_VERSION}`);
  }
  const bitstreamVersions = fields.integers("p", 0, 7, 8);
  if (!bitstreamVersions.includes(BITSTREAM_VERSION)) {
    throw new VersionError(
      `parameter messages of version ${bitstreamVersions.join(", ") || "none"}, ` +
        `this side reads ${BITSTREAM_VERSION}`,
    );
  }
  return {
    type: "hello",
    bitstreamVersions,
    faceModelVersion: fields.integer("m", 0, 2 ** 31),
    faceModelDigest: fields.binary("d", DIGEST_BYTES),
    frameRateHz: fields.number("r", 1, FRAME_RATE_MAX_HZ),
    inBandVersion: fields.has("b") ? fields.integer("b", 0, 2 ** 31) : 0,
    name: fields.has("nm") ? fields.text("nm") : "",
  };
}

/** Typed access to a peer's map; errors name the key. */
class Fields {
  /** @type {import("../msgpack.js").MsgpackMap} */
  #fields;

  /** @param {ArrayBuffer | Uint8Array} data */
  constructor(data) {
    if (data.byteLength > CONTROL_MESSAGE_MAX_BYTES) {
      throw new BitstreamError(`message of ${data.byteLength} bytes`);
    }
    const value = unpacked(data);
    const isMap = typeof value === "object" && value !== null;
    if (!isMap || Array.isArray(value) || value instanceof Uint8Array) {
      throw new BitstreamError("a msgpack message that is no map");
    }
    this.#fields = value;
  }

  /** @param {string} key */
  has(key) {
    return Object.hasOwn(this.#fields, key);
  }

  /**
   * @param {string} key
   * @param {number} low
   * @param {number} high
   */
  integer(key, low, high) {
    return integerIn(key, this.#get(key), low, high);
  }

  /**
   * @param {string} key
   * @param {number} low
   * @param {number} high
   * @param {number} maxCount
   */
  integers(key, low, high, maxCount) {
    const value = this.#get(key);
    if (!Array.isArray(value)) throw new BitstreamError(`${key} is no list`);
    if (value.length > maxCount) throw new BitstreamError(`${key} has ${value.length} items`);
    return value.map((item) => integerIn(key, item, low, high));
  }

  /**
   * @param {string} key
   * @param {number} low
   * @param {number} high
   */
  number(key, low, high) {
    const value = this.#get(key);
    if (typeof value !== "number") throw new BitstreamError(`${key} is no number`);
    if (!(value >= low && value <= high)) throw new BitstreamError(`${key} is ${value}`);
    return value;
  }

  /** @param {string} key */
  text(key) {
    const value = this.#get(key);
    if (typeof value !== "string") throw new BitstreamError(`${key} is no text`);
    if ([...value].length > CONTROL_TEXT_MAX_CHARACTERS) {
      throw new BitstreamError(`${key} of ${value.length} characters`);
    }
    return value;
  }

  /**
   * @param {string} key
   * @param {number} length
   */
  binary(key, length) {
    const value = this.#get(key);
    if (!(value instanceof Uint8Array)) throw new BitstreamError(`${key} is not binary`);
    if (value.length !== length) throw new BitstreamError(`${key} of ${value.length} bytes`);
    return value;
  }

  /** @param {string} key */
  #get(key) {
    if (!this.has(key)) throw new BitstreamError(`${key} is missing`);
    return this.#fields[key];
  }
}

/**
 * @param {string} key
 * @param {import("../msgpack.js").Msgpack} value
 * @param {number} low
 * @param {number} high
 */
function integerIn(key, value, low, high) {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new BitstreamError(`${key} is no integer`);
  }
  if (value < low || value > high) throw new BitstreamError(`${key} is ${value}`);
  return value;
}

/** @param {ArrayBuffer | Uint8Array} data */
function unpacked(data) {
  try {
    return decodeMsgpack(data);
  } catch (error) {
    if (!(error instanceof MsgpackError)) throw error;
    throw new BitstreamError(`bytes that are no msgpack message (${error.message})`);
  }
}
