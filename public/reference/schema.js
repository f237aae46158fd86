// What a JSON Schema says, in words and as a list of fields.

import { badge, code, el, prose } from "./dom.js";

export const nameOf = (reference) => reference.slice(reference.lastIndexOf("/") + 1);

/** The part of a document that a reference leads to, or the part itself. */
export function resolve(document, part) {
  let found = part;
  while (found?.$ref) {
    found = found.$ref
      .slice(2)
      .split("/")
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce((parent, step) => parent[step], document);
  }
  return found;
}

const range = (least, most, unit) => {
  if (least !== undefined && most !== undefined) return `${least} to ${most}${unit}`;
  if (most !== undefined) return `at most ${most}${unit}`;
  return least === undefined ? null : `at least ${least}${unit}`;
};

/** The bounds of a value, each in a few words. */
export function bounds(schema) {
  const inner = schema.type === "array" ? {} : schema;
  return [
    range(inner.minLength, inner.maxLength, " characters"),
    range(inner.minimum, inner.maximum, ""),
    range(schema.minItems, schema.maxItems, " items"),
    schema.default === undefined ? null : `default ${JSON.stringify(schema.default)}`,
  ].filter((text) => text !== null);
}

/** The type of a value: plain words, and links to the objects that it refers to. */
export function typeOf(schema) {
  if (schema.$ref) return [el("a", { href: `#object-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  if (schema.const !== undefined) return [code(JSON.stringify(schema.const))];
  if (schema.enum) return joined(schema.enum.map((value) => [code(JSON.stringify(value))]));
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return joined(choices.map(typeOf));
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  const types = [schema.type ?? "any"].flat();
  return [types.map((type) => (type === "string" ? (FORMATS[schema.format] ?? type) : type)).join(" or ")];
}

const FORMATS = { "date-time": "time", uri: "URL" };

const joined = (parts) => parts.flatMap((part, index) => (index ? [" or ", ...part] : part));

/** One field, parameter or header. */
export function field(name, schema, { required, words = schema.description, place } = {}) {
  return el(
    "li",
    {},
    el(
      "div",
      { className: "field" },
      el("code", { className: "name" }, name),
      el("span", { className: "type" }, typeOf(schema)),
      bounds(schema).map((text) => el("span", { className: "bound" }, text)),
      place ? badge(place) : null,
      required ? badge("required", "required") : null,
    ),
    words ? el("p", {}, prose(words)) : null,
    schema.pattern && schema.format !== "date-time" ? el("p", { className: "pattern" }, code(schema.pattern)) : null,
  );
}

/** The fields of an object. In an answer all are there, so only a request says which are required. */
export function fields(document, schema, { request = false } = {}) {
  const object = resolve(document, schema);
  const names = Object.keys(object.properties ?? {});
  if (names.length === 0) return el("p", { className: "none" }, "No fields.");
  return el(
    "ul",
    { className: "fields" },
    names.map((name) =>
      field(name, object.properties[name], {
        required: request && (object.required ?? []).includes(name),
        words: object.properties[name].description ?? resolve(document, object.properties[name]).description,
      }),
    ),
  );
}
