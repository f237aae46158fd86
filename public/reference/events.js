// The events of the socket and of the bus, of the AsyncAPI document.

import { badge, code, el, example, paragraphs, part, prose } from "./dom.js";
import { fields, resolve } from "./schema.js";

export const BUS = "bus";

export function socketPart(document) {
  return [
    paragraphs(document.info.description),
    Object.entries(document.channels)
      .filter(([name]) => name !== BUS)
      .map(([name, channel]) => el("article", {}, channelPart(document, name, channel))),
  ];
}

function channelPart(document, name, channel) {
  const message = (kind) => document.components.messages[`${name}.${kind}`];
  const asked = message("asked");
  const told = message("told");
  const heading = [
    el("span", {}, name),
    " ",
    asked ? badge("client → server", "post") : null,
    " ",
    told ? badge("server → client", "get") : null,
  ];
  return part(3, `event-${name}`, heading, [
    el("p", {}, prose(channel.description)),
    asked
      ? [
          el("h4", {}, "From a client"),
          saying(document, asked, { request: true }),
          el("h5", {}, name === "connect" ? "Let in" : "Acknowledged"),
          saying(document, message("accepted")),
          el("h5", {}, "Refused"),
          refusalsOf(document, message("refused")),
        ]
      : null,
    told ? [el("h4", {}, "From the server"), saying(document, told)] : null,
  ]);
}

function saying(document, message, options) {
  return [
    el("p", { className: "summary" }, prose(`${message.summary}.`)),
    fields(document, message.payload, options),
    example(message.examples[0].payload),
  ];
}

function refusalsOf(document, message) {
  return [
    el("p", {}, prose(resolve(document, message.payload).description)),
    el(
      "ul",
      { className: "codes" },
      message.examples.map(({ name, payload }) =>
        el(
          "li",
          {},
          badge(String((payload.error ?? payload.data).status), "bad"),
          " ",
          el("a", { href: `#error-${name}` }, code(name)),
        ),
      ),
    ),
    example(message.examples[0].payload),
  ];
}

export function busPart(document) {
  const channel = document.channels[BUS];
  return [
    el("p", {}, "Topic ", code(channel.address), ". ", prose(channel.description)),
    Object.keys(channel.messages).map((key) => {
      const message = document.components.messages[key];
      return el(
        "article",
        {},
        part(3, `bus-${key}`, el("span", {}, key), [
          el("p", { className: "summary" }, prose(`${message.summary}.`)),
          el("h4", {}, "Attributes"),
          fields(document, message.headers),
          el("h4", {}, "Data"),
          fields(document, message.payload),
          example(message.examples[0]),
        ]),
      );
    }),
  ];
}
