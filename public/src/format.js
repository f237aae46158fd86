import { el } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const LONG_DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const DAY_MS = 86_400_000;
const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A time of today as the clock shows it, an earlier one as its day. @param {string} iso */
export function when(iso) {
  const at = new Date(iso);
  return at.toDateString() === new Date().toDateString() ? CLOCK.format(at) : DAY.format(at);
}

/** @param {string} iso */
export function clock(iso) {
  return CLOCK.format(new Date(iso));
}

/** "Today", "Yesterday", or the date. @param {string} iso */
export function day(iso) {
  const at = new Date(iso).toDateString();
  if (at === new Date().toDateString()) return "Today";
  return at === new Date(Date.now() - DAY_MS).toDateString() ? "Yesterday" : LONG_DAY.format(new Date(iso));
}

/** A time in full. @param {string} iso */
export function inFull(iso) {
  return new Date(iso).toLocaleString();
}

/** A user id, short enough to read. @param {string} uid */
export function shortId(uid) {
  return uid.length > 8 ? `${uid.slice(0, 6)}…` : uid;
}

/** Somebody's text where no element can isolate it, without its direction controls. @param {string} text */
export function plain(text) {
  return text.replace(CONTROLS, "");
}

/** Up to two letters for a name. @param {string} name */
export function initials(name) {
  const words = plain(name).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...(words[0] ?? "?")];
  return letters.slice(0, 2).join("").toUpperCase();
}

/** The picture of a user: letters on a colour that is always theirs. @param {string} uid @param {string} letters */
export function avatar(uid, letters) {
  const mark = el("span", { className: "avatar", title: uid, "aria-hidden": "true" }, letters);
  mark.style.setProperty("--hue", String(hue(uid)));
  return mark;
}

/** A hue from 0 to 359, always the same. @param {string} uid */
function hue(uid) {
  let hash = 0;
  for (const char of uid) hash = (hash * 31 + char.codePointAt(0)) % 3600;
  return hash % 360;
}

/** "Ada", "Ada and Bo", "Ada, Bo and 2 more", as nodes. @param {(Node | string)[]} names */
export function listed(names) {
  const [first, second] = names;
  if (names.length <= 1) return names;
  return names.length === 2 ? [first, " and ", second] : [first, ", ", second, ` and ${names.length - 2} more`];
}

/** A realtime address as people say it. @param {string} url */
export function host(url) {
  return new URL(url).host;
}
