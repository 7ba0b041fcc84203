import { type DockerClient, DockerError } from "./docker-client.ts";
import type { DockerLog } from "./docker-log.ts";

/**
 * Starts containers that docker wanted to start when there was no driver: after a boot docker may be up long before us, it
 * tries each container of a restart policy once, and then leaves it.
 */
export async function startContainersLeftBehind(options: {
  readonly docker: DockerClient;
  readonly drivers: readonly string[];
  readonly log: DockerLog;
}): Promise<void> {
  const { docker, drivers, log } = options;
  const filters = encodeURIComponent(JSON.stringify({ status: ["exited", "created"] }));
  const stopped = await docker.json("GET", `/containers/json?all=1&filters=${filters}`);
  for (const { Id: id } of Array.isArray(stopped) ? stopped : []) {
    const container = (await docker.json("GET", `/containers/${id}/json`)) as Inspected | undefined;
    if (container === undefined || !wasLeftBehind(container, drivers)) continue;
    log("info", "docker.container-left-behind", { container: id, why: container.State?.Error });
    try {
      await docker.json("POST", `/containers/${id}/start`);
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      log("warn", "docker.start-failed", { container: id, error: error.message });
    }
  }
}

type Inspected = {
  readonly State?: { readonly Error?: string };
  readonly HostConfig?: { readonly RestartPolicy?: { readonly Name?: string } };
};

/** Docker notes why the last start failed; one that a person stopped has no such note. */
function wasLeftBehind({ State, HostConfig }: Inspected, drivers: readonly string[]): boolean {
  const policy = HostConfig?.RestartPolicy?.Name;
  if (policy !== "always" && policy !== "unless-stopped") return false;
  const error = State?.Error ?? "";
  return drivers.some(
    (driver) => error.includes(`${driver}.sock`) || error.includes(`"${driver}"`),
  );
}
