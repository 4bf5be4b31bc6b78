// @ts-check
/** Reads numpy's .npz and .npy (numpy.lib.format, versions 1 to 3), little-endian numbers only. */

import { ArtifactError } from "./errors.js";
import { readZip } from "./zip.js";

/**
 * @typedef {Float32Array | Float64Array | Int8Array | Uint8Array | Int32Array | BigInt64Array} Numbers
 */

/**
 * @typedef {object} NumpyArray
 * @property {string} type as numpy writes it, "<f4" for float32
 * @property {number[]} shape
 * @property {Numbers} data in C order
 */

/** @type {{ [type: string]: new (buffer: ArrayBuffer) => Numbers }} */
const TYPES = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "|i1": Int8Array,
  "|u1": Uint8Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const HEADER = /'descr': '([^']*)'.*'fortran_order': (True|False).*'shape': \(([\d, ]*)\)/;

/**
 * The arrays of an .npz by name.
 *
 * @param {ArrayBuffer} archive
 * @param {number} maxBytes of one array
 * @returns {Promise<Map<string, NumpyArray>>}
 * @throws {ArtifactError}
 */
export async function readNpz(archive, maxBytes) {
  /** @type {Map<string, NumpyArray>} */
  const arrays = new Map();
  for (const [name, bytes] of await readZip(archive, maxBytes)) {
    arrays.set(name.replace(/\.npy$/, ""), readNpy(bytes, name));
  }
  return arrays;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} name for errors
 * @returns {NumpyArray}
 */
function readNpy(bytes, name) {
  if (bytes.length < 12 || MAGIC.some((value, i) => bytes[i] !== value)) {
    throw new ArtifactError(`${name} is no .npy file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirst = bytes[6] === 1;
  const start = isFirst ? 10 : 12;
  const end = start + (isFirst ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = HEADER.exec(new TextDecoder().decode(bytes.subarray(start, end)));
  const Type = header === null ? undefined : TYPES[header[1]];
  if (header === null || Type === undefined || header[2] === "True") {
    throw new ArtifactError(`${name} holds a kind of array that we do not read`);
  }
  const shape = header[3].split(",").filter((part) => part.trim() !== "").map(Number);
  const content = bytes.slice(end);
  const count = shape.reduce((product, length) => product * length, 1);
  const size = Number(header[1].slice(2));
  if (content.length !== count * size) {
    throw new ArtifactError(`${name} holds ${content.length} bytes for ${count} numbers of ${size}`);
  }
  return { type: header[1], shape, data: new Type(content.buffer) };
}
