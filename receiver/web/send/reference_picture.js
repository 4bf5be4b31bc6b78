// @ts-check
/**
 * A reference's picture within a byte budget: WebP, or JPEG in browsers that write none.
 *
 * @typedef {object} EncodedPicture
 * @property {Uint8Array} data
 * @property {"webp" | "jpeg"} format
 * @property {number} quality 0..QUALITY_MAX of the format's own scale
 */

/** Above, a browser's WebP would become lossless. */
const QUALITY_MAX = 95;
const FIRST_QUALITY = 45;
/** Compressions tried at most. */
const ATTEMPTS = 5;
/** A result that fills this much of the budget ends the search. */
const GOOD_FILL = 0.94;
const LOG_LENGTH_PER_QUALITY = 0.03;

/** Before a WebP's first chunk: "RIFF", a length, "WEBP". */
const WEBP_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const JPEG_SCAN = 0xda;

/** @typedef {(quality: number) => Promise<EncodedPicture>} Compressor */
/** @typedef {{ quality: number, excess: number }} Point log of length to what is allowed */

/**
 * The best quality that fits, found in at most 5 compressions; the lowest when none does.
 *
 * @param {import("./crop_image.js").Picture} image
 * @param {number} maxBytes
 * @returns {Promise<EncodedPicture>}
 */
export async function compressPicture(image, maxBytes) {
  return searchQuality(canvasCompressor(image), maxBytes);
}

/**
 * @param {Compressor} compress
 * @param {number} maxBytes
 * @returns {Promise<EncodedPicture>}
 */
export async function searchQuality(compress, maxBytes) {
  let low = 0;
  let high = QUALITY_MAX;
  let quality = FIRST_QUALITY;
  /** @type {EncodedPicture | null} */
  let best = null;
  /** @type {Point[]} */
  const points = [];
  for (let attempts = 0; attempts < ATTEMPTS && low <= high; attempts++) {
    const attempt = await compress(quality);
    points.push({ quality, excess: Math.log(attempt.data.length / maxBytes) });
    if (attempt.data.length <= maxBytes) {
      low = quality + 1;
      if (best === null || quality > best.quality) best = attempt;
      if (attempt.data.length >= GOOD_FILL * maxBytes) break;
    } else {
      high = quality - 1;
    }
    quality = Math.min(Math.max(guess(points), low), high);
  }
  return best ?? compress(0);
}

/**
 * The quality whose length would just fit: log length is nearly linear in quality.
 *
 * @param {Point[]} points at least one
 */
function guess(points) {
  const [first, second] = [...points].sort((a, b) => Math.abs(a.excess) - Math.abs(b.excess));
  if (second === undefined) return Math.round(first.quality - first.excess / LOG_LENGTH_PER_QUALITY);
  const slope = (first.excess - second.excess) / (first.quality - second.quality);
  const sane = Math.max(slope, LOG_LENGTH_PER_QUALITY / 4);
  return Math.floor(first.quality - first.excess / sane);
}

/**
 * @param {import("./crop_image.js").Picture} image
 * @returns {Compressor}
 */
function canvasCompressor(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  // Opaque: an alpha channel would be compressed too.
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("no 2D canvas to compress references with");
  const pixels = /** @type {Uint8ClampedArray<ArrayBuffer>} */ (image.data);
  context.putImageData(new ImageData(pixels, image.width, image.height), 0, 0);
  return async (quality) => {
    let blob = await canvas.convertToBlob({ type: "image/webp", quality: quality / 100 });
    if (blob.type !== "image/webp") {
      blob = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
    }
    const file = new Uint8Array(await blob.arrayBuffer());
    if (blob.type === "image/webp") return { data: bareWebp(file), format: "webp", quality };
    return { data: bareJpeg(file), format: "jpeg", quality };
  };
}

/**
 * The picture alone: a browser adds the colour profile that everybody assumes anyway, half a
 * kilobyte of it.
 *
 * @param {Uint8Array} file
 */
export function bareWebp(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = WEBP_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= file.length; ) {
    const size = view.getUint32(at + 4, true);
    const end = at + CHUNK_HEADER_BYTES + size + (size % 2);
    const name = String.fromCharCode(...file.subarray(at, at + 4));
    if (name === "ALPH") break; // is no part of a bare file
    if (name === "VP8 " && end <= file.length) {
      const bare = new Uint8Array(WEBP_HEADER_BYTES + end - at);
      bare.set(file.subarray(0, WEBP_HEADER_BYTES));
      bare.set(file.subarray(at, end), WEBP_HEADER_BYTES);
      new DataView(bare.buffer).setUint32(4, bare.length - 8, true);
      return bare;
    }
    at = end;
  }
  return file;
}

/**
 * Without profiles, notes and comments, as far as the file is understood.
 *
 * @param {Uint8Array} file
 */
export function bareJpeg(file) {
  const bare = new Uint8Array(file.length);
  bare.set(file.subarray(0, 2));
  let length = 2;
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff; ) {
    const marker = file[at + 1];
    const isScan = marker === JPEG_SCAN;
    const end = isScan ? file.length : at + 2 + file[at + 2] * 256 + file[at + 3];
    if (end > file.length) break;
    if (!isJpegNote(marker)) {
      bare.set(file.subarray(at, end), length);
      length += end - at;
    }
    if (isScan) return bare.slice(0, length);
    at = end;
  }
  return file;
}

/**
 * All application data but JFIF's and Adobe's, which say what the colours mean, and comments.
 *
 * @param {number} marker
 */
function isJpegNote(marker) {
  return (marker > 0xe0 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;
}
