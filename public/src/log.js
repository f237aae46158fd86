import { byId, el } from "./dom.js";
import { hue, initials, shortId, when } from "./format.js";

const NEAR_PX = 80;
const ROLES = { assistant: "Assistant", system: "System" };

/** The messages of the open conversation, as the page shows them. */
export class LogView {
  #uid;
  #names;
  #log = byId("log");
  #unsent = byId("unsent");
  #scroller = byId("scroller");

  /** @type {Set<number>} */
  #shown = new Set();
  #following = true;
  #resized = new ResizeObserver(() => this.#following && this.scrollToEnd());
  #scrolled = () => (this.#following = this.#atEnd());

  /** @param {string} uid  Whose messages stand on the right @param {import("./names.js").Names} names */
  constructor(uid, names) {
    this.#uid = uid;
    this.#names = names;
    this.#log.replaceChildren();
    this.#unsent.replaceChildren();
    this.#resized.observe(this.#scroller);
    this.#scroller.addEventListener("scroll", this.#scrolled);
  }

  close() {
    this.#resized.disconnect();
    this.#scroller.removeEventListener("scroll", this.#scrolled);
  }

  /** @param {import("../confab.js").Message} message */
  append(message) {
    if (this.#shown.has(message.seq)) return;
    const stay = message.author === this.#uid || this.#atEnd();
    const item = this.#item(message);
    markContinuation(item, this.#log.lastElementChild);
    this.#log.append(item);
    if (message.author === this.#uid) this.#sent(message.clientMessageId)?.remove();
    if (stay) this.scrollToEnd();
  }

  /** Put older messages in front; what the reader looks at stays where it is. */
  prepend(messages) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    const items = messages.filter(({ seq }) => !this.#shown.has(seq)).map((message) => this.#item(message));
    items.forEach((item, index) => markContinuation(item, items[index - 1]));
    if (this.#log.firstElementChild) markContinuation(this.#log.firstElementChild, items.at(-1));
    this.#log.prepend(...items);
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
  }

  /** Show a message that is on its way, until `append` has it. */
  sending(clientMessageId, content) {
    const text = el("p", { className: "content" }, content);
    const item = el("li", { className: "message own pending" }, el("div", { className: "bubble" }, text));
    item.dataset.key = clientMessageId;
    this.#unsent.append(item);
    this.scrollToEnd();
  }

  /** @param {string} clientMessageId @param {string} why @param {() => void} retry */
  notSent(clientMessageId, why, retry) {
    const item = this.#sent(clientMessageId);
    const button = el("button", { type: "button", className: "quiet" }, "Send again");
    const drop = el("button", { type: "button", className: "quiet" }, "Discard");
    const note = el("p", { className: "refusal" }, why, " ", button, drop);
    button.addEventListener("click", () => {
      note.remove();
      retry();
    });
    drop.addEventListener("click", () => item.remove());
    item.append(note);
    this.scrollToEnd();
  }

  /** @param {string} finalizedAt */
  finalized(finalizedAt) {
    const time = el("time", { dateTime: finalizedAt }, when(finalizedAt));
    this.#log.append(el("li", { className: "finalized-mark" }, "Finalized ", time));
    this.scrollToEnd();
  }

  scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  /** A name is what its user says; the id beside it is who they are. */
  #claim(role, author) {
    return role === "user" && el("span", { className: "claimed" }, shortId(author));
  }

  #sent(clientMessageId) {
    return [...this.#unsent.children].find((item) => item.dataset.key === clientMessageId);
  }

  /** @param {import("../confab.js").Message} message */
  #item({ seq, role, author, content, metadata, createdAt }) {
    const own = author === this.#uid && role === "user";
    if (role === "user") this.#names.learn(author, metadata.name);
    const name = ROLES[role] ?? (own ? "You" : this.#names.of(author));
    const item = el(
      "li",
      { className: `message ${role}${own ? " own" : ""}` },
      avatar(role, author, own ? this.#names.of(author) : name),
      el(
        "div",
        { className: "bubble" },
        el("p", { className: "by", title: `${role}, written by ${author}` }, name, this.#claim(role, author)),
        el("p", { className: "content" }, content),
        el("time", { dateTime: createdAt, title: `Entry ${seq}, ${createdAt}` }, when(createdAt)),
      ),
    );
    this.#shown.add(seq);
    item.dataset.seq = String(seq);
    item.dataset.by = `${role} ${author}`;
    return item;
  }
}

/** Consecutive messages of one author show the name and the avatar once. */
function markContinuation(item, previous) {
  item.classList.toggle("continues", previous?.dataset.by === item.dataset.by);
}

function avatar(role, author, name) {
  const letters = role === "user" ? initials(name) : role === "assistant" ? "✦" : "i";
  const mark = el("span", { className: "avatar", "aria-hidden": "true" }, letters);
  mark.style.setProperty("--hue", String(hue(author)));
  return mark;
}
