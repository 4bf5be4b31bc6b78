// @ts-check
/**
 * The identity of a person as bytes; travels with the first reference of a set.
 *
 *     bytes 0-79    40 coefficients, float16, big endian
 *     bytes 80-83   residual step, float32, big endian
 *     the rest      residual, range-coded: index of a Laplace table (5 bits), then 478 x 3 values
 */

import { BitstreamError } from "./errors.js";
import { packHalves, parseHalves } from "./half_float.js";
import {
  IDENTITY_COEFFICIENT_MAX,
  IDENTITY_MAX_BYTES,
  IDENTITY_RESIDUAL_STEP_MAX,
} from "./limits.js";
import { IDENTITY_SIZE, VERTEX_COUNT } from "./parameters.js";
import { RangeDecoder, RangeEncoder } from "./range_coder.js";
import { LAPLACE_TABLES } from "./signed_table.js";

const COEFFICIENT_BYTES = 2 * IDENTITY_SIZE;
const FIXED_BYTES = COEFFICIENT_BYTES + 4;
const TABLE_BITS = 5;
const RESIDUAL_LIMIT = 1 << 16;

/**
 * Its bytes, about 1 KB. Coefficients are rounded to float16, the residual is exact.
 *
 * @param {import("./parameters.js").Identity} identity
 */
export function packIdentity({ coefficients, residual, residualStep }) {
  const costs = LAPLACE_TABLES.map((table) =>
    residual.reduce((cost, value) => cost + table.cost(Math.abs(value)), 0),
  );
  const best = costs.indexOf(Math.min(...costs));
  const encoder = new RangeEncoder();
  encoder.encodeBits(best, TABLE_BITS);
  for (const value of residual) LAPLACE_TABLES[best].encode(encoder, value);
  const coded = encoder.finish();
  const data = new Uint8Array(FIXED_BYTES + coded.length);
  data.set(packHalves(coefficients));
  new DataView(data.buffer).setFloat32(COEFFICIENT_BYTES, residualStep);
  data.set(coded, FIXED_BYTES);
  return data;
}

/**
 * Reads an identity; any bytes are safe.
 *
 * @param {Uint8Array} data
 * @returns {import("./parameters.js").Identity}
 * @throws {BitstreamError} for bytes that are none
 */
export function parseIdentity(data) {
  if (data.length < FIXED_BYTES || data.length > IDENTITY_MAX_BYTES) {
    throw new BitstreamError(`identity of ${data.length} bytes`);
  }
  const coefficients = parseHalves(data.subarray(0, COEFFICIENT_BYTES));
  if (!coefficients.every((value) => Math.abs(value) <= IDENTITY_COEFFICIENT_MAX)) {
    throw new BitstreamError("identity coefficients too large or not finite");
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const residualStep = view.getFloat32(COEFFICIENT_BYTES);
  if (!(residualStep >= 0 && residualStep <= IDENTITY_RESIDUAL_STEP_MAX)) {
    throw new BitstreamError(`identity residual step ${residualStep}`);
  }
  const decoder = new RangeDecoder(data.subarray(FIXED_BYTES));
  const index = decoder.decodeBits(TABLE_BITS);
  if (index >= LAPLACE_TABLES.length) throw new BitstreamError(`identity table ${index}`);
  const residual = new Int8Array(3 * VERTEX_COUNT);
  for (let place = 0; place < residual.length; place++) {
    const value = LAPLACE_TABLES[index].decode(decoder, RESIDUAL_LIMIT);
    if (value < -128 || value > 127) throw new BitstreamError(`identity residual ${value}`);
    residual[place] = value;
  }
  decoder.finish();
  return { coefficients, residual, residualStep };
}

/**
 * What the receiver will hold: the sender fits against this one, so that both agree.
 *
 * @param {import("./parameters.js").Identity} identity
 */
export function identityAsReceived(identity) {
  return parseIdentity(packIdentity(identity));
}
