import { byId, el, submitOnEnter } from "./dom.js";
import { hue, initials, shortId, when } from "./format.js";
import { inWords } from "./notices.js";

const ROLES = { assistant: "Assistant", system: "System" };

/** A message as the page shows it; a new state changes its element in place, so that focus stays. */
export class MessageItem {
  /** @type {import("@confab/client").Message} */
  message;
  element = el("li", { tabIndex: -1 });
  #uid;
  #names;
  #avatar = el("span");
  #by = el("p", { className: "by" });
  #content = el("p", { className: "content" });
  #edited = el("span", { className: "edited" });
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
    const { seq, createdAt } = message;
    const time = el("time", { dateTime: createdAt, title: `Entry ${seq}, ${createdAt}` }, when(createdAt));
    this.#menu.popoverTargetElement = byId("message-menu");
    this.#menu.addEventListener("click", () => chosen(this));
    const stamp = el("span", { className: "stamp" }, this.#edited, time, this.#menu);
    this.element.append(this.#avatar, el("div", { className: "bubble" }, this.#by, this.#content, stamp));
    this.update(message);
  }

  /** @param {import("@confab/client").Message} message  Its latest state */
  update(message) {
    const { role, author, content, editedAt, deletedAt } = (this.message = message);
    const mine = author === this.#uid;
    const own = mine && role === "user";
    const deleted = deletedAt !== null || content === "";
    const name = ROLES[role] ?? (own ? "You" : this.#names.of(author));
    const claimed = role === "user" && el("span", { className: "claimed" }, shortId(author)); // who they are
    const continues = this.element.classList.contains("continues");
    this.element.className = `message ${role}`;
    for (const [tag, holds] of Object.entries({ own, mine, deleted, continues })) {
      this.element.classList.toggle(tag, holds);
    }
    this.element.dataset.by = `${role} ${author}`;
    const shown = avatar(role, author, own ? this.#names.of(author) : name);
    this.#avatar.replaceWith(shown);
    this.#avatar = shown;
    this.#by.title = `${role}, written by ${author}`;
    this.#by.replaceChildren(name, claimed || "");
    this.#content.textContent = deleted ? "This message was deleted." : content;
    this.#edited.textContent = editedAt && !deleted ? "edited" : "";
    this.#edited.title = editedAt ?? "";
    if (deleted) this.#endEdit(this.element);
  }

  /**
   * Let the user change the words in place.
   *
   * @param {(content: string) => Promise<unknown>} save
   */
  edit(save) {
    const text = el("textarea", { name: "content", value: this.message.content, "aria-label": "Edit message" });
    const cancel = el("button", { type: "button", className: "quiet" }, "Cancel");
    const why = el("p", { className: "refusal", role: "alert" });
    const row = el("div", { className: "row end" }, cancel, el("button", { className: "primary" }, "Save"));
    const form = el("form", { className: "editor" }, text, why, row);
    submitOnEnter(text);
    cancel.addEventListener("click", () => this.#endEdit());
    form.addEventListener("keydown", ({ key }) => key === "Escape" && this.#endEdit());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (text.value.trim() === "") return;
      why.textContent = "";
      try {
        await save(text.value);
        if (this.#editor === form) this.#endEdit();
      } catch (error) {
        why.textContent = inWords(error);
      }
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

function avatar(role, author, name) {
  const letters = role === "user" ? initials(name) : role === "assistant" ? "✦" : "i";
  const mark = el("span", { className: "avatar", "aria-hidden": "true" }, letters);
  mark.style.setProperty("--hue", String(hue(author)));
  return mark;
}
