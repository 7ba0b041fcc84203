import { readFileSync } from "node:fs";

/** Set by the bundler from package.json. */
declare const TORTIE_VERSION: string | undefined;

/** The version in package.json, which stands in no other place. */
export function version(): string {
  if (typeof TORTIE_VERSION === "string") return TORTIE_VERSION;
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}
