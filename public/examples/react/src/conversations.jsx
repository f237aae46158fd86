import { useConfab, useConversations } from "@confab/react";
import { useState } from "react";

export function Conversations() {
  const confab = useConfab();
  const { conversations, hasMore, loadMore, refresh } = useConversations();
  const [other, setOther] = useState("");

  async function start(event) {
    event.preventDefault();
    const { id } = await confab.create({ type: "chat", members: [{ userId: other.trim() }] });
    location.hash = id;
    await refresh();
  }

  return (
    <>
      <form onSubmit={start}>
        <input aria-label="Their user id" required value={other} onChange={(event) => setOther(event.target.value)} />
        <button>Talk</button>
      </form>
      <ul>
        {conversations.map(({ id, title, createdAt }) => (
          <li key={id}>
            <a href={`#${id}`}>{title ?? createdAt}</a>
          </li>
        ))}
      </ul>
      {hasMore && <button onClick={loadMore}>More</button>}
    </>
  );
}
