import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const root = join(import.meta.dirname, "../..");

/** A file of the project by its path from the top; `.gz` files come unpacked. */
export function readFixture(path: string): Buffer {
  const bytes = readFileSync(join(root, path));
  return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** The values of a file with one JSON value a line. */
export function readJsonLines<T>(path: string): T[] {
  return readFixture(path)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

export function listFixtures(folder: string): string[] {
  return readdirSync(join(root, folder)).sort();
}
