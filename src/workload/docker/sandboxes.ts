import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { DockerLog } from "./docker-log.ts";
import { hasGatewayRoute, moveDefaultRoute, routeBySource } from "./source-routes.ts";

/** The container's end of one of its networks. */
export type SandboxInterface = {
  readonly addresses: readonly IpAddress[];
  readonly mac?: string;
};

/** Which container's namespace each endpoint is in, and by which of its networks a container sends. */
export class Sandboxes {
  readonly #log: DockerLog;
  /** Docker's namespace file of each endpoint that has joined a container. */
  readonly #joined = new Map<string, string>();

  constructor(log: DockerLog) {
    this.#log = log;
  }

  /** The link route to the gateway can exist once in a container, and so can the default route: the first network has them. */
  join(
    endpointId: string,
    { sandbox, end }: { readonly sandbox: string; readonly end: SandboxInterface },
  ): "first" | "further" {
    const isFurther = [...this.#joined.values()].includes(sandbox) || hasGatewayRoute(sandbox);
    this.#joined.set(endpointId, sandbox);
    if (!isFurther) return "first";
    const { mac, addresses } = end;
    if (mac !== undefined) {
      const routed = routeBySource({ sandbox, mac, addresses });
      this.#report("docker.source-routes-missing", routed, addresses);
    }
    return "further";
  }

  /** The container leaves the network, or ends: if it stays without a default route, another network of ours gives one. */
  leave(endpointId: string, end: SandboxInterface | undefined): void {
    const sandbox = this.#joined.get(endpointId);
    this.#joined.delete(endpointId);
    if (sandbox === undefined || end?.mac === undefined) return;
    const moved = moveDefaultRoute({ sandbox, mac: end.mac });
    this.#report("docker.default-route-missing", moved, end.addresses);
  }

  forget(endpointId: string): void {
    this.#joined.delete(endpointId);
  }

  #report(event: string, done: Promise<boolean>, addresses: readonly IpAddress[]): void {
    done.then(
      (isDone) => {
        if (!isDone) this.#log("warn", event, { addresses });
      },
      (error: unknown) => this.#log("warn", event, { addresses, error: String(error) }),
    );
  }
}
