import { confirmed } from "./confirm.js";
import { byId, submitOnEnter } from "./dom.js";
import { closeMembers } from "./members.js";
import { reporting } from "./notices.js";

/** @typedef {import("./chat.js").Chat} Chat */

/**
 * Wire the controls of the open conversation, once.
 *
 * @param {() => Chat | null} current
 */
export function prepareChat(current) {
  const composer = byId("composer");
  const { content, role } = composer.elements;
  content.addEventListener("input", () => current()?.keystroke());
  submitOnEnter(content);
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    if (content.value.trim() === "") return;
    current()?.write(content.value, role.value);
    content.value = "";
    content.focus();
  });
  byId("older").addEventListener("click", () => reporting(async () => await current()?.older()));
  for (const menu of document.querySelectorAll(".menu")) menu.addEventListener("click", () => menu.hidePopover());
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
