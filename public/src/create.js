import { byId, el } from "./dom.js";
import { accessSelect } from "./members.js";
import { reportingIn } from "./notices.js";

/**
 * The dialog that starts a conversation.
 *
 * @param {() => import("@confab/client").Confab} confab
 * @param {(conversation: import("@confab/client").Conversation) => void} created
 */
export function prepareCreate(confab, created) {
  const dialog = byId("create");
  const form = dialog.querySelector("form");
  let attempt;
  const open = () => {
    form.reset();
    byId("create-refusal").replaceChildren();
    byId("members").replaceChildren(memberRow());
    attempt = null;
    dialog.showModal();
  };
  for (const button of document.querySelectorAll(".new")) button.addEventListener("click", open);
  byId("add-member").addEventListener("click", () => {
    const row = memberRow();
    byId("members").append(row);
    row.querySelector("input").focus();
  });
  form.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.inert = true;
    dialog.setAttribute("aria-busy", "true");
    await reportingIn(byId("create-refusal"), async () => {
      attempt = attemptAt(wishOf(form), attempt);
      const conversation = await confab().create(attempt.wish, { key: attempt.key });
      dialog.close();
      created(conversation);
    });
    form.inert = false;
    dialog.removeAttribute("aria-busy");
  });
}

/** A new key for a new wish; the same wish again keeps its key, so that it is fulfilled once. */
function attemptAt(wish, last) {
  const same = last !== null && JSON.stringify(last.wish) === JSON.stringify(wish);
  return same ? last : { wish, key: crypto.randomUUID() };
}

/** What the form asks for; rows without a user id do not count. @param {HTMLFormElement} form */
function wishOf(form) {
  const rows = [...form.querySelectorAll("#members li")];
  const members = rows.map((row) => ({
    userId: row.querySelector("input").value.trim(),
    access: row.querySelector("select").value,
  }));
  return {
    type: form.elements.type.value,
    title: form.elements.title.value.trim() || null,
    members: members.filter(({ userId }) => userId !== ""),
  };
}

function memberRow() {
  const remove = el("button", { type: "button", className: "quiet", "aria-label": "Remove this member" }, "✕");
  const access = accessSelect();
  const userId = el("input", { "aria-label": "Member's user ID", placeholder: "User ID", maxLength: 128 });
  const row = el("li", {}, userId, access, remove);
  remove.addEventListener("click", () => row.remove());
  return row;
}
