// @ts-check
/** MediaPipe's NonMaxSuppressionCalculator, algorithm WEIGHTED. */

/** Numbers of a candidate: left, top, right, bottom, then x and y of six key points. */
export const COORDINATES = 16;

const OVERLAP_THRESHOLD = 0.3;

/**
 * @typedef {object} Candidate
 * @property {Float32Array} coordinates (16,)
 * @property {number} score
 */

/**
 * Boxes that overlap become one, their mean weighted by score; the best score is kept.
 *
 * @param {Candidate[]} candidates
 * @returns {Candidate[]} by falling score
 */
export function weightedSuppression(candidates) {
  const faces = [];
  // Of equal scores the last comes first, as in Python.
  let left = [...candidates].reverse().sort((a, b) => b.score - a.score);
  while (left.length > 0) {
    const [best] = left;
    // Itself too, even where its box is empty: the loop must end.
    const close = left.map((other) => other === best || isClose(best, other));
    const group = left.filter((_, i) => close[i]);
    faces.push({ coordinates: weightedMean(group), score: best.score });
    left = left.filter((_, i) => !close[i]);
  }
  return faces;
}

/** @param {Candidate[]} group */
function weightedMean(group) {
  const total = group.reduce((sum, { score }) => sum + score, 0);
  const mean = new Float64Array(COORDINATES);
  for (const { coordinates, score } of group) {
    for (let i = 0; i < COORDINATES; i++) mean[i] += (score / total) * coordinates[i];
  }
  return Float32Array.from(mean);
}

/**
 * Whether the shared area is a large part of the united area.
 *
 * @param {Candidate} first
 * @param {Candidate} second
 */
function isClose({ coordinates: a }, { coordinates: b }) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const shared = width * height;
  const united = area(a) + area(b) - shared;
  return united > 0 && shared / united > OVERLAP_THRESHOLD;
}

/** @param {Float32Array} box */
function area(box) {
  return Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);
}
