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

/**
 * The overlay's texts, by the id of their element.
 *
 * @param {import("./status.js").Status | null} status
 * @param {HopStatistics} hop
 * @returns {{ [id: string]: string }}
 */
export function overlayTexts(status, hop) {
  const known = status !== null && status.present ? status : null;
  return {
    fps: hop.fps === null ? "–" : `${hop.fps.toFixed(1)} fps`,
    wire: pair(known?.wire_bps_forward, known?.wire_bps_reverse),
    sound: rate(known?.audio_wire_bps),
    hop: rate(status?.picture_hop_bps ?? hop.bps ?? undefined),
    latency: latency(known?.latency_ms, hop.delayMs),
    loss: known?.loss === undefined ? "–" : `${(known.loss * 100).toFixed(1)} %`,
    generator: known?.plain ? "none, plain video" : known?.generator ?? "–",
  };
}

/** @param {number | undefined} bps */
function rate(bps) {
  return bps === undefined ? "–" : `${kilobits(bps)} kbit/s`;
}

/**
 * @param {number | undefined} forward
 * @param {number | undefined} reverse
 */
function pair(forward, reverse) {
  if (forward === undefined) return "–";
  const back = reverse === undefined ? "" : ` + ${kilobits(reverse)} back`;
  return `${kilobits(forward)}${back} kbit/s`;
}

/** @param {number} bps */
function kilobits(bps) {
  return bps < 100_000 ? (bps / 1000).toFixed(1) : (bps / 1000).toFixed(0);
}

/**
 * @param {{ p50: number, p95: number } | undefined} rebuilt capture to rebuilt picture
 * @param {number | null} delayMs its way through this browser
 */
function latency(rebuilt, delayMs) {
  if (rebuilt === undefined) return "–";
  const here = delayMs === null ? "" : ` + ${delayMs.toFixed(0)} here`;
  return `${rebuilt.p50.toFixed(0)}${here} ms`;
}
