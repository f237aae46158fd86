import { listed } from "./format.js";

/**
 * A change of the conversation as a sentence; "" for one that is not shown.
 *
 * It names no title and no access: the entry carries those of now, not those that it made.
 *
 * @param {import("@confab/client").ConversationChanged} entry
 * @param {string} uid  Who reads it
 * @param {import("./names.js").Names} names
 */
export function sentence({ by, changes }, uid, names) {
  const named = (uids) => listed(uids.map((one) => (one === uid ? "you" : names.of(one))));
  const { title, owner, added = [], removed = [], access = [] } = changes;
  const done = [
    title && "renamed the conversation",
    owner && "handed the conversation over",
    added.length > 0 && `added ${named(added)}`,
    removed.length > 0 && (removed.includes(by) ? "left" : `removed ${named(removed)}`),
    access.length > 0 && (`${access}` === uid ? "changed your access" : `changed the access of ${named(access)}`),
  ].filter(Boolean);
  return done.length ? `${by === uid ? "You" : names.of(by)} ${done.join(" and ")}` : "";
}
