// @ts-check

/** Bytes from the other side that are no valid message; dropped and counted, the call goes on. */
export class BitstreamError extends Error {}

/** A message of face parameters predicted from one that is not held. */
export class MissingBaseError extends BitstreamError {}

/** The other side speaks another version of the protocol; the session ends with a `bye`. */
export class VersionError extends BitstreamError {}
