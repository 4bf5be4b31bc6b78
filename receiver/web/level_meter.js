// @ts-check
const PERIOD_MS = 100;

/** Shows how loud a microphone is. */
export class LevelMeter {
  #meter;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #timer = 0;

  /** @param {HTMLMeterElement} meter */
  constructor(meter) {
    this.#meter = meter;
  }

  /** @param {MediaStreamTrack | null} track null: none, or no longer */
  watch(track) {
    if (track === this.#track) return;
    this.#track = track;
    clearInterval(this.#timer);
    void this.#context?.close();
    this.#context = null;
    this.#meter.value = 0;
    if (track === null) return;
    const context = new AudioContext();
    this.#context = context;
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // -60 dB and below is silence, -10 dB a loud voice.
      this.#meter.value = Math.min(Math.max((10 * Math.log10(power + 1e-9) + 60) / 50, 0), 1);
    }, PERIOD_MS);
  }
}
