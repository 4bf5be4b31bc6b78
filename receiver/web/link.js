// @ts-check
/**
 * What a link to this page carries in its fragment, which a browser sends to nobody:
 *
 *     #token=T                                 T plays and publishes at this page's own receiver
 *     #token=T&whip=URL&whip_token=P           P publishes at another receiver, the other party's
 *
 * @typedef {object} Place
 * @property {string} endpoint
 * @property {string} token
 *
 * @typedef {object} CallLink
 * @property {Place | null} play null: the token does not allow to
 * @property {Place | null} publish null: this is a viewer's link
 */

/**
 * @param {URL} page address of the page with its fragment
 * @returns {CallLink | null} null for a link without a token
 */
export function parseLink(page) {
  const fields = new URLSearchParams(page.hash.slice(1));
  const token = fields.get("token") ?? "";
  if (token === "") return null;
  const claims = readClaims(token);
  const own = (/** @type {string} */ path) => new URL(path, new URL(".", page)).href;
  const whip = fields.get("whip");
  const play = claims.publish === true && claims.play !== true ? null : { endpoint: own("whep"), token };
  if (whip === null) {
    return { play, publish: claims.publish === true ? { endpoint: own("whip"), token } : null };
  }
  const publish = { endpoint: whip, token: fields.get("whip_token") ?? "" };
  return { play, publish: isWeb(whip) && publish.token !== "" ? publish : null };
}

/**
 * The fragment of the same link with fresher tokens.
 *
 * @param {string} hash
 * @param {string} before
 * @param {string} after
 */
export function replaceToken(hash, before, after) {
  const fields = new URLSearchParams(hash.slice(1));
  for (const key of ["token", "whip_token"]) if (fields.get(key) === before) fields.set(key, after);
  return `#${fields}`;
}

/** Where a token is made anew: beside the endpoint that takes it.
 *
 * @param {Place} place
 */
export function refreshAddress(place) {
  return new URL("token", place.endpoint).href;
}

/**
 * What a token says of itself; only the receiver can tell whether that is true.
 *
 * @param {string} token
 * @returns {{ party?: unknown, publish?: unknown, play?: unknown, exp?: unknown }}
 */
export function readClaims(token) {
  try {
    const [, payload] = token.split(".");
    const text = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(text);
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

/** @param {string} address */
function isWeb(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url !== null && (url.protocol === "https:" || url.protocol === "http:");
}
