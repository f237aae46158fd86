/**
 * The element with this id; the page is written so that it is there.
 *
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element. Children that are strings become text, never markup.
 *
 * @param {string} name
 * @param {Record<string, any>} [props]  Properties; those with a dash are attributes
 * @param {...(Node | string | null | false)} children
 * @returns {any}
 */
export function el(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** Enter submits the form of this text field, and Shift+Enter begins a line. @param {HTMLTextAreaElement} field */
export function submitOnEnter(field) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isForInputMethod(event)) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
}

/**
 * Whether a key is an input method's own, as the Enter is that ends a composition. Safari ends the
 * composition before it tells of that key, which its keyCode alone then marks (UI Events, `keyCode`).
 *
 * @param {KeyboardEvent} event
 */
function isForInputMethod(event) {
  return event.isComposing || event.keyCode === 229;
}
