import { byId, el, setText, submitOnEnter } from "./dom.js";
import { avatar, clock, inFull } from "./format.js";
import { rendered } from "./markdown.js";
import { reportingIn } from "./notices.js";

const ROLES = { assistant: "Assistant", system: "System" };
const MARKS = { assistant: "✦", system: "i" };

/** A message as the page shows it; a new state changes its element in place, so that focus stays. */
export class MessageItem {
  /** @type {import("@confab/client").Message} */
  message;
  element = el("li", { tabIndex: -1 });
  #uid;
  #names;
  #avatar = el("span");
  #by = el("p", { className: "by" });
  #content = el("div", { className: "content", dir: "auto" });
  #shown = "";
  #edited = el("span", { className: "edited" });
  #number = el("span", { className: "dev" });
  #menu = el("button", { type: "button", className: "quiet menu-button", "aria-label": "Message actions" }, "⋯");
  /** @type {HTMLFormElement | null} */
  #editor = null;

  /**
   * @param {import("@confab/client").Message} message
   * @param {string} uid  Whose own messages stand on the right
   * @param {import("./names.js").Names} names
   * @param {(item: MessageItem) => void} chosen  Its menu is asked for
   */
  constructor(message, uid, names, chosen) {
    this.#uid = uid;
    this.#names = names;
    const { createdAt } = message;
    const time = el("time", { dateTime: createdAt, title: inFull(createdAt) }, clock(createdAt));
    this.#menu.popoverTargetElement = byId("message-menu");
    this.#menu.addEventListener("click", () => chosen(this));
    const stamp = el("span", { className: "stamp" }, this.#number, this.#edited, time);
    this.element.append(this.#avatar, el("div", { className: "bubble" }, this.#by, this.#content, stamp), this.#menu);
    this.update(message);
  }

  /** Its date, for the line above the first of a day. */
  get at() {
    return this.message.createdAt;
  }

  /** @param {import("@confab/client").Message} message  Its latest state */
  update(message) {
    const { role, author, content, editedAt, deletedAt, seq, version } = (this.message = message);
    const mine = author === this.#uid;
    const deleted = deletedAt !== null || content === "";
    this.element.classList.add("message", role);
    for (const [tag, holds] of Object.entries({ own: mine && role === "user", mine, deleted })) {
      this.element.classList.toggle(tag, holds);
    }
    this.element.dataset.by = `${role} ${author}`;
    const words = deleted ? "This message was deleted." : content;
    if (words !== this.#shown) this.#content.replaceChildren(deleted ? words : rendered(words));
    this.#shown = words;
    setText(this.#number, `#${seq}${version > seq ? `, changed by #${version}` : ""}`);
    setText(this.#edited, editedAt && !deleted ? "edited" : "");
    if (editedAt) this.#edited.title = inFull(editedAt);
    if (deleted) this.#endEdit(this.element);
    this.rename();
  }

  /** A name was learnt. */
  rename() {
    const { role, author } = this.message;
    const own = author === this.#uid && role === "user";
    const shown = role === "user" ? this.#names.avatar(author) : avatar(author, MARKS[role] ?? "?");
    this.#avatar.replaceWith(shown);
    this.#avatar = shown;
    const who = author === this.#uid ? (own ? "You" : "you") : this.#names.shown(author);
    this.#by.replaceChildren(...(ROLES[role] ? [`${ROLES[role]} by `, who] : [who]));
  }

  /**
   * Let the user change the words in place.
   *
   * @param {(content: string) => Promise<unknown>} save
   */
  edit(save) {
    const text = el("textarea", { name: "content", value: this.message.content, "aria-label": "Edit message", dir: "auto" });
    const cancel = el("button", { type: "button", className: "quiet" }, "Cancel");
    const why = el("div", { className: "refusal", role: "alert" });
    const row = el("div", { className: "row end" }, cancel, el("button", { className: "primary" }, "Save"));
    const form = el("form", { className: "editor" }, text, why, row);
    submitOnEnter(text);
    cancel.addEventListener("click", () => this.#endEdit());
    form.addEventListener("keydown", ({ key }) => key === "Escape" && this.#endEdit());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (text.value.trim() === "") return;
      reportingIn(why, async () => {
        await save(text.value);
        if (this.#editor === form) this.#endEdit();
      });
    });
    this.#editor?.remove();
    this.#editor = form;
    this.#content.hidden = true;
    this.#content.after(form);
    text.focus();
  }

  /** Focus in the message goes to `next`. @param {HTMLElement} [next] */
  #endEdit(next = this.#menu) {
    const focused = this.element.contains(document.activeElement);
    this.#editor?.remove();
    this.#editor = null;
    this.#content.hidden = false;
    if (focused) next.focus();
  }
}
