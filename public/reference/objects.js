// The errors and the objects that both documents refer to.

import { badge, code, el, example, part, prose } from "./dom.js";
import { fields, resolve } from "./schema.js";

const PROBLEM = "application/problem+json";

export function errorsPart(rest, events) {
  const codes = Object.entries(rest.components.schemas.Problem.discriminator.mapping);
  const shown = { ...examplesOfEvents(events), ...examplesOfAnswers(rest) };
  return [
    el("p", {}, "Every error is a problem object (RFC 9457), the same over REST and over the socket."),
    members(resolve(rest, { $ref: codes[0][1] })),
    codes.map(([name, reference]) => {
      const { description, properties } = resolve(rest, { $ref: reference });
      return el(
        "article",
        {},
        part(3, `error-${name}`, [badge(String(properties.status.const), "bad"), " ", el("span", {}, name)], [
          el("p", {}, el("strong", {}, properties.title.const, ". "), prose(description), headersOf(rest, name)),
          example(shown[name]),
        ]),
      );
    }),
  ];
}

/** What each member of a problem means; the values are each error's own. */
const members = ({ properties }) =>
  el(
    "ul",
    { className: "members-of" },
    Object.entries(properties).map(([name, { description }]) => el("li", {}, code(name), " ", description)),
  );

/** The headers that come with an error over REST, beside those of every answer. */
function headersOf(rest, name) {
  const answers = Object.values(rest.components.responses);
  const telling = answers.filter(({ content }) => content[PROBLEM].examples[name]);
  const names = telling.flatMap(({ headers }) => Object.keys(headers));
  const own = names.filter((header) => !answers.every(({ headers }) => header in headers));
  return own.length ? [" Over REST with ", [...new Set(own)].map(code), "."] : null;
}

const examplesOfAnswers = ({ components }) =>
  Object.fromEntries(
    Object.values(components.responses)
      .flatMap(({ content }) => Object.entries(content[PROBLEM].examples))
      .map(([name, { value }]) => [name, value]),
  );

const examplesOfEvents = ({ components }) =>
  Object.fromEntries(
    Object.values(components.messages)
      .flatMap(({ examples }) => examples)
      .map(({ name, payload }) => [name, payload.error ?? payload.data]),
  );

/** The objects of both documents by name, without what has a part of its own. */
export function objectsOf(...documents) {
  const objects = {};
  for (const document of documents) {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (!/(Problem|Refused)$/.test(name)) objects[name] ??= { document, schema };
    }
  }
  return Object.entries(objects).sort(([one], [other]) => one.localeCompare(other));
}

export function objectsPart(...documents) {
  return objectsOf(...documents).map(([name, { document, schema }]) =>
    el(
      "article",
      {},
      part(3, `object-${name}`, el("span", {}, name), [
        el("p", {}, prose(schema.description ?? "")),
        schema.properties ? fields(document, schema, { request: !isWhole(schema) }) : null,
      ]),
    ),
  );
}

/** Whether every field is always there, as in what Confab says itself. */
const isWhole = (schema) => Object.keys(schema.properties).length === (schema.required ?? []).length;
