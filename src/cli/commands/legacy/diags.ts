import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "../../../api/client.ts";
import { formatExactJson } from "../../../lib/exact-json.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";

/** What is run, and the file that keeps what it says; a program that is not there leaves a note. */
const PROGRAMS = [
  ["date", "date"],
  ["hostname", "hostname"],
  ["netstat", "ss", "-n", "-a"],
  ["route", "ip", "route", "show", "table", "all"],
  ["route6", "ip", "-6", "route", "show", "table", "all"],
  ["links", "ip", "-s", "-d", "link"],
  ["addresses", "ip", "address"],
  ["rules", "ip", "rule"],
  ["iptables", "iptables-save"],
  ["ip6tables", "ip6tables-save"],
  ["ipset", "ipset", "list"],
  ["nftables", "nft", "list", "ruleset"],
  ["sysctl", "sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"],
  ["docker-version", "docker", "version"],
  ["docker-networks", "docker", "network", "ls"],
] as const;

const PROGRAM_MILLISECONDS = 10_000;
const LONGEST_OUTPUT = 64 * 1024 * 1024;
const DEFAULT_LOG_DIRECTORY = "/var/log/tortie";
/** Whatever a resource keeps under such a name stays here. */
const SECRET_FIELDS = /password|secret|md5|key$/i;

/** `diags [--log-dir=DIR]`: one archive with all that someone else would ask for. Nothing leaves this host. */
export async function diags(context: CommandContext): Promise<number> {
  if (context.options["upload"] === true) {
    throw new CommandFailure({
      what: "diags uploads nothing",
      why: "the place of 2015 is gone, and an archive names every host and address of yours",
      fix: "run it without --upload, and send the file to whom you trust",
      exitCode: ExitCode.usage,
    });
  }
  const name = `diags-${hostname()}-${context.now.toISOString().replaceAll(/[:.]/g, "-")}`;
  const parent = mkdtempSync(join(tmpdir(), "tortie-"));
  const folder = join(parent, name);
  mkdirSync(folder);
  for (const [file, program, ...words] of PROGRAMS) {
    context.stderr.write(`Dumping ${file}\n`);
    writeFileSync(join(folder, file), outputOf(program, words));
  }
  const client = new ApiClient(context.socket);
  await keep(folder, "status.json", () => client.status());
  await keep(folder, "peers.json", () => client.peers());
  await keep(folder, "kernel.json", () => client.kernel());
  await keep(folder, "events.json", () => client.events({ limit: 1000 }));
  await keep(folder, "workloads.json", () => client.workloads());
  await keep(folder, "resources.json", () =>
    withDatastore(context, async (datastore) => (await datastore.list()).resources),
  );
  const { logDir } = context.options;
  const logs = typeof logDir === "string" ? logDir : DEFAULT_LOG_DIRECTORY;
  spawnSync("cp", ["-r", logs, join(folder, "logs")]);
  const archive = join(tmpdir(), `${name}.tar.gz`);
  const packed = spawnSync("tar", ["-C", parent, "-czf", archive, name]);
  rmSync(parent, { recursive: true, force: true });
  if (packed.status !== 0) {
    throw new CommandFailure({
      what: `${archive} cannot be written`,
      why: packed.stderr?.toString("utf8").trim(),
      exitCode: ExitCode.failed,
    });
  }
  context.stdout.write(`Diags saved to ${archive}\n`);
  return ExitCode.done;
}

function outputOf(program: string, words: readonly string[]): string {
  const run = spawnSync(program, words, {
    encoding: "utf8",
    timeout: PROGRAM_MILLISECONDS,
    maxBuffer: LONGEST_OUTPUT,
  });
  if (run.error !== undefined) return `${program}: ${run.error.message}\n`;
  return `${run.stdout}${run.stderr}`;
}

/** A part that cannot be had is a finding, not a reason to stop. */
async function keep(folder: string, file: string, ask: () => Promise<unknown>): Promise<void> {
  const value = await ask().catch((error: Error) => ({ failed: error.message }));
  // Blocks of IPAM hold integers that JSON.stringify refuses.
  writeFileSync(join(folder, file), `${formatExactJson(withoutSecrets(value))}\n`);
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [
      field,
      SECRET_FIELDS.test(field) ? "<hidden>" : withoutSecrets(inner),
    ]),
  );
}
