// @ts-check
/**
 * What the receiver holds and when it came. Rides the `parameters` channel; may come late, twice or
 * never.
 *
 * @typedef {object} ReceiverReport
 * @property {number} newest sequence number of the newest message that it holds, 0..65535
 * @property {number} held bit i, 0..31: it also holds message newest - 1 - i
 * @property {number} delayMs from the arrival of `newest` to this report, 0..65535; saturates
 * @property {number} transitMs arrival of `newest` minus capture of its last frame, modulo 2^16;
 *   only differences mean anything
 * @property {number} receivedBps all that came lately, headers included, to 2 %; 0: not known
 */

import { BitstreamError } from "./errors.js";
import { MessageKind, messageKind } from "./parameter_message.js";

export const HELD_BITS = 32;

const REPORT_BYTES = 12;
const LEAST_BPS = 500;
const STEPS_PER_OCTAVE = 16;

/**
 * Reads a report; longer ones of later versions are read as far as known.
 *
 * @param {Uint8Array} data
 * @returns {ReceiverReport}
 * @throws {BitstreamError} for bytes that are none
 */
export function parseReceiverReport(data) {
  if (messageKind(data) !== MessageKind.REPORT) {
    throw new BitstreamError("face parameters, a receiver report was expected");
  }
  if (data.length < REPORT_BYTES) {
    throw new BitstreamError(
      `receiver report of ${data.length} bytes, at least ${REPORT_BYTES} are needed`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const code = view.getUint8(11);
  return {
    newest: view.getUint16(1),
    held: view.getUint32(3),
    delayMs: view.getUint16(7),
    transitMs: view.getUint16(9),
    receivedBps: code === 0 ? 0 : LEAST_BPS * 2 ** ((code - 1) / STEPS_PER_OCTAVE),
  };
}
