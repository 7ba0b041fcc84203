import { existsSync, readFileSync } from "node:fs";
import type { EtcdOptions } from "../datastore/etcd/etcd-options.ts";
import type { CommandContext } from "./command.ts";
import type { Environment } from "./environment.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/** Where the resources are; `from` says to people who named it. */
export type DatastoreSettings =
  | { readonly type: "directory"; readonly path: string; readonly from: string }
  | { readonly type: "etcd"; readonly options: EtcdOptions; readonly from: string };

/**
 * Which datastore a command uses. The first that is there counts: `--directory` or `--etcd-endpoints`, `--config FILE`, the
 * environment as calicoctl reads it, calicoctl's own file, tortied's file, and at last the default directory.
 */
export async function datastoreSettings({
  options,
  environment,
}: Pick<CommandContext, "options" | "environment">): Promise<DatastoreSettings> {
  const { directory, etcdEndpoints, config } = options;
  if (typeof directory === "string") {
    return { type: "directory", path: directory, from: "--directory" };
  }
  if (typeof etcdEndpoints === "string") {
    return fromEnvironment({ ...environment.etcd, endpoints: etcdEndpoints }, "--etcd-endpoints");
  }
  if (typeof config === "string") return readConfigFile(config);
  if (environment.datastoreDirectory !== undefined) {
    const path = environment.datastoreDirectory;
    return { type: "directory", path, from: "TORTIE_DATASTORE_DIR" };
  }
  if (environment.etcd.endpoints !== undefined) {
    return fromEnvironment(environment.etcd, "ETCD_ENDPOINTS");
  }
  if (environment.etcd.authority !== undefined) {
    const { authority, scheme = "http" } = environment.etcd;
    const endpoints = `${scheme}://${authority}`;
    return fromEnvironment({ ...environment.etcd, endpoints }, "ETCD_AUTHORITY");
  }
  const file = environment.configFiles.find((each) => existsSync(each));
  if (file !== undefined) return readConfigFile(file);
  return { type: "directory", path: environment.defaultDirectory, from: "the default" };
}

/** What people see of it; no secrets. */
export function settingsText(settings: DatastoreSettings): string {
  return settings.type === "directory"
    ? `the directory ${settings.path}`
    : `etcd at ${settings.options.endpoints.join(", ")}`;
}

function fromEnvironment(etcd: Environment["etcd"], from: string): DatastoreSettings {
  const { endpoints = "", caFile, certFile, keyFile, username, password } = etcd;
  const list = splitList(endpoints);
  return {
    type: "etcd",
    from,
    options: { endpoints: list, caFile, certFile, keyFile, username, password },
  };
}

/** A file of calicoctl (kind CalicoAPIConfig) or of tortied (with `datastore`), told apart by what is in it. */
async function readConfigFile(file: string): Promise<DatastoreSettings> {
  const { parseYaml } = await import("./yaml-text.ts");
  let value: unknown;
  try {
    value = parseYaml(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CommandFailure(
      {
        what: `${file} cannot be read`,
        why: error instanceof Error ? error.message.split("\n")[0] : String(error),
        fix: "name another file with --config, or mend this one",
        exitCode: ExitCode.usage,
      },
      { cause: error },
    );
  }
  const settings = fromCalico(value, file) ?? fromTortied(value, file);
  if (settings !== undefined) return settings;
  throw new CommandFailure({
    what: `${file} names no datastore`,
    why: "neither calicoctl's spec.etcdEndpoints nor tortied's datastore is in it",
    fix: "tortie explain config",
    exitCode: ExitCode.usage,
  });
}

/** https://docs.tigera.io: spec.datastoreType etcdv3, etcdEndpoints a list with commas, and file names. */
function fromCalico(value: unknown, from: string): DatastoreSettings | undefined {
  const spec = field(value, "spec");
  const text = (name: string) => textField(spec, name);
  const type = text("datastoreType");
  if (type === "kubernetes") {
    throw new CommandFailure({
      what: `${from} keeps its resources in Kubernetes, which tortie cannot read`,
      fix: "use datastoreType: etcdv3",
      exitCode: ExitCode.usage,
    });
  }
  const endpoints = text("etcdEndpoints");
  if (endpoints === undefined) return undefined;
  return {
    type: "etcd",
    from,
    options: {
      endpoints: splitList(endpoints),
      caFile: text("etcdCACertFile"),
      certFile: text("etcdCertFile"),
      keyFile: text("etcdKeyFile"),
      username: text("etcdUsername"),
      password: text("etcdPassword"),
    },
  };
}

/** The `datastore` of tortied's own file; the daemon is who checks that file. */
function fromTortied(value: unknown, from: string): DatastoreSettings | undefined {
  const store = field(value, "datastore");
  const text = (name: string) => textField(store, name);
  const path = text("path");
  if (text("type") === "directory" && path !== undefined) return { type: "directory", path, from };
  const endpoints = field(store, "endpoints");
  if (text("type") !== "etcd" || !Array.isArray(endpoints)) return undefined;
  return {
    type: "etcd",
    from,
    options: {
      endpoints: endpoints.map(String),
      caFile: text("caFile"),
      certFile: text("certFile"),
      keyFile: text("keyFile"),
      username: text("username"),
      passwordFile: text("passwordFile"),
    },
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function textField(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === "string" && found !== "" ? found : undefined;
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
