const at = (id) => document.getElementById(id);

/** Shows a conversation until the function that it returns is called. */
export function showConversation(confab, id) {
  const live = confab.follow(id);
  let shown = true;
  const render = () => {
    const { status, entries, unsent, typing, problem, ended, hasOlder } = live.state;
    const messages = entries.filter(({ kind }) => kind === "message");
    at("status").textContent = ended ? "This conversation is over for you." : (problem?.message ?? status);
    at("older").hidden = !hasOlder;
    at("typing").textContent = typing.length > 0 ? `${typing.join(", ")} …` : "";
    at("log").replaceChildren(
      ...messages.map(({ author, content }) => row(author === confab.userId ? "You" : author, content)),
      ...unsent.map((item) => row(`You (${item.state})`, item.content, choices(confab.outbox, item))),
    );
  };
  live.draft().then((draft) => shown && (at("text").value ||= draft));
  at("older").onclick = () => live.loadOlder();
  at("text").oninput = () => {
    live.typing();
    live.setDraft(at("text").value);
  };
  at("compose").onsubmit = (event) => {
    event.preventDefault();
    if (!at("text").value.trim()) return;
    live.send(at("text").value).catch((error) => console.warn(error.message)); // the log shows it, too
    live.setDraft((at("text").value = ""));
  };
  live.subscribe(render);
  render();
  return () => {
    shown = false;
    at("text").value = "";
    live.close();
  };
}

/** A message that failed, or has waited for over an hour, waits for its author's decision. */
function choices(outbox, { clientMessageId, state }) {
  if (state !== "failed" && state !== "stale") return [];
  return [
    button("Send again", () => outbox.retry(clientMessageId)),
    button("Discard", () => outbox.discard(clientMessageId)),
  ];
}

function row(who, content, buttons = []) {
  const element = document.createElement("li");
  const text = Object.assign(document.createElement("bdi"), { textContent: content });
  element.append(`${who}: `, text, ...buttons);
  return element;
}

function button(textContent, onclick) {
  return Object.assign(document.createElement("button"), { textContent, onclick });
}
