// @ts-check
/**
 * Frames of a camera's track, for a worker: the newest wins, older ones are dropped.
 *
 * Where the browser has MediaStreamTrackProcessor frames also come while the page is hidden;
 * elsewhere they are taken from a video element, which stops then.
 */
export class FrameSource {
  #stopped = false;
  /** @type {MediaStreamTrack} */
  #track;
  /** @type {ReadableStreamDefaultReader<VideoFrame> | null} */
  #reader = null;
  /** @type {HTMLVideoElement | null} */
  #element = null;

  /**
   * @param {MediaStreamTrack} track
   * @param {(frame: VideoFrame | ImageBitmap, timeMs: number) => void} onFrame gets the frame to
   *   keep or close, and when it was taken, on the clock of `performance.now()`
   */
  constructor(track, onFrame) {
    // A clone: its end is ours alone, and a muted original goes on being seen.
    this.#track = track.clone();
    const Processor = /** @type {any} */ (globalThis).MediaStreamTrackProcessor;
    if (Processor !== undefined) {
      const processor = new Processor({ track: this.#track, maxBufferSize: 1 });
      this.#reader = processor.readable.getReader();
      void this.#read(onFrame);
    } else {
      void this.#watch(onFrame);
    }
  }

  stop() {
    this.#stopped = true;
    this.#track.stop();
    void this.#reader?.cancel().catch(() => {});
    if (this.#element !== null) this.#element.srcObject = null;
  }

  /** @param {(frame: VideoFrame | ImageBitmap, timeMs: number) => void} onFrame */
  async #read(onFrame) {
    while (!this.#stopped && this.#reader !== null) {
      const { value, done } = await this.#reader.read().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) return;
      onFrame(value, performance.now());
    }
  }

  /** @param {(frame: VideoFrame | ImageBitmap, timeMs: number) => void} onFrame */
  async #watch(onFrame) {
    const video = document.createElement("video");
    this.#element = video;
    video.muted = video.playsInline = true;
    video.srcObject = new MediaStream([this.#track]);
    await video.play().catch(() => {});
    const step = async (/** @type {number} */ now, /** @type {VideoFrameCallbackMetadata} */ facts) => {
      if (this.#stopped) return;
      const bitmap = await createImageBitmap(video).catch(() => null);
      if (bitmap !== null) onFrame(bitmap, facts.captureTime ?? now);
      if (!this.#stopped) video.requestVideoFrameCallback(step);
    };
    video.requestVideoFrameCallback(step);
  }
}
