import { listed } from "./format.js";

/**
 * A change of the conversation as a sentence, in nodes; none for one that is not shown.
 *
 * It names no title and no access: the entry carries those of now, not those that it made.
 *
 * @param {import("@confab/client").ConversationChanged} entry
 * @param {string} uid  Who reads it
 * @param {import("./names.js").Names} names
 * @returns {(Node | string)[]}
 */
export function sentence({ by, changes }, uid, names) {
  const person = (one) => (one === uid ? "you" : names.shown(one));
  const named = (uids) => listed(uids.map(person));
  const { title, owner, added = [], removed = [], access = [] } = changes;
  const done = [];
  if (title) done.push(["renamed the conversation"]);
  if (owner) done.push(["handed the conversation over"]);
  if (added.length > 0) done.push(["added ", ...named(added)]);
  if (removed.length > 0) done.push(removed.includes(by) ? ["left"] : ["removed ", ...named(removed)]);
  if (access.length > 0) done.push(`${access}` === uid ? ["changed your access"] : ["changed the access of ", ...named(access)]);
  if (done.length === 0) return [];
  const all = done.flatMap((words, at) => (at === 0 ? words : [" and ", ...words]));
  return [by === uid ? "You" : names.shown(by), " ", ...all];
}
