import { nameSourcesInStacks } from "../lib/source-positions.ts";
import { version } from "../lib/version.ts";
import { formatValidationError, summarizeValidation } from "../resources/validation-error.ts";
import { Agent, type AgentEnd } from "./agent.ts";
import { loadAgentConfig } from "./load-agent-config.ts";

const USAGE = `usage: tortied --config FILE

The tortie daemon: makes this host a router for its workloads. Runs in the foreground; logs JSON lines to standard output.

  --config FILE   node name, datastore and paths (see tortied(8)); usually /etc/tortie/tortied.yaml
  --check         only check the file
  --version
  --help

SIGTERM stops it as for a restart: routes stay, and peers keep theirs. 'tortie node stop' withdraws first.
`;

const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  invalidConfig: 3,
  /** Stopped by 'tortie node stop': the service manager must not start it again. */
  stopped: 10,
  bug: 70,
} as const;

async function main(argv: readonly string[]): Promise<void> {
  // What ps, ss -p and "port 179 is taken by …" show.
  process.title = "tortied";
  const file = fileArgument(argv);
  const config = readConfig(file);
  if (argv.includes("--check")) {
    process.stdout.write(`${file}: ok\n`);
    return;
  }
  const agent = await startAgent(config);
  const stop = () => {
    void agent.stop({ mode: "restart", cleanup: false }).then(() => process.exit(ExitCode.done));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Resources are followed by themselves; a terminal that goes away is no reason to stop routing.
  process.on("SIGHUP", () => {});
  process.on("uncaughtException", (error) => agent.crash(error));
}

function fileArgument(argv: readonly string[]): string {
  if (argv.includes("--help") || argv.includes("-h")) leave(USAGE, ExitCode.done);
  if (argv.includes("--version")) leave(`tortied ${version()}\n`, ExitCode.done);
  const inline = argv.find((argument) => argument.startsWith("--config="));
  const at = argv.findIndex((argument) => argument === "--config" || argument === "-c");
  const file = inline?.slice("--config=".length) ?? (at >= 0 ? argv[at + 1] : undefined);
  if (file === undefined || file === "") leave(USAGE, ExitCode.usage);
  return file;
}

function readConfig(file: string): Agent["config"] {
  try {
    const loaded = loadAgentConfig(file);
    if (loaded.ok) return loaded.config;
    const text = loaded.errors.map(formatValidationError).join("\n");
    leave(`${text}\n${summarizeValidation(loaded.errors, { files: 1 })}\n`, ExitCode.invalidConfig);
  } catch (error) {
    fail(`cannot read ${file}`, error, "check the path after --config", ExitCode.invalidConfig);
  }
}

async function startAgent(config: Agent["config"]): Promise<Agent> {
  try {
    return await Agent.start({ config, onEnd: end });
  } catch (error) {
    const fix = "stop the other daemon, or set apiSocket in the configuration";
    return fail("tortied cannot start", error, fix, ExitCode.failed);
  }
}

function end({ reason }: AgentEnd): void {
  process.exit(reason === "bug" ? ExitCode.bug : ExitCode.stopped);
}

function fail(what: string, error: unknown, fix: string, code: number): never {
  const why = error instanceof Error ? error.message : String(error);
  return leave(`error: ${what}\n  cause: ${why}\n  fix: ${fix}\n`, code);
}

function leave(text: string, code: number): never {
  (code === ExitCode.done ? process.stdout : process.stderr).write(text);
  process.exit(code);
}

nameSourcesInStacks();
await main(process.argv.slice(2));
