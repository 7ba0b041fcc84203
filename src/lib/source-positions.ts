/*
 * Stack traces of the bundle in terms of the sources. Node's own --enable-source-maps reads the maps of all that it loads,
 * in each thread, and keeps them: some 45 MB of a daemon. Here a map is read when a stack is, which is seldom.
 */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const maps = new Map<string, SourceMap | undefined>();

/** From now on, stacks of this thread name sources, where the code that runs has a map beside it. */
export function nameSourcesInStacks(): void {
  Error.prepareStackTrace = (error, sites) =>
    withSourcePositions([String(error), ...sites.map((site) => `    at ${site}`)].join("\n"));
}

/** The text with each position in a bundled file, "file:///…/x.js:12:34", put in terms of its source. */
export function withSourcePositions(stack: string): string {
  return stack.replace(/(file:\/\/\/[^\s()]+\.js):(\d+):(\d+)/g, (position, url, line, column) => {
    const entry = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !("originalSource" in entry)) return position;
    const source = new URL(entry.originalSource, url);
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function mapOf(url: string): SourceMap | undefined {
  if (!maps.has(url)) maps.set(url, readMap(url));
  return maps.get(url);
}

/** Code without a map, or with one that cannot be read, keeps its own positions: this runs while something else went wrong. */
function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")));
  } catch {
    return undefined;
  }
}
