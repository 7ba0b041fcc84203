/**
 * Writes what is made from code under docs/: the API's OpenAPI document and the JSON Schemas of resources (docs/api), the
 * reference of commands and the man page (docs/cli). With --check nothing is written; a file that differs is an error.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ENDPOINTS } from "../src/api/endpoints.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { resourceSchema } from "../src/cli/resource-schema.ts";
import { apiDocument } from "../src/packaging/api-document.ts";
import { commandReference } from "../src/packaging/command-reference.ts";
import { manPage } from "../src/packaging/man-page.ts";
import { KINDS } from "../src/resources/kinds.ts";

const root = join(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
};
/** What the API answers is declared in src/api, some of it by types of other folders. */
const reports = readdirSync(join(root, "src/api"))
  .filter((name) => name === "api-types.ts" || name.endsWith("-report.ts"))
  .map((name) => join(root, "src/api", name));
const types = withImports(reports)
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");

const pages = new Map<string, string>([
  ["docs/api/openapi.json", json(apiDocument({ endpoints: ENDPOINTS, types, version }))],
  ...KINDS.map(({ kind }): [string, string] => [
    `docs/api/resources/${kind}.json`,
    json(resourceSchema(kind)),
  ]),
  ["docs/cli/reference.md", commandReference(COMMANDS)],
  ["docs/cli/tortie.1", manPage(COMMANDS, version)],
]);

const check = process.argv.includes("--check");
const stray = ["docs/api/resources", "docs/cli"]
  .flatMap(filesOf)
  .filter((file) => !pages.has(file));
const stale = [...pages].filter(([file, text]) => read(file) !== text).map(([file]) => file);
if (check && stale.length + stray.length > 0) {
  console.error(
    `not as the code says (npm run docs writes them):\n${[...stale, ...stray].join("\n")}`,
  );
  process.exit(1);
}
if (!check) {
  for (const file of stray) rmSync(join(root, file));
  for (const file of stale) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), pages.get(file) ?? "");
    console.log(file);
  }
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    return undefined;
  }
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder)).map((name) => relative(root, join(root, folder, name)));
  } catch {
    return [];
  }
}

/** The files, after all that they import: where two types have one name, the API's own counts. */
function withImports(files: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, path = ""] of readFileSync(file, "utf8").matchAll(
      /^(?:import|}) .*from "(\..*)";$/gm,
    )) {
      visit(join(dirname(file), path));
    }
  };
  for (const file of files) visit(file);
  return [...found].toSorted((a, b) => Number(files.includes(a)) - Number(files.includes(b)));
}
