// @ts-check
/**
 * Frames coded one after the other: each from the one before, with the time between them in
 * milliseconds, as its difference to what the frames so far let expect.
 */

import { TICKS_PER_MS, TICKS_PER_SECOND, ticksDifference } from "./clock.js";
import { log2Of } from "./codec_tables.js";
import { BitstreamError } from "./errors.js";
import { FRAME_INTERVAL_MAX_MS } from "./limits.js";
import { USUAL_LAYOUT, framesSince } from "./parameter_message.js";
import { dequantizeParameters, parametersInSteps } from "./quantization.js";
import { RESIDUAL_LIMIT, decodeFrame, encodeFrame } from "./residual_coder.js";
import { LAPLACE_TABLES } from "./signed_table.js";
import { FrameState } from "./symbol_model.js";

/** Expected from an intra frame to the next: 25 fps. */
const DEFAULT_INTERVAL_TICKS = 40 * TICKS_PER_MS;
const DEFAULT_DEVIATION = 16;

/** A frame as the receiver decodes it, and what the next one is predicted from. Never changed. */
export class ChainState {
  /**
   * @param {object} fields
   * @param {import("./codec_tables.js").CodecTables} fields.tables
   * @param {FrameState} fields.frame
   * @param {number} fields.captureTime
   * @param {number} fields.intervalTicks mean ticks a frame lately
   * @param {number} fields.deviation mean magnitude of the interval residuals lately, 1/16 ms
   * @param {number} fields.setId
   * @param {import("./parameter_message.js").FrameLayout} fields.layout of its message
   */
  constructor({ tables, frame, captureTime, intervalTicks, deviation, setId, layout }) {
    this.tables = tables;
    this.frame = frame;
    this.captureTime = captureTime;
    this.intervalTicks = intervalTicks;
    this.deviation = deviation;
    this.setId = setId;
    this.layout = layout;
  }

  /** @throws {BitstreamError} for a symbol outside its alphabet */
  parameters() {
    return dequantizeParameters(this.frame.symbols, this.frame.precision, this.captureTime);
  }

  /**
   * Encodes the frame that comes about `framesAhead` intervals later.
   *
   * @param {import("./range_coder.js").RangeEncoder} encoder
   * @param {import("./parameters.js").FaceParameters} parameters
   * @param {number} framesAhead
   * @throws {RangeError} when a parameter is not finite
   */
  encodeNext(encoder, parameters, framesAhead) {
    const { tables, frame } = this;
    const goal = parametersInSteps(parameters, frame.precision);
    const elapsed = ticksDifference(parameters.captureTime, this.captureTime);
    const rounded = Math.floor((elapsed + TICKS_PER_MS / 2) / TICKS_PER_MS);
    const intervalMs = Math.min(Math.max(rounded, 1), FRAME_INTERVAL_MAX_MS);
    const residualMs = intervalMs - this.#expectedIntervalMs(framesAhead);
    this.#intervalTable().encode(encoder, residualMs);
    const options = { tables, precision: frame.precision, intervalMs };
    const residuals = encodeFrame(encoder, goal, frame, options);
    return this.#next(residuals, intervalMs, residualMs);
  }

  /**
   * The mirror image of `encodeNext`.
   *
   * @param {import("./range_coder.js").RangeDecoder} decoder
   * @param {number} framesAhead
   * @throws {BitstreamError} for bytes that are no frame
   */
  decodeNext(decoder, framesAhead) {
    const { tables, frame } = this;
    const residualMs = this.#intervalTable().decode(decoder, RESIDUAL_LIMIT);
    const intervalMs = this.#expectedIntervalMs(framesAhead) + residualMs;
    if (intervalMs < 1 || intervalMs > FRAME_INTERVAL_MAX_MS) {
      throw new BitstreamError(
        `frame ${intervalMs} ms after its base, 1 to ${FRAME_INTERVAL_MAX_MS} are allowed`,
      );
    }
    const options = { tables, precision: frame.precision, intervalMs };
    return this.#next(decodeFrame(decoder, frame, options), intervalMs, residualMs);
  }

  /**
   * The last frame of a message.
   *
   * @param {ChainState} earlier its base or, intra, its first frame
   * @param {number} baseDistance 0: intra
   * @param {import("./parameter_message.js").FrameLayout} layout
   */
  asBase(earlier, baseDistance, layout) {
    let { intervalTicks } = this;
    const frames = framesSince(layout, baseDistance);
    if (frames > 0) {
      const elapsed = ticksDifference(this.captureTime, earlier.captureTime);
      intervalTicks = Math.min(Math.floor(elapsed / frames), TICKS_PER_SECOND);
    }
    return new ChainState({ ...this, intervalTicks, layout });
  }

  /**
   * @param {Int32Array} residuals
   * @param {number} intervalMs
   * @param {number} residualMs
   */
  #next(residuals, intervalMs, residualMs) {
    return new ChainState({
      ...this,
      frame: this.frame.next(residuals, intervalMs),
      captureTime: (this.captureTime + intervalMs * TICKS_PER_MS) >>> 0,
      deviation: this.deviation + ((16 * Math.abs(residualMs) - this.deviation) >> 2),
    });
  }

  /** @param {number} framesAhead */
  #expectedIntervalMs(framesAhead) {
    return Math.floor((this.intervalTicks * framesAhead + TICKS_PER_MS / 2) / TICKS_PER_MS);
  }

  /** That whose scale is the deviation, in half octaves. */
  #intervalTable() {
    const index = (log2Of(this.deviation + 1) - 32) >> 3;
    return LAPLACE_TABLES[Math.min(Math.max(index, 0), LAPLACE_TABLES.length - 1)];
  }
}

/**
 * Encodes a frame from nothing.
 *
 * @param {import("./range_coder.js").RangeEncoder} encoder
 * @param {import("./parameters.js").FaceParameters} parameters
 * @param {object} options
 * @param {import("./codec_tables.js").CodecTables} options.tables
 * @param {import("./quantization.js").PrecisionValue} options.precision
 * @param {number} options.setId
 * @throws {RangeError} when a parameter is not finite
 */
export function encodeFirst(encoder, parameters, { tables, precision, setId }) {
  const goal = parametersInSteps(parameters, precision);
  const symbols = encodeFrame(encoder, goal, null, { tables, precision });
  return first(symbols, { tables, precision, setId, captureTime: parameters.captureTime });
}

/**
 * The mirror image of `encodeFirst`.
 *
 * @param {import("./range_coder.js").RangeDecoder} decoder
 * @param {object} options
 * @param {import("./codec_tables.js").CodecTables} options.tables
 * @param {import("./quantization.js").PrecisionValue} options.precision
 * @param {number} options.setId
 * @param {number} options.captureTime
 * @throws {BitstreamError} for bytes that are no frame
 */
export function decodeFirst(decoder, options) {
  return first(decodeFrame(decoder, null, options), options);
}

/**
 * @param {Int32Array} symbols
 * @param {object} options
 * @param {import("./codec_tables.js").CodecTables} options.tables
 * @param {import("./quantization.js").PrecisionValue} options.precision
 * @param {number} options.setId
 * @param {number} options.captureTime
 */
function first(symbols, { tables, precision, setId, captureTime }) {
  return new ChainState({
    tables,
    frame: FrameState.intra(symbols, precision, tables),
    captureTime,
    intervalTicks: DEFAULT_INTERVAL_TICKS,
    deviation: DEFAULT_DEVIATION,
    setId,
    layout: USUAL_LAYOUT,
  });
}
