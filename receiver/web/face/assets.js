// @ts-check
/** The files that Python and the page share: networks and the face model. */

import { ArtifactError } from "./errors.js";

const FOLDER = "/assets/";

/**
 * The whole of a file.
 *
 * @param {string} name below the folder of assets
 * @returns {Promise<ArrayBuffer>}
 * @throws {ArtifactError} when it cannot be had
 */
export async function fetchAsset(name) {
  const path = FOLDER + name;
  try {
    const response = await fetch(path);
    if (response.ok) return await response.arrayBuffer();
    throw new ArtifactError(`${path}: the receiver answered ${response.status}, 200 is needed`);
  } catch (error) {
    if (error instanceof ArtifactError) throw error;
    throw new ArtifactError(`${path} could not be loaded: ${messageOf(error)}`);
  }
}

/**
 * The first line of what went wrong.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n", 1)[0];
}
