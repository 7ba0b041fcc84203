import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import t from "tap";
import { parseAgentConfig } from "../../../src/agent/load-agent-config.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { manPage } from "../../../src/packaging/man-page.ts";

const PACKAGING = join(import.meta.dirname, "../../../src/packaging");

function readPackaging(name: string): string {
  return readFileSync(join(PACKAGING, name), "utf8");
}

t.test("man pages are roff without warnings, and name every command", (t) => {
  const pages = { "tortie.1": manPage(COMMANDS, "1.2.3"), "tortied.8": readPackaging("tortied.8") };
  for (const [name, text] of Object.entries(pages)) {
    const groff = spawnSync("groff", ["-man", "-ww", "-z", "-Tutf8", "-Kutf8"], {
      input: text,
      encoding: "utf8",
    });
    if (groff.error === undefined) t.equal(groff.stderr, "", name);
  }
  for (const { path } of COMMANDS) {
    const words = path.join(" ").replaceAll("-", "\\-");
    t.match(pages["tortie.1"], `.SS tortie ${words}`);
  }
  t.end();
});

t.test("the unit is one that systemd understands", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-unit-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "tortied.service");
  // The program is not installed where the test runs; everything else is looked at.
  writeFileSync(
    file,
    readPackaging("tortied.service").replace(/^ExecStart=.*$/m, "ExecStart=/bin/true"),
  );
  const verify = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
  if (verify.error === undefined) {
    const about = verify.stderr.split("\n").filter((line) => line.includes("tortied.service"));
    t.strictSame(about, []);
  }
  const unit = readPackaging("tortied.service");
  t.match(unit, /^Restart=always$/m);
  t.match(unit, /^RestartPreventExitStatus=3 10$/m, "the exit codes of src/agent/main.ts");
  t.notMatch(unit, /^ProtectKernelTunables=yes/m, "sysctls are written");
  t.end();
});

t.test("the example configuration is a valid one", (t) => {
  t.match(parseAgentConfig(readPackaging("tortied.yaml"), "tortied.yaml"), { ok: true });
  t.end();
});

t.test("bundled, the answer is YAML as well", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-bundle-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await build({
    entryPoints: [join(import.meta.dirname, "../../../src/cli/output.ts")],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  const bundled = await import(pathToFileURL(join(folder, "output.mjs")).href);
  const text = await bundled.formatOutput("yaml", { items: [1] }, () => "a table");
  t.equal(text, "items:\n  - 1\n");
});
