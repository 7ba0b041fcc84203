import { readFileSync, writeSync } from "node:fs";
import { run } from "./cni-commands.ts";
import { CNI_ERROR, CniError } from "./cni-error.ts";
import { readRequest } from "./cni-request.ts";

/*
 * tortie-cni: the CNI plugin (specification 1.1.0 and older). It only translates: what the runtime says by environment and
 * standard input becomes one request to the daemon, and the answer a result. It starts for each container, so it loads
 * nothing but Node's own net, and all of it is one file.
 */
async function main(): Promise<number> {
  let version = "1.1.0";
  try {
    // A terminal in place of a configuration: somebody who wants to know what this is.
    const configText = readFileSync(0, "utf8");
    const request = readRequest(process.env, configText);
    version = request.version;
    const answer = await run(request);
    if (answer !== undefined) write(answer);
    return 0;
  } catch (error) {
    write(errorResult(error, version));
    return 1;
  }
}

/** The error result of the specification, section 5. */
function errorResult(error: unknown, cniVersion: string): object {
  const known =
    error instanceof CniError
      ? error
      : new CniError(CNI_ERROR.internal, error instanceof Error ? error.message : String(error));
  const { code, message, details } = known;
  return { cniVersion, code, msg: message, ...(details !== undefined && { details }) };
}

function write(answer: object): void {
  let rest = Buffer.from(`${JSON.stringify(answer)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
}

void main().then((code) => {
  process.exitCode = code;
});
