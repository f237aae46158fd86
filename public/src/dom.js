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

/** Change an element's text, unless that is its text. @param {HTMLElement} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make these the children of an element, in this order. What has the focus is not moved, and what stays in
 * its place is not touched.
 *
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const pinned = wanted.find((child) => child.contains(document.activeElement));
  let at = parent.firstElementChild;
  for (const child of wanted) {
    while (child === pinned && at && at !== child) {
      const skipped = at;
      at = at.nextElementSibling;
      parent.append(skipped);
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  while (at) {
    const gone = at;
    at = at.nextElementSibling;
    gone.remove();
  }
}

/** Whether a pointer is down in an element: what is under it must not move then, or the click is lost. */
export class Press {
  #down = false;

  /**
   * @param {HTMLElement} element
   * @param {() => void} released  Called after the click, if there is one
   * @param {AbortSignal} signal  Ends it
   */
  constructor(element, released, signal) {
    const release = () => {
      this.#down = false;
      released();
    };
    element.addEventListener("pointerdown", () => (this.#down = true), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => this.#down && setTimeout(release), { signal });
    }
  }

  get down() {
    return this.#down;
  }
}

/** Have a screen reader say something. @param {string} text */
export function announce(text) {
  byId("announcer").textContent = text;
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
