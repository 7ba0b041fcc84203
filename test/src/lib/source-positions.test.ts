import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import t from "tap";
import { nameSourcesInStacks, withSourcePositions } from "../../../src/lib/source-positions.ts";

t.test("a stack of bundled code names the source, its line and its column", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-positions-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const source = join(folder, "broken.ts");
  writeFileSync(
    source,
    "\n\nexport function fail(): never {\n  throw new Error('on purpose');\n}\n",
  );
  const outfile = join(folder, "dist.js");
  const options = { bundle: true, minify: true, sourcemap: "linked", format: "esm" } as const;
  await build({ entryPoints: [source], outfile, ...options });
  const { fail } = (await import(pathToFileURL(outfile).href)) as { fail: () => never };

  t.match(stackOf(fail), "dist.js:1:");
  const before = Error.prepareStackTrace;
  t.teardown(() => {
    Error.prepareStackTrace = before;
  });
  nameSourcesInStacks();
  const lines = stackOf(fail).split("\n");
  t.equal(lines[0], "Error: on purpose");
  t.match(lines[1], `${pathToFileURL(source).href}:4:9`);
});

t.test("code without a map keeps its positions", async (t) => {
  const stack = "Error: x\n    at file:///nowhere/dist/x.js:1:2";
  t.equal(withSourcePositions(stack), stack);
});

function stackOf(fail: () => never): string {
  try {
    return fail();
  } catch (error) {
    return (error as Error).stack ?? "";
  }
}
