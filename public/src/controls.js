import { confirmed } from "./confirm.js";
import { byId, submitOnEnter } from "./dom.js";
import { copyCode } from "./log.js";
import { closeMembers } from "./members.js";
import { reporting } from "./notices.js";

/** @typedef {import("./chat.js").Chat} Chat */

/**
 * Wire the controls of the open conversation, once.
 *
 * @param {() => Chat | null} current
 */
export function prepareChat(current) {
  prepareComposer(current);
  byId("older").addEventListener("click", () => reporting(async () => await current()?.older()));
  byId("scroller").addEventListener("click", (event) => reporting(() => copyCode(event)));
  for (const menu of document.querySelectorAll(".menu")) {
    menu.addEventListener("click", ({ target }) => target.closest("button") && menu.hidePopover());
  }
  byId("edit-message").addEventListener("click", () => current()?.editChosen());
  byId("delete-message").addEventListener("click", () => reporting(async () => await current()?.deleteChosen()));
  onConfirmation("finalize", current, (chat) => chat.finalize(), [
    "Finalize this conversation?",
    "Everyone can still read it, but no one can write. This can't be undone.",
    "Finalize",
  ]);
  onConfirmation("delete-thread", current, (chat) => chat.delete(), [
    "Delete this conversation?",
    "It is deleted for everyone, with all its messages. This can't be undone.",
    "Delete",
  ]);
  prepareRename(current);
}

/** What is written belongs to its conversation and is kept there. @param {() => Chat | null} current */
function prepareComposer(current) {
  const composer = byId("composer");
  const { content, role } = composer.elements;
  content.addEventListener("input", () => {
    current()?.live.setDraft(content.value);
    current()?.live.typing();
  });
  submitOnEnter(content);
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    if (content.value.trim() === "") return;
    const chat = current();
    chat?.write(content.value, role.value);
    chat?.live.setDraft("");
    composer.reset();
    content.focus();
  });
}

/** Show a conversation's draft. @param {() => Chat | null} current  The one that is open by the time it is read */
export async function showDraft(current) {
  const composer = byId("composer");
  const { content } = composer.elements;
  composer.reset();
  const chat = current();
  const draft = (await chat?.live.draft()) ?? "";
  if (current() === chat && content.value === "") content.value = draft;
}

/** Where the keyboard goes when a conversation opens; on a phone it would cover half of it. */
export function focusComposer() {
  if (!matchMedia("(hover: hover)").matches) return;
  const { content } = byId("composer").elements;
  if (content.disabled) byId("scroller").focus();
  else content.focus();
}

/**
 * @param {string} button
 * @param {() => Chat | null} current
 * @param {(chat: Chat) => Promise<unknown>} action
 * @param {[string, string, string]} question
 */
function onConfirmation(button, current, action, question) {
  byId(button).addEventListener("click", () => {
    const chat = current(); // by the time of the answer, the browser's Back may have opened another
    reporting(async () => (await confirmed(...question)) && action(chat));
  });
}

/** The title becomes a form in its place. @param {() => Chat | null} current */
function prepareRename(current) {
  const form = byId("rename-form");
  const { title } = form.elements;
  byId("rename").addEventListener("click", () => {
    title.value = current().title;
    form.hidden = false;
    byId("thread-title").hidden = true;
    title.select();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chat = current();
    closeRename();
    reporting(() => chat.update({ title: title.value.trim() || null }));
  });
  form.addEventListener("keydown", ({ key }) => key === "Escape" && closeRename());
  byId("cancel-rename").addEventListener("click", closeRename);
}

export function closeRename() {
  const focused = byId("rename-form").contains(document.activeElement);
  byId("rename-form").hidden = true;
  byId("thread-title").hidden = false;
  if (focused) byId("thread-menu-button").focus();
}

/** What lies over the conversation goes with it; a confirmation keeps what it is about. */
export function closeOverlays() {
  for (const menu of document.querySelectorAll(".menu")) menu.hidePopover();
  closeRename();
  closeMembers();
}
