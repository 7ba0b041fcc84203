import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { DatastoreSettings } from "../../datastore-settings.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";

/** What the daemon is told by `calicoctl node`. */
export type NodeConfig = {
  readonly name: string;
  readonly settings: DatastoreSettings;
  readonly socket: string;
  readonly docker: { readonly proxyPort: number | undefined } | undefined;
};

/** Where the systemd unit looks, so that a host that boots goes on as it was. */
const CONFIG_FILE = "/etc/tortie/tortied.yaml";
/** Where it is written when a person wrote the other one. */
const OTHER_CONFIG_FILE = "/var/lib/tortie/node.yaml";
const PASSWORD_FILE = "/etc/tortie/etcd-password";
const MARK = "# Written by 'calicoctl node', which writes it anew each time.";

/** Writes the daemon's configuration and returns its path. JSON is YAML. */
export function writeNodeConfig(config: NodeConfig): string {
  const { name, settings, socket, docker } = config;
  const text = JSON.stringify(
    {
      nodeName: name,
      datastore: datastoreOf(settings),
      apiSocket: socket,
      ...(docker !== undefined && {
        docker: docker.proxyPort === undefined ? {} : { proxyPort: docker.proxyPort },
      }),
    },
    undefined,
    2,
  );
  const file = isOurs(CONFIG_FILE) ? CONFIG_FILE : OTHER_CONFIG_FILE;
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, `${MARK}\n${text}\n`, { mode: 0o644 });
  return file;
}

function isOurs(file: string): boolean {
  return !existsSync(file) || readFileSync(file, "utf8").startsWith(MARK);
}

function datastoreOf(settings: DatastoreSettings): object {
  if (settings.type === "directory") return { type: "directory", path: settings.path };
  const { password, passwordFile, ...options } = settings.options;
  if (password !== undefined) {
    mkdirSync(dirname(PASSWORD_FILE), { recursive: true, mode: 0o755 });
    writeFileSync(PASSWORD_FILE, `${password}\n`, { mode: 0o600 });
  }
  if (options.endpoints.length === 0) {
    throw new CommandFailure({
      what: `${settings.from} names no etcd`,
      fix: "export ETCD_AUTHORITY=HOST:2379",
      exitCode: ExitCode.usage,
    });
  }
  const file = password === undefined ? passwordFile : PASSWORD_FILE;
  return { type: "etcd", ...options, ...(file !== undefined && { passwordFile: file }) };
}
