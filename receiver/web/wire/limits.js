// @ts-check
// What `shared/limits.py` allows, as far as this side needs it.

export const PARAMETER_MESSAGE_MAX_BYTES = 256;
export const FRAMES_PER_MESSAGE_MAX = 3;

/** Longest time from the base of a prediction to its frame. */
export const FRAME_INTERVAL_MAX_MS = 60_000;

/** Standard deviations, either way. */
export const EXPRESSION_MAX = 8;
export const LOG_SCALE_MAX = 4;
export const ROTATION_MAX_RAD = 3.125;

/** Image units, either way; the crop reaches from -1 to 1. */
export const TRANSLATION_MAX = 4;

export const IDENTITY_COEFFICIENT_MAX = 16;
export const IDENTITY_RESIDUAL_STEP_MAX = 0.1;
export const IDENTITY_MAX_BYTES = 2048;

export const CONTROL_MESSAGE_MAX_BYTES = 64 * 1024;
export const CONTROL_TEXT_MAX_CHARACTERS = 256;
export const NAME_MAX_CHARACTERS = 40;
export const REFERENCE_CHUNK_MAX_BYTES = 16 * 1024;
export const SET_ID_MAX = 255;
export const REFERENCE_ID_MAX = 255;
export const FRAME_RATE_MAX_HZ = 120;
