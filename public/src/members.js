import { confirmed } from "./confirm.js";
import { byId, el } from "./dom.js";
import { reportingIn } from "./notices.js";

/** What a member may do. @param {boolean} [owner]  Whether ownership can be chosen, too */
export function accessSelect(owner = false) {
  return el(
    "select",
    { "aria-label": "Access" },
    el("option", { value: "write" }, "can write"),
    el("option", { value: "read" }, "can read"),
    owner && el("option", { value: "owner" }, "becomes owner…"),
  );
}

/**
 * The dialog that shows who is in a conversation, and lets its owner change that.
 *
 * @typedef {import("./chat.js").Chat} Chat
 * @param {() => Chat | null} current
 */
export function prepareMembers(current) {
  const form = byId("add-person");
  form.querySelector("button").before(accessSelect());
  byId("show-members").addEventListener("click", () => {
    byId("people").replaceChildren();
    byId("members-refusal").replaceChildren();
    form.reset();
    showMembers(current().membership);
    byId("members-dialog").showModal();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const userId = form.elements.userId.value.trim();
    attempt(async () => {
      await current().setMember(userId, form.querySelector("select").value);
      form.reset();
    });
  });
  byId("people").addEventListener("change", ({ target }) => change(current(), target));
  byId("people").addEventListener("click", ({ target }) => {
    const { uid } = target.closest("li")?.dataset ?? {};
    if (target.localName === "button") attempt(() => current().removeMember(uid));
  });
  byId("leave").addEventListener("click", async () => {
    const chat = current();
    const text = "You can come back only if its owner adds you again.";
    if (await confirmed("Leave this conversation?", text, "Leave")) attempt(() => chat.leave());
  });
}

/** Update the dialog in place. @param {Chat["membership"]} membership */
export function showMembers({ owner, members, me, names, open }) {
  const people = byId("people");
  const manages = open && me === owner;
  const wanted = new Map([[owner, "owner"], ...members.map(({ userId, access }) => [userId, access])]);
  for (const row of [...people.children]) if (!wanted.has(row.dataset.uid)) removeRow(row);
  for (const [uid, access] of wanted) {
    const row = [...people.children].find(({ dataset }) => dataset.uid === uid) ?? people.appendChild(newRow(uid));
    const [name, standing, select, remove] = row.children;
    name.replaceChildren(names.avatar(uid), uid === me ? "You" : names.shown(uid));
    standing.textContent = access === "owner" ? "owner" : `can ${access}`;
    standing.hidden = manages && access !== "owner";
    for (const control of [select, remove]) control.hidden = !manages || access === "owner";
    select.value = access;
  }
  byId("add-person").hidden = !manages;
  byId("leave").hidden = !open || me === owner;
}

export function closeMembers() {
  byId("members-dialog").close();
}

/** @param {Chat} chat @param {HTMLSelectElement} select */
async function change(chat, select) {
  const { uid } = select.closest("li").dataset;
  const access = select.value;
  showMembers(chat.membership); // until it is so, it shows what is
  if (access !== "owner") return attempt(() => chat.setMember(uid, access));
  const text = "They can then change, finalize and delete it, and remove you.";
  if (await confirmed("Hand this conversation over?", text, "Hand over")) attempt(() => chat.update({ owner: uid }));
}

let last = Promise.resolve();

/** Actions go out one after the other: of two changes of a member, the one that was chosen last stays. @param {() => Promise<unknown>} action */
function attempt(action) {
  last = last.then(() => reportingIn(byId("members-refusal"), action));
}

function newRow(uid) {
  const name = el("span", { className: "name" });
  const remove = el("button", { type: "button", className: "quiet", "aria-label": "Remove" }, "✕");
  const row = el("li", {}, name, el("span", { className: "meta" }), accessSelect(true), remove);
  row.dataset.uid = uid;
  return row;
}

function removeRow(row) {
  const focused = row.contains(document.activeElement);
  row.remove();
  if (focused) byId("close-members").focus();
}
