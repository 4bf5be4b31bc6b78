// @ts-check
import { FrameSource } from "./frame_source.js";

/**
 * What the worker tells about a frame; see `send/worker.js`.
 *
 * @typedef {import("./send/worker.js").WorkerOutput} WorkerOutput
 */

/** The worker that tracks, fits and encodes, and the camera that feeds it. */
export class Tracking {
  #worker;
  #onOutput;
  #onFailure;
  /** @type {FrameSource | null} */
  #source = null;
  #busy = false;
  #ready = false;
  /** @type {{ version: number, digest: string } | null} what parameters are numbers of */
  faceModel = null;
  /** Frames that came while the one before was still worked on. */
  dropped = 0;

  /**
   * @param {object} options
   * @param {(output: WorkerOutput) => void} options.onOutput
   * @param {(reason: string) => void} options.onFailure why nothing can be tracked here
   */
  constructor({ onOutput, onFailure }) {
    this.#onOutput = onOutput;
    this.#onFailure = onFailure;
    this.#worker = new Worker(new URL("./send/worker.js", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => this.#read(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#onFailure(event.message || "the tracker could not be started");
    });
  }

  /** @param {MediaStreamTrack | null} camera null: none, or switched off */
  watch(camera) {
    this.#source?.stop();
    this.#source = null;
    if (camera === null) {
      this.tell({ kind: "camera_off" });
      return;
    }
    this.#source = new FrameSource(camera, (frame, timeMs) => {
      if (!this.#ready || this.#busy) {
        this.dropped += 1;
        frame.close();
        return;
      }
      this.#busy = true;
      // The worker's own clock begins elsewhere: what both know is the wall clock.
      const time = performance.timeOrigin + timeMs;
      this.#worker.postMessage({ kind: "frame", frame, time }, [frame]);
    });
  }

  /** @param {import("./send/worker.js").WorkerOrder} order */
  tell(order) {
    this.#worker.postMessage(order);
  }

  close() {
    this.#source?.stop();
    this.#worker.terminate();
  }

  /** @param {any} data */
  #read(data) {
    if (data.kind === "ready") {
      this.#ready = true;
      this.faceModel = data.faceModel;
    } else if (data.kind === "failed") this.#onFailure(data.reason);
    else {
      if (data.kind === "output") this.#busy = false;
      this.#onOutput(data);
    }
  }
}
