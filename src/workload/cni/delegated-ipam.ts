import { accessSync, constants } from "node:fs";
import { CNI_ERROR, CniError } from "./cni-error.ts";
import type { CniRequest } from "./cni-request.ts";
import { readIpamResult } from "./cni-result.ts";

/** Runs the IPAM plugin of the configuration with this command, as the specification delegates (section 4); answers its result. */
export async function delegate(request: CniRequest, command: string): Promise<string> {
  // Loaded only here: most networks have our own IPAM, and start sooner without it.
  const { spawnSync } = await import("node:child_process");
  const file = findPlugin(request);
  const { status, stdout, error } = spawnSync(file, {
    input: request.configText,
    encoding: "utf8",
    env: { ...process.env, CNI_COMMAND: command },
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (error !== undefined) {
    throw new CniError(CNI_ERROR.ioFailure, `cannot run ${file}`, {
      cause: error,
      details: error.message,
    });
  }
  if (status === 0) return stdout;
  throw failureOf(file, stdout);
}

/** Addresses from the IPAM plugin. */
export async function delegatedAddresses(
  request: CniRequest,
): Promise<ReturnType<typeof readIpamResult>> {
  return readIpamResult(await delegate(request, "ADD"));
}

function findPlugin({ path, config }: CniRequest): string {
  const { type } = config.ipam;
  // A name, never a path: the configuration must not choose what is run from where.
  if (/^[\w.-]+$/.test(type)) {
    for (const directory of path) {
      const file = `${directory}/${type}`;
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // The next directory may have it.
      }
    }
  }
  throw new CniError(CNI_ERROR.invalidConfiguration, `there is no IPAM plugin ${type}`, {
    details: `looked in ${path.join(", ") || "no directory: CNI_PATH is empty"}`,
  });
}

/** What a plugin says of its failure is the answer to the runtime. */
function failureOf(file: string, stdout: string): CniError {
  try {
    const { code, msg, details } = JSON.parse(stdout) as {
      readonly code: number;
      readonly msg: string;
      readonly details?: string;
    };
    return new CniError(code, `${file}: ${msg}`, { details });
  } catch {
    return new CniError(CNI_ERROR.internal, `${file} failed`, { details: stdout });
  }
}
