// @ts-check
/**
 * Reads zip archives (APPNOTE.TXT, version 6.3) as numpy writes them: one disk, members stored or
 * deflated, no encryption.
 */

import { ArtifactError } from "./errors.js";

const END = 0x06054b50;
const END_SIZE = 22;
const ENTRY = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const STORED = 0;
const DEFLATED = 8;

/**
 * The members of an archive by name.
 *
 * @param {ArrayBuffer} archive
 * @param {number} maxBytes of one member, unpacked
 * @returns {Promise<Map<string, Uint8Array>>}
 * @throws {ArtifactError} for any other bytes
 */
export async function readZip(archive, maxBytes) {
  try {
    return await readMembers(archive, maxBytes);
  } catch (error) {
    // A DataView's RangeError: an offset that points beyond the archive.
    if (error instanceof RangeError) throw new ArtifactError("the zip archive is cut off");
    throw error;
  }
}

/**
 * @param {ArrayBuffer} archive
 * @param {number} maxBytes
 */
async function readMembers(archive, maxBytes) {
  const view = new DataView(archive);
  const end = endRecord(view);
  const count = view.getUint16(end + 10, true);
  let position = view.getUint32(end + 16, true);
  /** @type {Map<string, Uint8Array>} */
  const members = new Map();
  for (let i = 0; i < count; i++) {
    if (view.getUint32(position, true) !== ENTRY) {
      throw new ArtifactError("the zip archive's directory is damaged");
    }
    const method = view.getUint16(position + 10, true);
    const packedSize = view.getUint32(position + 20, true);
    const size = view.getUint32(position + 24, true);
    const nameSize = view.getUint16(position + 28, true);
    const name = new TextDecoder().decode(new Uint8Array(archive, position + ENTRY_SIZE, nameSize));
    if (size > maxBytes) {
      throw new ArtifactError(`${name} has ${size} bytes, at most ${maxBytes} allowed`);
    }
    const local = view.getUint32(position + 42, true);
    if (view.getUint32(local, true) !== LOCAL) throw new ArtifactError(`${name} is damaged`);
    // The lengths of the local header may differ from the directory's.
    const start =
      local + LOCAL_SIZE + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const packed = new Uint8Array(archive, start, packedSize);
    members.set(name, await unpack(packed, method, size, name));
    position +=
      ENTRY_SIZE + nameSize + view.getUint16(position + 30, true) + view.getUint16(position + 32, true);
  }
  return members;
}

/**
 * Where the end of the directory is told; only a comment may follow it.
 *
 * @param {DataView} view
 */
function endRecord(view) {
  for (let at = view.byteLength - END_SIZE; at >= 0; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new ArtifactError("no zip archive");
}

/**
 * @param {Uint8Array<ArrayBuffer>} packed
 * @param {number} method
 * @param {number} size unpacked
 * @param {string} name
 * @returns {Promise<Uint8Array>}
 */
async function unpack(packed, method, size, name) {
  if (method !== STORED && method !== DEFLATED) {
    throw new ArtifactError(`${name} is packed by method ${method}, 0 and 8 are known`);
  }
  const bytes = method === STORED ? packed.slice() : await inflate(packed, size, name);
  if (bytes.length !== size) {
    throw new ArtifactError(`${name} has ${bytes.length} bytes, ${size} are stated`);
  }
  return bytes;
}

/**
 * Stops at what the archive stated: nothing unpacks to more memory than that.
 *
 * @param {Uint8Array<ArrayBuffer>} packed
 * @param {number} size
 * @param {string} name
 */
async function inflate(packed, size, name) {
  const bytes = new Uint8Array(size);
  let length = 0;
  try {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const reader = stream.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      bytes.set(next.value, length);
      length += next.value.length;
    }
  } catch {
    throw new ArtifactError(`${name} cannot be unpacked`);
  }
  return bytes.subarray(0, length);
}
