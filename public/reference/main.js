// Shows the two committed documents on one page.

import { el, part } from "./dom.js";
import { BUS, busPart, socketPart } from "./events.js";
import { errorsPart, objectsOf, objectsPart } from "./objects.js";
import { operations, restPart } from "./rest.js";

const OPENAPI = "/reference/openapi.json";
const ASYNCAPI = "/reference/asyncapi.json";

async function load(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

const download = (path, name) => el("p", { className: "download" }, el("a", { href: path, download: "" }, name));

function show(rest, events) {
  document.querySelector("#reference").replaceChildren(
    part(2, "rest", "REST", download(OPENAPI, `OpenAPI ${rest.openapi}`), restPart(rest)),
    part(2, "socket", "Socket", download(ASYNCAPI, `AsyncAPI ${events.asyncapi}`), socketPart(events)),
    part(2, BUS, "Event bus", busPart(events)),
    part(2, "errors", "Errors", errorsPart(rest, events)),
    part(2, "objects", "Objects", objectsPart(rest, events)),
  );
  document.querySelector("#contents").replaceChildren(contents(rest, events));
}

function contents(rest, events) {
  const channels = Object.keys(events.channels).filter((name) => name !== BUS);
  const codes = Object.keys(rest.components.schemas.Problem.discriminator.mapping);
  const groups = [
    ["rest", "REST", operations(rest).map(({ operationId }) => [operationId, operationId])],
    ["socket", "Socket", channels.map((name) => [`event-${name}`, name])],
    [BUS, "Event bus", Object.keys(events.channels[BUS].messages).map((name) => [`bus-${name}`, name])],
    ["errors", "Errors", codes.map((name) => [`error-${name}`, name])],
    ["objects", "Objects", objectsOf(rest, events).map(([name]) => [`object-${name}`, name])],
  ];
  const link = ([id, name]) => el("li", {}, el("a", { href: `#${id}` }, name));
  return el(
    "details",
    { open: matchMedia("(min-width: 900px)").matches },
    el("summary", {}, "Contents"),
    groups.map(([id, name, entries]) => [
      el("p", {}, el("a", { href: `#${id}` }, name)),
      el("ul", {}, entries.map(link)),
    ]),
  );
}

try {
  show(...(await Promise.all([load(OPENAPI), load(ASYNCAPI)])));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  document.querySelector("#state").textContent = `The reference could not be loaded: ${error.message}`;
}
