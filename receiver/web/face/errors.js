// @ts-check
/** What the face tracker raises on purpose; the names and meanings are those of `shared/errors.py`. */

/** A file that we load (a network, the face model, ONNX Runtime itself) is missing or damaged. */
export class ArtifactError extends Error {}

/** A network failed to run, or returned numbers that are not finite. */
export class InferenceError extends Error {}
