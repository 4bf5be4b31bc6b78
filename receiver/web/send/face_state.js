// @ts-check
/**
 * What the sender tells about the face: tracked, lost, several, at the border, no camera.
 *
 * @typedef {"tracked" | "lost" | "several" | "border" | "camera_failed"} FaceState
 */

/**
 * How long something must be seen without a break before it is told.
 *
 * @type {{ [state in FaceState]: number }}
 */
const DEBOUNCE_MS = { tracked: 200, lost: 400, several: 1000, border: 600, camera_failed: 0 };

/** Share of a face's height that the head box may be beyond the frame: its rim and a little skin. */
const BORDER_SHARE = 0.14;

/**
 * What one frame shows; the first face is the one that is followed.
 *
 * @param {import("./head_box.js").HeadBox[]} faces
 * @param {number} width of the frame
 * @param {number} height
 * @returns {FaceState}
 */
export function observedState(faces, width, height) {
  if (faces.length === 0) return "lost";
  if (faces.length > 1) return "several";
  const [face] = faces;
  const beyond = Math.max(-face.left, face.right - width, face.bottom - height);
  return beyond > BORDER_SHARE * face.faceHeight ? "border" : "tracked";
}

/** Debounces what single frames show, so that a missed frame tells nobody anything. */
export class FaceStateTracker {
  /** @type {FaceState} */
  #state = "lost";
  /** @type {FaceState | null} */
  #pending = null;
  #pendingSinceMs = 0;
  #ever = false;

  get state() {
    return this.#state;
  }

  /**
   * The state to tell, given what the frame of this time shows.
   *
   * @param {FaceState} observed
   * @param {number} timeMs
   * @returns {FaceState}
   */
  update(observed, timeMs) {
    if (observed === this.#state) {
      this.#pending = null;
      return this.#state;
    }
    if (observed !== this.#pending) {
      this.#pending = observed;
      this.#pendingSinceMs = timeMs;
    }
    const first = !this.#ever && observed !== "lost";
    if (first || timeMs - this.#pendingSinceMs >= DEBOUNCE_MS[observed]) {
      this.#state = observed;
      this.#pending = null;
      this.#ever = true;
    }
    return this.#state;
  }
}
