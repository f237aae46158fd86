import { useConversation, useSend } from "@confab/react";

export function Chat({ id, me }) {
  const { status, entries, unsent, typing, problem, ended, hasOlder, loadOlder } = useConversation(id);
  const { draft, setDraft, send, retry, discard } = useSend(id);

  function submit(event) {
    event.preventDefault();
    send().catch((error) => console.warn(error.message)); // the log shows it, too
  }

  return (
    <section>
      <p role="status">{ended ? "This conversation is over for you." : (problem?.message ?? status)}</p>
      {hasOlder && <button onClick={loadOlder}>Load older</button>}
      <div role="log" aria-label="Messages">
        <ol>
          {entries.map((entry) =>
            entry.kind !== "message" ? null : (
              <li key={entry.seq}>
                {entry.author === me ? "You" : entry.author}: <bdi>{entry.content}</bdi>
              </li>
            ),
          )}
          {unsent.map(({ clientMessageId, content, state }) => (
            <li key={clientMessageId}>
              You ({state}): <bdi>{content}</bdi>
              {(state === "failed" || state === "stale") && (
                <>
                  <button onClick={() => retry(clientMessageId)}>Send again</button>
                  <button onClick={() => discard(clientMessageId)}>Discard</button>
                </>
              )}
            </li>
          ))}
        </ol>
      </div>
      <p>{typing.length > 0 && `${typing.join(", ")} …`}</p>
      <form onSubmit={submit}>
        <input aria-label="Message" autoComplete="off" value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button>Send</button>
      </form>
    </section>
  );
}
