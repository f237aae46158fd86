import DOMPurify from "dompurify";
import { Marked } from "marked";

import { el } from "./dom.js";

const TAGS = "p br strong em del code pre blockquote ul ol li a h3 h4 h5 h6 hr table thead tbody tr th td".split(" ");
const BLOCKS = "p, li, h3, h4, h5, h6, th, td, blockquote";
const ADDRESS = /^(?:https?:|mailto:)/i;
/** More nesting, delimiters and underlines than anybody writes cost a parser seconds: 32 KB of `_a__b` took 8 s. */
const NESTED = /^[ \t]*(?:>[ \t]*|[-*+][ \t]+|\d{1,9}[.)][ \t]+){20}|^[ \t]{40,}(?:[-*+]|\d{1,9}[.)])[ \t]/m;
const DELIMITERS = /[*_~[\]`|]|^[-=]+$/gm;
const MOST_DELIMITERS = 2_000;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text), // markup is somebody's words
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`, // and loads nothing
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    heading({ depth, tokens }) {
      const tag = `h${Math.min(6, depth + 2)}`; // below the conversation's own heading
      return `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`;
    },
  },
});

/**
 * A message's Markdown as nodes. Its HTML is shown as text, a link leads to the web or to an email, and
 * text of one direction does not reorder what stands beside it.
 *
 * @param {string} text  Anybody's
 * @returns {DocumentFragment | HTMLElement}
 */
export function rendered(text) {
  if (costly(text)) return el("p", { className: "plain", dir: "auto" }, text);
  const options = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "start", "align"], ALLOWED_URI_REGEXP: ADDRESS };
  const nodes = DOMPurify.sanitize(/** @type {string} */ (marked.parse(text)), { ...options, RETURN_DOM_FRAGMENT: true });
  for (const link of nodes.querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
  for (const block of nodes.querySelectorAll(BLOCKS)) block.dir = "auto";
  for (const table of nodes.querySelectorAll("table")) wrap(table, "table");
  for (const code of nodes.querySelectorAll("pre")) {
    code.dir = "ltr";
    wrap(code, "code-block").prepend(el("button", { type: "button", className: "quiet copy" }, "Copy"));
  }
  return nodes;
}

/** @param {string} text */
function costly(text) {
  return NESTED.test(text) || (text.match(DELIMITERS)?.length ?? 0) > MOST_DELIMITERS;
}

/** @param {Element} node @param {string} className */
function wrap(node, className) {
  const wrapper = el("div", { className });
  if (className === "table") Object.assign(wrapper, { tabIndex: 0 }); // it may scroll
  node.replaceWith(wrapper);
  wrapper.append(node);
  return wrapper;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
