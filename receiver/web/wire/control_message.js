// @ts-check
/**
 * What the sending side says on the `control` channel: msgpack maps with short keys, the key "t"
 * naming the type. `shared/control_message.py` is the whole of it.
 *
 * @typedef {object} Hello Each side's first message
 * @property {"hello"} type
 * @property {number} faceModelVersion
 * @property {Uint8Array} faceModelDigest first DIGEST_BYTES of the SHA-256 of the model's file
 * @property {number} frameRateHz frames a second that this side will send; > 0
 * @property {number} [inBandVersion] of the parameters inside Opus packets that it reads; 0: none
 * @property {number[]} [bitstreamVersions] of parameter messages that it reads and writes
 * @property {string} [name] what the other side may call this one
 *
 * @typedef {object} ReferenceBegin A reference follows, in chunks
 * @property {"ref"} type
 * @property {number} setId 0..255
 * @property {number} referenceId 0..255
 * @property {import("./parameters.js").Crop} crop
 * @property {number} frameWidth of the camera frame that the crop lies in, pixels
 * @property {number} frameHeight
 * @property {import("./parameters.js").FaceParameters} parameters rounded to float16 on the wire
 * @property {"webp" | "avif" | "jpeg"} imageFormat
 * @property {number} imageBytes length of the whole compressed picture
 * @property {import("./parameters.js").Identity | null} [identity] with the first reference of a
 *   set only; the others share it
 *
 * @typedef {object} ReferenceChunk Part of the picture of the reference under way
 * @property {"chunk"} type
 * @property {number} offset bytes of it that came before
 * @property {Uint8Array} data
 *
 * @typedef {object} ReferenceEnd The reference under way is complete
 * @property {"end"} type
 * @property {Uint8Array} digest first DIGEST_BYTES of the SHA-256 of the picture
 *
 * @typedef {"tracked" | "lost" | "several" | "border" | "camera_off" | "camera_failed"} FaceState
 *
 * @typedef {object} Mode The sender's state; sent when it changes
 * @property {"mode"} type
 * @property {"rebuilt" | "video"} mode
 * @property {FaceState} face
 * @property {boolean} [muted]
 * @property {boolean} [thin] the link carries less than the call needs at its lowest
 *
 * @typedef {"left" | "replaced" | "timeout" | "version" | "limit" | "shutdown" | "expired"
 *   | "other"} ByeReason
 *
 * @typedef {object} Bye The session ends
 * @property {"bye"} type
 * @property {ByeReason} reason
 * @property {string} [detail] for a log
 *
 * @typedef {Hello | ReferenceBegin | ReferenceChunk | ReferenceEnd | Mode | Bye} SentMessage
 */

import { Float64, encodeMsgpack } from "../msgpack.js";
import { BITSTREAM_VERSION } from "./codec_tables.js";
import { packIdentity } from "./identity_message.js";
import {
  CONTROL_MESSAGE_MAX_BYTES,
  CONTROL_TEXT_MAX_CHARACTERS,
  NAME_MAX_CHARACTERS,
} from "./limits.js";
import { packReferenceParameters } from "./reference_parameters.js";

export const PROTOCOL_VERSION = 2;

/** Of SHA-256 digests on the wire: the first so many bytes. */
export const DIGEST_BYTES = 16;

/**
 * The bytes that stand for a file or picture on the wire.
 *
 * @param {BufferSource} data
 */
export async function digestOf(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).slice(0, DIGEST_BYTES);
}

/**
 * Its bytes.
 *
 * @param {SentMessage} message
 * @throws {RangeError} for a message longer than the other side takes
 */
export function packControl(message) {
  const packed = encodeMsgpack({ t: message.type, ...fieldsOf(message) });
  if (packed.length > CONTROL_MESSAGE_MAX_BYTES) {
    throw new RangeError(`a control message of ${packed.length} bytes`);
  }
  return packed;
}

/**
 * @param {SentMessage} message
 * @returns {import("../msgpack.js").WritableMap}
 */
function fieldsOf(message) {
  switch (message.type) {
    case "hello": return helloFields(message);
    case "ref": return beginFields(message);
    case "chunk": return { o: message.offset, b: message.data };
    case "end": return { d: message.digest };
    case "mode": {
      const { mode, face, muted = false, thin = false } = message;
      return { m: mode, f: face, u: muted, ...(thin ? { n: true } : {}) };
    }
    case "bye": {
      const detail = [...(message.detail ?? "")].slice(0, CONTROL_TEXT_MAX_CHARACTERS).join("");
      return { r: message.reason, ...(detail ? { d: detail } : {}) };
    }
  }
}

/** @param {Hello} message */
function helloFields({
  faceModelVersion,
  faceModelDigest,
  frameRateHz,
  inBandVersion = 0,
  bitstreamVersions = [BITSTREAM_VERSION],
  name = "",
}) {
  return {
    v: PROTOCOL_VERSION,
    m: faceModelVersion,
    d: faceModelDigest,
    r: new Float64(frameRateHz),
    p: bitstreamVersions,
    ...(inBandVersion ? { b: inBandVersion } : {}),
    ...(name ? { nm: [...name].slice(0, NAME_MAX_CHARACTERS).join("") } : {}),
  };
}

/** @param {ReferenceBegin} message */
function beginFields(message) {
  const { crop, identity = null } = message;
  return {
    s: message.setId,
    i: message.referenceId,
    x: new Float64(crop.x),
    y: new Float64(crop.y),
    z: new Float64(crop.size),
    w: message.frameWidth,
    h: message.frameHeight,
    p: packReferenceParameters(message.parameters),
    c: message.parameters.captureTime,
    f: message.imageFormat,
    n: message.imageBytes,
    ...(identity === null ? {} : { id: packIdentity(identity) }),
  };
}
