// @ts-check
const ANSWER_MAX_MS = 600;

/**
 * Whether a receiver answers at all, by another way than the connection that has gone silent.
 *
 * @param {string} endpoint
 * @returns {Promise<boolean>} also for a refusal: that is an answer
 */
export async function answers(endpoint) {
  try {
    await fetch(endpoint, { method: "OPTIONS", signal: AbortSignal.timeout(ANSWER_MAX_MS) });
    return true;
  } catch {
    return false;
  }
}
