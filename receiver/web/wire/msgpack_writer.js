// @ts-check
/**
 * Writes msgpack, the same bytes as Python's `msgpack.packb`.
 *
 * @typedef {null | boolean | number | string | Uint8Array | Float64 | WritableArray | WritableMap}
 *   Writable
 * @typedef {Writable[]} WritableArray
 * @typedef {{ [key: string]: Writable }} WritableMap In the order of insertion, which JavaScript
 *   keeps for all keys but those that look like integers
 */

/** A number that is written as a float64, be it whole or not. */
export class Float64 {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/**
 * Its bytes. Whole numbers are written as integers.
 *
 * @param {Writable} value
 */
export function encodeMsgpack(value) {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes();
}

class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;
  #text = new TextEncoder();

  bytes() {
    return this.#bytes.slice(0, this.#length);
  }

  /** @param {Writable} value */
  value(value) {
    if (value === null) this.#byte(0xc0);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Float64) this.#float(value.value);
    else if (value instanceof Uint8Array) {
      this.#head(value.length, { codes: [0xc4, 0xc5, 0xc6] });
      this.#append(value);
    } else if (Array.isArray(value)) {
      this.#head(value.length, { fixed: 0x90, fixedMax: 15, codes: [null, 0xdc, 0xdd] });
      for (const item of value) this.value(item);
    } else {
      const entries = Object.entries(value);
      this.#head(entries.length, { fixed: 0x80, fixedMax: 15, codes: [null, 0xde, 0xdf] });
      for (const [key, item] of entries) {
        this.#string(key);
        this.value(item);
      }
    }
  }

  /** @param {number} value */
  #number(value) {
    if (!Number.isSafeInteger(value)) this.#float(value);
    else if (value >= 2 ** 32) this.#coded(0xcf, 8).setBigUint64(0, BigInt(value));
    else if (value >= 0) this.#head(value, { fixed: 0, fixedMax: 0x7f, codes: [0xcc, 0xcd, 0xce] });
    else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#coded(0xd0, 1).setInt8(0, value);
    else if (value >= -0x8000) this.#coded(0xd1, 2).setInt16(0, value);
    else if (value >= -(2 ** 31)) this.#coded(0xd2, 4).setInt32(0, value);
    else this.#coded(0xd3, 8).setBigInt64(0, BigInt(value));
  }

  /** @param {number} value */
  #float(value) {
    this.#coded(0xcb, 8).setFloat64(0, value);
  }

  /** @param {string} text */
  #string(text) {
    const bytes = this.#text.encode(text);
    this.#head(bytes.length, { fixed: 0xa0, fixedMax: 31, codes: [0xd9, 0xda, 0xdb] });
    this.#append(bytes);
  }

  /**
   * A count in the shortest form: inside the first byte, or after a code in 1, 2 or 4 bytes.
   *
   * @param {number} count
   * @param {object} form
   * @param {number} [form.fixed]
   * @param {number} [form.fixedMax] -1: never inside the first byte
   * @param {[number | null, number, number]} form.codes
   */
  #head(count, { fixed = 0, fixedMax = -1, codes: [one, two, four] }) {
    if (count <= fixedMax) this.#byte(fixed | count);
    else if (one !== null && count <= 0xff) this.#coded(one, 1).setUint8(0, count);
    else if (count <= 0xffff) this.#coded(two, 2).setUint16(0, count);
    else this.#coded(four, 4).setUint32(0, count);
  }

  /** @param {number} byte */
  #byte(byte) {
    const start = this.#room(1);
    this.#bytes[start] = byte;
  }

  /** @param {Uint8Array} bytes */
  #append(bytes) {
    const start = this.#room(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /**
   * Writes the code; the `size` bytes behind it, to be filled.
   *
   * @param {number} code
   * @param {number} size
   */
  #coded(code, size) {
    const start = this.#room(1 + size);
    this.#bytes[start] = code;
    return new DataView(this.#bytes.buffer, start + 1, size);
  }

  /**
   * Where the next `size` bytes begin.
   *
   * @param {number} size
   */
  #room(size) {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(2 * this.#length);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    return start;
  }
}
