/**
 * Writes biome.json from biome-base.json and layers.json: one self-contained override a folder, because a later override
 * replaces the import rule of an earlier one. `--check` only says whether biome.json is what would be written.
 * `--cells` proves every cell of the table: for each import that is forbidden, a file with just that import must fail,
 * and for each that is allowed, it must pass.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

type Layers = { readonly [folder: string]: readonly string[] };

const root = join(import.meta.dirname, "..");
const layers = JSON.parse(readFileSync(join(root, ".ci/layers.json"), "utf8")) as Layers;
const folders = Object.keys(layers);

const PURE_GLOBALS = {
  Date: "Time comes in as an argument.",
  setTimeout: "Return a deadline.",
  setInterval: "Return a deadline.",
  setImmediate: "Return workPending.",
  console: "Return an event.",
  process: "protocol/ knows no process.",
};

const PURE_FOLDERS = folders.filter(
  (folder) => folder.startsWith("protocol/") || folder === "src/calc",
);

function main(): void {
  const written = formatted(JSON.stringify(config()));
  const file = join(root, "biome.json");
  if (process.argv.includes("--cells")) process.exitCode = proveCells();
  else if (process.argv.includes("--check")) {
    const same = readFileSync(file, "utf8") === written;
    if (!same)
      console.error("biome.json is not what layers.json says: run node .ci/lint-layers.ts");
    process.exitCode = same ? 0 : 1;
  } else writeFileSync(file, written);
}

/** Biome looks at its own configuration, too. */
function formatted(json: string): string {
  const run = spawnSync("biome", ["format", "--stdin-file-path=biome.json"], {
    cwd: root,
    input: json,
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`biome format: ${run.stderr}`);
  return run.stdout;
}

function config(): object {
  const base = JSON.parse(readFileSync(join(root, ".ci/biome-base.json"), "utf8")) as object;
  const overrides = folders.map((folder) => override(folder));
  overrides.push({
    includes: ["test/**"],
    linter: {
      rules: {
        complexity: {
          noExcessiveLinesPerFunction: "off",
          noExcessiveCognitiveComplexity: "off",
        },
      },
    },
  });
  return { ...base, overrides };
}

function override(folder: string): object {
  const pure = PURE_FOLDERS.includes(folder);
  return {
    includes: [`${folder}/**`],
    linter: {
      rules: {
        style: {
          noRestrictedImports: {
            level: "error",
            options: {
              patterns: [
                {
                  group: forbiddenPatterns(folder),
                  message: `${folder} may import ${layers[folder]?.join(", ") || "only itself"} (.ci/layers.json).`,
                },
              ],
            },
          },
          ...(pure && {
            noRestrictedGlobals: { level: "error", options: { deniedGlobals: PURE_GLOBALS } },
          }),
        },
      },
    },
  };
}

/** Import paths are relative, so a folder is known by its last name; every name in layers.json is used once. */
function forbiddenPatterns(folder: string): string[] {
  const allowed = new Set([folder, ...(layers[folder] ?? [])]);
  const patterns = folders
    .filter((other) => !allowed.has(other))
    .map((other) => `**/${nameOf(other)}/*`)
    .flatMap((pattern) => [pattern, `${pattern}*/*`]);
  if (folder.startsWith("protocol/")) patterns.push("node:*", "**/src/**");
  return [...patterns, "**/test/**"];
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf("/") + 1);
}

/** One file a cell in a scratch folder of each layer, one run of the linter over all of them. */
function proveCells(): number {
  const cells = folders.flatMap((from) =>
    folders.filter((to) => to !== from).map((to) => ({ from, to, file: cellFile(from, to) })),
  );
  const absent = folders.filter((folder) => !existsSync(join(root, folder)));
  try {
    for (const { file, from, to } of cells) writeCell(file, from, to);
    const refused = refusedFiles();
    const wrong = cells.filter(
      ({ file, from, to }) => refused.has(file) === (layers[from] ?? []).includes(to),
    );
    for (const { from, to } of wrong) console.error(`wrong cell: ${from} -> ${to}`);
    console.log(`${cells.length - wrong.length} of ${cells.length} cells of the import table hold`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    for (const folder of folders)
      rmSync(join(root, folder, "zz-cells"), { recursive: true, force: true });
    for (const folder of absent) rmSync(join(root, folder), { recursive: true, force: true });
  }
}

function cellFile(from: string, to: string): string {
  return `${from}/zz-cells/to-${to.replace("/", "-")}.ts`;
}

function writeCell(file: string, from: string, to: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  const path = relative(join(root, from, "zz-cells"), join(root, to));
  writeFileSync(join(root, file), `import "${path}/something.ts";\n`);
}

function refusedFiles(): Set<string> {
  const run = spawnSync(
    "biome",
    [
      "lint",
      "--only=style/noRestrictedImports",
      "--max-diagnostics=none",
      "--reporter=json",
      "protocol",
      "src",
    ],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  const report = JSON.parse(run.stdout) as {
    diagnostics: readonly { location: { path: string | { file: string } } }[];
  };
  return new Set(
    report.diagnostics.map(({ location: { path } }) =>
      typeof path === "string" ? path : path.file,
    ),
  );
}

main();
