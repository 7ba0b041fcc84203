/**
 * Writes dist/: one file each for tortie, tortied and every worker, the chunks that they share, man pages and completions.
 * This is what ships and what end-to-end tests, benches and the demo run. koffi and etcd3 stay outside: the one is native, the other reads
 * its .proto files from its own folder.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { COMMANDS } from "../src/cli/commands.ts";
import { completionScript, SHELLS } from "../src/cli/completion-script.ts";
import { manPage } from "../src/packaging/man-page.ts";

const root = join(import.meta.dirname, "..");

const entries: { readonly [name: string]: string } = {
  tortie: "src/cli/main.ts",
  tortied: "src/agent/main.ts",
  "route-worker": "src/dataplane/route-worker.ts",
  "rules-worker": "src/dataplane/rules/rules-worker.ts",
  "link-worker": "src/workload/link-worker.ts",
};

/** CommonJS packages inside an ESM bundle (pino, commander) call require for Node's own modules. */
const REQUIRE_BANNER =
  'import { createRequire as tortieCreateRequire } from "node:module"; const require = tortieCreateRequire(import.meta.url);';

const missing = Object.values(entries).filter((file) => !existsSync(join(root, file)));
if (missing.length > 0) throw new Error(`entries without a source: ${missing.join(", ")}`);

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
};

rmSync(join(root, "dist"), { recursive: true, force: true });
const result = await build({
  absWorkingDir: root,
  entryPoints: Object.entries(entries).map(([out, file]) => ({ in: file, out })),
  outdir: "dist",
  // Chunks lie beside the entries: a worker is looked for in the folder of the code that starts it.
  chunkNames: "chunk-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22",
  sourcemap: "linked",
  legalComments: "linked",
  external: ["koffi", "etcd3"],
  banner: { js: REQUIRE_BANNER },
  define: { TORTIE_VERSION: JSON.stringify(version) },
  metafile: true,
  logLevel: "warning",
});

/** The CNI plugin alone: one file that runs anywhere, CommonJS because Node starts that sooner. */
await build({
  absWorkingDir: root,
  entryPoints: ["src/workload/cni/main.ts"],
  outfile: "dist/tortie-cni.cjs",
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node22",
  minify: true,
  banner: { js: "#!/usr/bin/env node" },
  logLevel: "warning",
});
chmodSync(join(root, "dist/tortie-cni.cjs"), 0o755);

for (const name of Object.keys(entries)) {
  const bytes = result.metafile.outputs[`dist/${name}.js`]?.bytes ?? 0;
  console.log(`dist/${name}.js  ${Math.round(bytes / 1024)} KB`);
}

const shared = join(root, "dist/share");
mkdirSync(shared);
writeFileSync(join(shared, "tortie.1"), manPage(COMMANDS, version));
copyFileSync(join(root, "src/packaging/tortied.8"), join(shared, "tortied.8"));
for (const shell of SHELLS) {
  writeFileSync(join(shared, `tortie.${shell}`), completionScript(shell));
}
