// @ts-check
/** So much more of the face than usual is not its colour: a hand, a cup, a microphone. */
const COVERED = 0.3;
/** How fast what is usual rises, a look: a beard grown in a call is none, a lamp may be lit. */
const RISE = 0.002;

/**
 * Whether something is before the face, by the share of spots where bare skin is expected and
 * another colour is found. Beards and make-up are usual for their person: what counts is the change.
 * A bare hand of the same colour is not noticed.
 */
export class CoverDetector {
  /** Share that is usual for this person; the least seen lately. */
  #usual = 1;

  /** Whether something was there at the last look. */
  isCovered = false;

  /** @param {number} share of the spots whose colour is not the face's, 0..1 */
  look(share) {
    this.#usual = Math.min(this.#usual + RISE, share);
    this.isCovered = share - this.#usual > COVERED;
  }

  /** Another person may sit there now. */
  reset() {
    this.#usual = 1;
    this.isCovered = false;
  }
}
