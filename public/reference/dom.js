// Elements from names, properties and children; text is never read as markup.

export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const code = (text) => el("code", {}, text);

export const badge = (text, kind = "") => el("span", { className: `badge ${kind}`.trim() }, text);

/** A text with `code` in it. */
export function prose(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? code(part) : part));
}

export function paragraphs(text) {
  return text.split(/\n\n+/).map((part) => el("p", {}, prose(part)));
}

export function example(value, title = "Example") {
  return el(
    "details",
    { className: "example" },
    el("summary", {}, title),
    el("pre", { tabIndex: 0 }, JSON.stringify(value, null, 2)),
  );
}

/** A section that the contents can name: its heading has the id. */
export function part(level, id, heading, ...children) {
  return el("section", {}, el(`h${level}`, { id }, heading), ...children);
}
