// @ts-check
/**
 * What the browser itself counts of the picture hop, from one `getStats` to the next.
 *
 * @typedef {object} HopStatistics
 * @property {number | null} fps pictures shown a second
 * @property {number | null} bps of the video's packets, with their headers up to RTP
 * @property {number | null} delayMs from the arrival of a picture to its showing
 */

/** @typedef {{ timestamp: number, frames: number, bytes: number, delay: number, emitted: number }} Reading */

/** Differences between readings; one for a page. */
export class HopMeter {
  /** @type {Reading | null} */
  #before = null;

  /**
   * @param {RTCStatsReport | null} report
   * @returns {HopStatistics}
   */
  update(report) {
    const now = report === null ? null : readVideo(report);
    const before = this.#before;
    this.#before = now;
    const unknown = { fps: null, bps: null, delayMs: null };
    if (now === null || before === null || now.frames < before.frames) return unknown;
    const seconds = (now.timestamp - before.timestamp) / 1000;
    if (seconds <= 0) return unknown;
    const emitted = now.emitted - before.emitted;
    return {
      fps: (now.frames - before.frames) / seconds,
      bps: ((now.bytes - before.bytes) * 8) / seconds,
      delayMs: emitted > 0 ? ((now.delay - before.delay) * 1000) / emitted : null,
    };
  }
}

/**
 * @param {RTCStatsReport} report
 * @returns {Reading | null}
 */
function readVideo(report) {
  /** @type {Reading | null} */
  let reading = null;
  report.forEach((entry) => {
    if (entry.type !== "inbound-rtp" || entry.kind !== "video") return;
    reading = {
      timestamp: entry.timestamp,
      frames: entry.framesDecoded ?? 0,
      bytes: (entry.bytesReceived ?? 0) + (entry.headerBytesReceived ?? 0),
      delay: (entry.jitterBufferDelay ?? 0) + (entry.totalDecodeTime ?? 0),
      emitted: entry.jitterBufferEmittedCount ?? 0,
    };
  });
  return reading;
}

/** @type {Map<string | undefined, string>} */
const TRANSPORTS = new Map([
  ["datachannel", "data channel"],
  ["inband", "in the sound"],
]);

/**
 * The texts of the statistics, by the id of their element.
 *
 * @param {import("./status.js").Status | null} status
 * @param {HopStatistics} hop
 * @returns {{ [id: string]: string }}
 */
export function statisticsTexts(status, hop) {
  const known = status !== null && status.present ? status : null;
  return {
    fps: hop.fps === null ? "–" : `${hop.fps.toFixed(1)} fps`,
    wire: rate(known?.wire_bps_forward),
    "wire-back": rate(known?.wire_bps_reverse),
    transport: TRANSPORTS.get(known?.transport) ?? "–",
    sound: rate(known?.audio_wire_bps),
    hop: rate(status?.picture_hop_bps ?? hop.bps ?? undefined),
    latency: latency(known?.latency_ms, hop.delayMs),
    loss: known?.loss === undefined ? "–" : `${(known.loss * 100).toFixed(1)} %`,
    generator: known?.plain ? "none, plain video" : known?.generator ?? "–",
  };
}

/** @param {number | undefined} bps */
function rate(bps) {
  return bps === undefined ? "–" : `${(bps / 1000).toFixed(bps < 100_000 ? 1 : 0)} kbit/s`;
}

/**
 * Capture to the picture on this screen, as far as the clocks of both ends agree.
 *
 * @param {{ p50: number, p95: number } | undefined} rebuilt capture to rebuilt picture
 * @param {number | null} delayMs its way through this browser
 */
function latency(rebuilt, delayMs) {
  return rebuilt === undefined ? "–" : `${(rebuilt.p50 + (delayMs ?? 0)).toFixed(0)} ms`;
}
