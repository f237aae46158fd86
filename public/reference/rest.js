// The REST operations of the OpenAPI document.

import { badge, code, el, example, paragraphs, part, prose } from "./dom.js";
import { field, fields, nameOf, resolve } from "./schema.js";

const PROBLEM = "application/problem+json";

/** Every operation, in the order of the document's tags and paths. */
export function operations(document) {
  const all = Object.entries(document.paths).flatMap(([path, { parameters: shared = [], ...item }]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, shared, ...operation })),
  );
  return document.tags.flatMap(({ name }) => all.filter(({ tags }) => tags.includes(name)));
}

export function restPart(document) {
  const everywhere = headersOfAll(document);
  return [
    paragraphs(document.info.description),
    operations(document).map((operation) => operationPart(document, operation, everywhere)),
    el("article", {}, part(3, "headers", "Headers of every answer", headerList(document, everywhere))),
  ];
}

const answersOf = (document, operation) =>
  Object.entries(operation.responses).map(([status, response]) => [status, resolve(document, response)]);

function headersOfAll(document) {
  const lists = operations(document)
    .flatMap((operation) => answersOf(document, operation))
    .map(([, answer]) => Object.keys(answer.headers));
  return lists[0].filter((name) => lists.every((list) => list.includes(name)));
}

function headerList(document, names) {
  const headers = names.map((name) => [name, document.components.headers[name]]);
  return el(
    "ul",
    { className: "fields" },
    headers.map(([name, { schema, description }]) => field(name, schema, { words: description })),
  );
}

function operationPart(document, operation, everywhere) {
  const heading = [badge(operation.method.toUpperCase(), operation.method), " ", el("span", {}, operation.path)];
  return el(
    "article",
    {},
    part(3, operation.operationId, heading, [
      el("p", { className: "summary" }, operation.summary, " ", code(operation.operationId)),
      paragraphs(operation.description),
      requestPart(document, operation),
      successes(document, operation, everywhere),
      refusals(document, operation),
    ]),
  );
}

function requestPart(document, operation) {
  const parameters = [...operation.shared, ...(operation.parameters ?? [])].map((p) => resolve(document, p));
  const body = operation.requestBody?.content["application/json"];
  return [
    el("h4", {}, "Request"),
    el(
      "ul",
      { className: "fields" },
      parameters.map((parameter) =>
        field(parameter.name, parameter.schema, {
          required: parameter.required,
          words: parameter.description,
          place: parameter.in,
        }),
      ),
    ),
    body
      ? [
          el("h5", {}, "Body ", badge(operation.requestBody.required ? "required" : "may be left out")),
          fields(document, body.schema, { request: true }),
          example(body.example),
        ]
      : null,
  ];
}

function successes(document, operation, everywhere) {
  const answers = answersOf(document, operation).filter(([, answer]) => !answer.content?.[PROBLEM]);
  return [
    el("h4", {}, "Answer"),
    answers.map(([status, answer]) => {
      const content = answer.content?.["application/json"];
      return el(
        "div",
        { className: "answer" },
        el(
          "p",
          {},
          badge(status, "good"),
          " ",
          prose(answer.description),
          content ? [" ", el("a", { href: `#object-${nameOf(content.schema.$ref)}` }, nameOf(content.schema.$ref))] : null,
        ),
        headerList(
          document,
          Object.keys(answer.headers).filter((name) => !everywhere.includes(name)),
        ),
        content ? example(content.example) : null,
      );
    }),
  ];
}

function refusals(document, operation) {
  const answers = answersOf(document, operation).filter(([, answer]) => answer.content?.[PROBLEM]);
  return [
    el("h4", {}, "Errors"),
    el(
      "ul",
      { className: "codes" },
      answers.flatMap(([status, answer]) =>
        Object.keys(answer.content[PROBLEM].examples).map((name) =>
          el("li", {}, badge(status, "bad"), " ", el("a", { href: `#error-${name}` }, code(name))),
        ),
      ),
    ),
  ];
}
