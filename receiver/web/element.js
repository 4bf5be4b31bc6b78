// @ts-check
/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * Leaves an equal text alone: a change would be read out again.
 *
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * @param {HTMLElement} target
 * @param {string} text "" hides it
 */
export function setNotice(target, text) {
  setText(target, text);
  target.hidden = text === "";
}

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} isPressed
 */
export function setPressed(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}
