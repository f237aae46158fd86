const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A time of today as the clock shows it, an earlier one as its day and time. @param {string} iso */
export function when(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

/** A user id, short enough to read. @param {string} uid */
export function shortId(uid) {
  return uid.length > 8 ? `${uid.slice(0, 6)}…` : uid;
}

/** Up to two letters for a name. @param {string} name */
export function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...(words[0] ?? "?")];
  return letters.slice(0, 2).join("").toUpperCase();
}

/** A colour for a user, always the same: a hue from 0 to 359. @param {string} uid */
export function hue(uid) {
  let hash = 0;
  for (const char of uid) hash = (hash * 31 + char.codePointAt(0)) % 3600;
  return hash % 360;
}

/** "Ada", "Ada and Bo", "Ada, Bo and 2 more". @param {string[]} names */
export function listed(names) {
  if (names.length <= 2) return names.join(" and ");
  return `${names[0]}, ${names[1]} and ${names.length - 2} more`;
}

/** A realtime address as people say it. @param {string} url */
export function host(url) {
  return new URL(url).host;
}
