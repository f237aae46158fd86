/**
 * Writes src/resources.ts, the types of resources, requests, events and problems, from the OpenAPI and
 * AsyncAPI documents. With `--check` it writes nothing and fails if the file is not current.
 */
import { readFile, writeFile } from "node:fs/promises";

import { compile } from "json-schema-to-typescript";
import { parse } from "yaml";

const REFERENCE = new URL("../../reference/", import.meta.url);
const TARGET = new URL("../src/resources.ts", import.meta.url);
/** What a client meets; what these refer to comes along. */
const WANTED = [
  ...["Conversation", "Entry", "Page", "LogPage", "Listing", "Progress", "ProblemDetails"],
  ...["CreateConversation", "AddMessage", "EditMessage", "UpdateConversation"],
  ...["TypingState", "Left", "Erased"],
];
const STYLE = { printWidth: 120, trailingComma: "all" };

const all = { ...(await schemas("openapi")), ...(await schemas("asyncapi")) };
const resources = await compile({ definitions: reached(WANTED) }, "", {
  additionalProperties: false,
  bannerComment: "// Generated from the OpenAPI and AsyncAPI documents by `npm run generate`. Do not edit.",
  ignoreMinAndMaxItems: true,
  style: STYLE,
  unreachableDefinitions: true,
});

if (!process.argv.includes("--check")) await writeFile(TARGET, resources);
else if ((await readFile(TARGET, "utf8")) !== resources) {
  console.error("public/client/src/resources.ts is not current: npm run generate -w @confab/client");
  process.exitCode = 1;
}

/** The named schemas of a document, which refer to each other as definitions of one. */
async function schemas(name) {
  const text = await readFile(new URL(`${name}.yaml`, REFERENCE), "utf8");
  const found = parse(text.replaceAll(/(openapi\.yaml)?#\/components\/schemas\//g, "#/definitions/")).components.schemas;
  for (const schema of Object.values(found)) {
    if (schema.type === "object" && !schema.properties) schema.additionalProperties = true; // a client's own metadata
  }
  return found;
}

/** These definitions and those that they refer to. */
function reached(names) {
  const found = new Set(names);
  for (const name of found) {
    for (const [, other] of JSON.stringify(all[name]).matchAll(/#\/definitions\/(\w+)/g)) found.add(other);
  }
  return Object.fromEntries([...found].map((name) => [name, all[name]]));
}
