// @ts-check
/**
 * The messages of the `parameters` channel: their kinds, header and layout. The bytes are drawn in
 * `shared/parameter_message.py`.
 *
 * @typedef {object} FrameLayout How the frames of a message lie against those of the one before
 * @property {number} frameCount 1..3
 * @property {number} repeated the first so many were in the message before too
 *
 * @typedef {object} IntraPrefix What an intra message says before its frames
 * @property {number} sequence
 * @property {number} setId
 * @property {number} captureTime
 * @property {import("./quantization.js").PrecisionValue} precision
 */

import { BITSTREAM_VERSION } from "./codec_tables.js";
import { BitstreamError } from "./errors.js";
import { FRAMES_PER_MESSAGE_MAX, PARAMETER_MESSAGE_MAX_BYTES } from "./limits.js";
import { frequenciesOf, startsOf } from "./signed_table.js";
import { SEQUENCE_BITS } from "./sequence.js";

export const HEADER_BYTES = 2;

/** A base lies at most BASE_DISTANCE_MAX messages back, so these bits name a predicted message. */
export const HEADER_SEQUENCE_BITS = 11;
export const BASE_DISTANCE_MAX = 63;

const LOW_MASK = (1 << HEADER_SEQUENCE_BITS) - 1;
const HIGH_BITS = SEQUENCE_BITS - HEADER_SEQUENCE_BITS;

/** Bits 3-4 of the first byte. */
export const MessageKind = Object.freeze({ INTRA: 0, PREDICTED: 1, REPORT: 2 });

/** Each distance 13/16 as likely as the one before. */
function distanceStarts() {
  const weights = [2 ** 20];
  while (weights.length < BASE_DISTANCE_MAX) weights.push((weights[weights.length - 1] * 13) >> 4);
  return startsOf(frequenciesOf(weights));
}

/** @type {FrameLayout[]} */
const LAYOUTS = [];
for (let frameCount = 1; frameCount <= FRAMES_PER_MESSAGE_MAX; frameCount++) {
  for (let repeated = 0; repeated < frameCount; repeated++) LAYOUTS.push({ frameCount, repeated });
}

const DISTANCE_STARTS = distanceStarts();
const HOLD_STARTS = startsOf(frequenciesOf([31, 1]));
const LAYOUT_STARTS = startsOf(frequenciesOf([120, ...LAYOUTS.map(() => 1)]));

/** What an intra message is expected to have. */
export const USUAL_LAYOUT = Object.freeze({ frameCount: 2, repeated: 0 });

/**
 * Frames from the base to the message's first, were all messages alike; >= 1.
 *
 * @param {FrameLayout} layout
 * @param {number} baseDistance
 */
export function framesAhead({ frameCount, repeated }, baseDistance) {
  return Math.max(baseDistance * (frameCount - repeated) - frameCount + 1, 1);
}

/**
 * Frames from the base, or from the first of an intra message (0), to the last.
 *
 * @param {FrameLayout} layout
 * @param {number} baseDistance
 */
export function framesSince({ frameCount, repeated }, baseDistance) {
  return baseDistance ? baseDistance * (frameCount - repeated) : frameCount - 1;
}

/**
 * @param {number} kind
 * @param {number} sequence
 */
export function headerOf(kind, sequence) {
  return (BITSTREAM_VERSION << 13) | (kind << 11) | (sequence & LOW_MASK);
}

/**
 * Which message of the `parameters` channel this is.
 *
 * @param {Uint8Array} data
 * @throws {BitstreamError} for impossible length, another version or a reserved kind
 */
export function messageKind(data) {
  if (data.length < HEADER_BYTES || data.length > PARAMETER_MESSAGE_MAX_BYTES) {
    throw new BitstreamError(`parameter message of ${data.length} bytes`);
  }
  const version = data[0] >> 5;
  if (version !== BITSTREAM_VERSION) {
    throw new BitstreamError(
      `parameter message version ${version}, this side reads ${BITSTREAM_VERSION}`,
    );
  }
  const kind = (data[0] >> 3) & 3;
  if (kind > MessageKind.REPORT) throw new BitstreamError(`parameter message kind ${kind}`);
  return kind;
}

/**
 * The low bits of the sequence number of a message of face parameters.
 *
 * @param {Uint8Array} data
 * @throws {BitstreamError} for a report and for bytes that `messageKind` refuses
 */
export function headerSequence(data) {
  if (messageKind(data) === MessageKind.REPORT) throw new BitstreamError("a receiver report");
  return ((data[0] << 8) | data[1]) & LOW_MASK;
}

/**
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {IntraPrefix} prefix
 */
export function encodeIntraPrefix(encoder, { sequence, setId, captureTime, precision }) {
  encoder.encodeBits(sequence >> HEADER_SEQUENCE_BITS, HIGH_BITS);
  encoder.encodeBits(setId, 8);
  encoder.encodeBits(captureTime, 32);
  encoder.encodeBits(precision, 2);
}

/**
 * @param {import("./range_coder.js").RangeDecoder} decoder
 * @param {number} low `headerSequence`
 * @returns {IntraPrefix}
 */
export function decodeIntraPrefix(decoder, low) {
  return {
    sequence: (decoder.decodeBits(HIGH_BITS) << HEADER_SEQUENCE_BITS) | low,
    setId: decoder.decodeBits(8),
    captureTime: decoder.decodeBits(32),
    precision: /** @type {import("./quantization.js").PrecisionValue} */ (decoder.decodeBits(2)),
  };
}

/**
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {number} distance 1..BASE_DISTANCE_MAX
 */
export function encodeBaseDistance(encoder, distance) {
  encodeSymbol(encoder, DISTANCE_STARTS, distance - 1);
}

/** @param {import("./range_coder.js").RangeDecoder} decoder */
export function decodeBaseDistance(decoder) {
  return decoder.decode(DISTANCE_STARTS) + 1;
}

/**
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {FrameLayout} layout
 * @param {{ hold: boolean, expected: FrameLayout }} options `hold`: the last message before a
 *   pause; `expected`: the layout of the base message
 */
export function encodeLayout(encoder, layout, { hold, expected }) {
  encodeSymbol(encoder, HOLD_STARTS, hold ? 1 : 0);
  const symbol = isSame(layout, expected)
    ? 0
    : 1 + LAYOUTS.findIndex((known) => isSame(known, layout));
  encodeSymbol(encoder, LAYOUT_STARTS, symbol);
}

/**
 * @param {import("./range_coder.js").RangeDecoder} decoder
 * @param {FrameLayout} expected
 */
export function decodeLayout(decoder, expected) {
  const hold = decoder.decode(HOLD_STARTS) === 1;
  const symbol = decoder.decode(LAYOUT_STARTS);
  return { layout: symbol === 0 ? expected : LAYOUTS[symbol - 1], hold };
}

/**
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {Int32Array} starts
 * @param {number} symbol
 */
function encodeSymbol(encoder, starts, symbol) {
  encoder.encode(starts[symbol], starts[symbol + 1] - starts[symbol]);
}

/**
 * @param {FrameLayout} one
 * @param {FrameLayout} other
 */
function isSame(one, other) {
  return one.frameCount === other.frameCount && one.repeated === other.repeated;
}
