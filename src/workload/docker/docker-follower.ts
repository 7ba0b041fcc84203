/*
 * Follows docker's events, and compares what docker has with our endpoints each time the stream begins: a container may be
 * removed past the proxy, docker may die without a word, and either of us may start first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Assignment } from "../../ipam/assign-request.ts";
import { addressesOfNetworks } from "../workload-addresses.ts";
import type { WorkloadEndpoint } from "../workload-request.ts";
import { TOKEN_LABEL } from "./container-request.ts";
import type { CreateHook } from "./create-hook.ts";
import { labelEndpoint } from "./endpoint-labels.ts";
import { ENDPOINT_ID_ANNOTATION, FRONT_DOOR_ORCHESTRATOR, TOKEN } from "./front-door-endpoints.ts";
import { releaseDockerAddress } from "./ipam-driver.ts";
import { startContainersLeftBehind } from "./left-behind.ts";
import {
  adoptedEndpoint,
  LIBNETWORK,
  libnetworkIdentity,
  type NetworkDriver,
  type NetworkDriverOptions,
} from "./network-driver.ts";

export type DockerFollowerOptions = NetworkDriverOptions & {
  readonly drivers: readonly string[];
  readonly driver: NetworkDriver;
  readonly create: CreateHook;
};

const RETRY_MILLISECONDS = { first: 200, longest: 5_000 };
const EVENTS = { type: ["container", "network"], event: ["destroy", "connect"] };

/** Runs until the signal ends it; what docker or the datastore do wrong is logged, and tried again. */
export async function followDocker(
  options: DockerFollowerOptions,
  signal: AbortSignal,
): Promise<void> {
  let wait = RETRY_MILLISECONDS.first;
  let reachable: boolean | undefined;
  while (!signal.aborted) {
    try {
      const filters = encodeURIComponent(JSON.stringify(EVENTS));
      const events = options.docker.events(`/events?filters=${filters}`, signal);
      // Subscribed first: what happens during the comparison comes afterwards.
      const first = events.next();
      first.catch(() => undefined);
      await reconcile(options);
      if (reachable !== true) options.log("info", "docker.connected");
      reachable = true;
      wait = RETRY_MILLISECONDS.first;
      for (let next = await first; next.done !== true; next = await events.next()) {
        await onEvent(next.value, options);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (reachable !== false) options.log("warn", "docker.lost", { error: String(error) });
      reachable = false;
    }
    options.create.forgetNetwork();
    options.driver.dockerIsLost();
    await sleep(wait, undefined, { signal }).catch(() => undefined);
    wait = Math.min(wait * 2, RETRY_MILLISECONDS.longest);
  }
}

/** Takes up the endpoints that an earlier process connected: docker goes on to speak of them. */
export async function adoptEndpoints({
  driver,
  workloads,
}: Pick<DockerFollowerOptions, "driver" | "workloads">): Promise<void> {
  const listed = (await workloads.list()).map(({ endpoint }) => endpoint);
  driver.adopt(
    listed.flatMap((endpoint) => {
      const id = endpoint.metadata.annotations?.[ENDPOINT_ID_ANNOTATION];
      return id === undefined ? [] : [[id, adoptedEndpoint(endpoint)] as const];
    }),
  );
}

/** Brings our endpoints in line with the containers that docker has. */
async function reconcile(options: DockerFollowerOptions): Promise<void> {
  const { docker, workloads, driver, create, ipam, log } = options;
  await adoptEndpoints(options);
  // All of ours is looked at before docker's list: what comes in between is not in either, and not taken for gone.
  const assigned = await ipam.all();
  const before = await workloads.list();
  const tokens = create.underWay();
  const asked = driver.asked();
  const containers = readContainers(await docker.json("GET", "/containers/json?all=1"));
  // Docker that boots answers when its containers run, seconds later: they have got other endpoints meanwhile.
  const listed = await unchangedSince(before, workloads);
  const has: WhatDockerHas = {
    ids: new Set(containers.map(({ id }) => id)),
    tokens: new Set([...tokens, ...containers.map(({ token }) => token)]),
    endpoints: new Set([
      ...asked,
      ...driver.asked(),
      ...containers.flatMap(({ endpointIds }) => endpointIds),
    ]),
  };
  for (const endpoint of listed) {
    const { orchestrator, workload = "", endpoint: id = "", containerID } = endpoint.spec;
    if (orchestrator === FRONT_DOOR_ORCHESTRATOR) {
      if (TOKEN.test(workload)) await reconcileFrontDoor(endpoint, has, options);
      else if (!has.ids.has(workload)) await removeAddedByHand(containerID, options);
    } else if (orchestrator === LIBNETWORK && !has.endpoints.has(id)) {
      log("info", "docker.endpoint-gone", { endpoint: id });
      await workloads.remove(libnetworkIdentity(id));
      for (const address of addressesOfNetworks(endpoint.spec.ipNetworks)) {
        await releaseDockerAddress(address, options);
      }
      driver.forget(id);
    }
  }
  await releaseUnusedClaims(assigned, has, options);
  await startContainersLeftBehind(options);
}

/** The endpoints that docker would speak of by the same id as before. */
async function unchangedSince(
  before: readonly { readonly endpoint: WorkloadEndpoint }[],
  workloads: DockerFollowerOptions["workloads"],
): Promise<readonly WorkloadEndpoint[]> {
  const idOf = ({ metadata }: WorkloadEndpoint) => metadata.annotations?.[ENDPOINT_ID_ANNOTATION];
  const ids = new Map(before.map(({ endpoint }) => [endpoint.metadata.name, idOf(endpoint)]));
  return (await workloads.list())
    .map(({ endpoint }) => endpoint)
    .filter(
      (endpoint) =>
        ids.has(endpoint.metadata.name) && ids.get(endpoint.metadata.name) === idOf(endpoint),
    );
}

/** What docker has, or is about to have. */
type WhatDockerHas = {
  readonly ids: ReadonlySet<string | undefined>;
  readonly tokens: ReadonlySet<string | undefined>;
  readonly endpoints: ReadonlySet<string>;
};

async function reconcileFrontDoor(
  endpoint: WorkloadEndpoint,
  has: WhatDockerHas,
  { frontDoor, driver, log }: DockerFollowerOptions,
): Promise<void> {
  const token = endpoint.spec.workload ?? "";
  const id = endpoint.metadata.annotations?.[ENDPOINT_ID_ANNOTATION];
  if (!has.tokens.has(token)) {
    log("info", "docker.container-gone", { container: endpoint.spec.containerID });
    await frontDoor.remove(token);
  } else if (id === undefined || has.endpoints.has(id)) {
    return;
  } else {
    log("info", "docker.container-rests", { container: endpoint.spec.containerID });
    await frontDoor.rest(token);
  }
  if (id !== undefined) driver.forget(id);
}

/** A process that died between the claim of an address and the making of its container has left it to nobody. */
async function releaseUnusedClaims(
  assigned: readonly Assignment[],
  has: WhatDockerHas,
  { frontDoor, log }: DockerFollowerOptions,
): Promise<void> {
  for (const { handle = "", address } of assigned) {
    const token = frontDoor.tokenOf(handle);
    if (token === undefined || has.tokens.has(token)) continue;
    log("info", "docker.claim-unused", { address });
    await frontDoor.remove(token);
  }
}

async function onEvent(event: unknown, options: DockerFollowerOptions): Promise<void> {
  const { Type: type, Action: action, Actor } = event as DockerEvent;
  const attributes = Actor?.Attributes ?? {};
  if (type === "container" && action === "destroy") {
    await onContainerGone({ id: Actor?.ID, token: attributes[TOKEN_LABEL] }, options);
  } else if (type === "network" && action === "destroy") {
    options.create.forgetNetwork();
  } else if (type === "network" && action === "connect") {
    const { container } = attributes;
    if (container !== undefined && options.drivers.includes(attributes["type"] ?? "")) {
      await labelEndpoint({ container, network: attributes["name"] ?? "" }, options);
    }
  }
}

async function onContainerGone(
  { id, token }: { readonly id: string | undefined; readonly token: string | undefined },
  options: DockerFollowerOptions,
): Promise<void> {
  if (id !== undefined) options.former.forget(id);
  if (token !== undefined) await options.frontDoor.remove(token);
  else await removeAddedByHand(id, options);
}

/** A person connected the container with `calicoctl container add`; docker knows nothing of that. */
async function removeAddedByHand(
  container: string | undefined,
  { workloads }: DockerFollowerOptions,
): Promise<void> {
  for (const { endpoint } of await workloads.list()) {
    const { orchestrator, workload, containerID } = endpoint.spec;
    if (orchestrator !== FRONT_DOOR_ORCHESTRATOR || containerID !== container) continue;
    if (container === undefined || workload !== container) continue;
    await workloads.remove({
      orchestrator,
      workload,
      endpoint: endpoint.spec.endpoint ?? "",
      namespace: endpoint.metadata.namespace ?? "default",
    });
  }
}

type DockerEvent = {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: {
    readonly ID?: string;
    readonly Attributes?: Readonly<Record<string, string>>;
  };
};

type ListedContainer = {
  readonly id: string | undefined;
  readonly token: string | undefined;
  readonly endpointIds: readonly string[];
};

function readContainers(given: unknown): readonly ListedContainer[] {
  if (!Array.isArray(given)) throw new Error("docker's list of containers is none");
  return given.map((container) => ({
    id: container?.Id,
    token: container?.Labels?.[TOKEN_LABEL],
    endpointIds: Object.values(container?.NetworkSettings?.Networks ?? {}).flatMap(
      (network) => (network as { readonly EndpointID?: string }).EndpointID || [],
    ),
  }));
}
