// @ts-check
/**
 * Networks run by ONNX Runtime's WebAssembly build; the only file that imports it.
 *
 * One thread: these networks are small, and a thread for them would be taken from the call.
 */

import { messageOf } from "./assets.js";
import { ArtifactError, InferenceError } from "./errors.js";

/**
 * What is used of ONNX Runtime.
 *
 * @typedef {object} OrtTensor
 * @property {Float32Array} data
 *
 * @typedef {object} OrtSession
 * @property {string[]} inputNames
 * @property {(feeds: { [name: string]: OrtTensor }) => Promise<{ [name: string]: OrtTensor }>} run
 * @property {() => Promise<void>} release
 *
 * @typedef {object} Ort
 * @property {{ wasm: { numThreads: number, wasmPaths?: string }, logLevel: string }} env
 * @property {new (type: "float32", data: Float32Array, shape: number[]) => OrtTensor} Tensor
 * @property {{ create(file: Uint8Array, options: object): Promise<OrtSession> }} InferenceSession
 */

/** `make` puts it there; see requirements/package.json. */
const RUNTIME = new URL("../vendor/onnxruntime-web/ort.wasm.min.mjs", import.meta.url).href;

/** @type {Promise<Ort> | null} */
let loading = null;

/** A network of one input and float32 tensors only. */
export class Network {
  #name;
  #ort;
  #session;
  #shape;

  /**
   * @param {string} name for errors
   * @param {Ort} ort
   * @param {OrtSession} session
   * @param {number[]} shape of its input
   */
  constructor(name, ort, session, shape) {
    this.#name = name;
    this.#ort = ort;
    this.#session = session;
    this.#shape = shape;
  }

  /**
   * @param {string} name for errors
   * @param {ArrayBuffer} file an ONNX network
   * @param {number[]} shape of its input
   * @returns {Promise<Network>}
   * @throws {ArtifactError}
   */
  static async open(name, file, shape) {
    const ort = await loadRuntime();
    try {
      const session = await ort.InferenceSession.create(new Uint8Array(file), {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
        enableMemPattern: false,
        logSeverityLevel: 3,
      });
      return new Network(name, ort, session, shape);
    } catch (error) {
      throw new ArtifactError(
        `${name}: no ONNX network that can be loaded (${messageOf(error)})`,
      );
    }
  }

  /**
   * The outputs by name; they are the caller's.
   *
   * @param {Float32Array} input
   * @returns {Promise<Map<string, Float32Array>>}
   * @throws {InferenceError} where it fails, and for numbers that are not finite
   */
  async run(input) {
    /** @type {{ [name: string]: OrtTensor }} */
    let outputs;
    try {
      const tensor = new this.#ort.Tensor("float32", input, this.#shape);
      outputs = await this.#session.run({ [this.#session.inputNames[0]]: tensor });
    } catch (error) {
      throw new InferenceError(`${this.#name}: ${messageOf(error)}`);
    }
    const found = new Map(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    for (const data of found.values()) {
      for (let i = 0; i < data.length; i++) {
        if (!Number.isFinite(data[i])) {
          throw new InferenceError(`${this.#name} returned numbers that are not finite`);
        }
      }
    }
    return found;
  }

  /** Gives its memory back; it cannot run any more. */
  async close() {
    await this.#session.release();
  }
}

/** @returns {Promise<Ort>} */
function loadRuntime() {
  loading ??= importRuntime();
  return loading;
}

/** @returns {Promise<Ort>} */
async function importRuntime() {
  try {
    const ort = /** @type {Ort} */ (await import(RUNTIME));
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    return ort;
  } catch (error) {
    loading = null; // it may be there at the next try
    throw new ArtifactError(`ONNX Runtime could not be loaded: ${messageOf(error)}`);
  }
}
