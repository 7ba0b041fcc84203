import { randomBytes } from "node:crypto";
import type { IpAddress } from "../../../protocol/types/ip-address.ts";
import type { AssignResult } from "../../ipam/assign-request.ts";
import {
  readContainerRequest,
  type WantedNetworking,
  withFrontDoorNetwork,
} from "./container-request.ts";
import { type DockerClient, DockerError } from "./docker-client.ts";
import type { FrontDoorEndpoints, FrontDoorOptions } from "./front-door-endpoints.ts";
import { type PreparedCreate, Refusal } from "./proxied-answer.ts";

export type CreateHookOptions = FrontDoorOptions & {
  /** Name of the docker network that connects these containers. */
  readonly network: string;
  readonly driver: string;
  readonly docker: DockerClient;
  readonly frontDoor: FrontDoorEndpoints;
};

/** What happens before docker creates a container that asks for CALICO_IP: its address is claimed, or the request refused. */
export class CreateHook {
  readonly #options: CreateHookOptions;
  /** Tokens of containers that docker may not know yet. */
  readonly #underWay = new Set<string>();
  /** The look for the network, which is done once for all. */
  #network: Promise<void> | undefined;

  constructor(options: CreateHookOptions) {
    this.#options = options;
  }

  /** Containers that docker is just asked to create: nobody may take them for gone. */
  underWay(): ReadonlySet<string> {
    return new Set(this.#underWay);
  }

  /** Docker was started anew, and may have forgotten the network. */
  forgetNetwork(): void {
    this.#network = undefined;
  }

  async prepare(request: unknown): Promise<PreparedCreate | undefined> {
    const read = readContainerRequest(request);
    if (read.type === "none") return undefined;
    if (read.type === "refused") throw new Refusal(400, read.message);
    const { frontDoor, network } = this.#options;
    const token = randomBytes(16).toString("hex");
    await this.#ensureNetwork();
    this.#underWay.add(token);
    const addresses = await this.#claim(token, read.wanted).catch((error: unknown) => {
      this.#underWay.delete(token);
      throw error;
    });
    const undo = () => frontDoor.remove(token).finally(() => this.#underWay.delete(token));
    try {
      const { profile } = read.wanted;
      const profiles = profile === undefined ? [] : [await frontDoor.ensureProfile(profile)];
      await frontDoor.reserve(token, { addresses, profiles });
      const changed = withFrontDoorNetwork(request, { network, token, addresses, profiles });
      return { request: changed, undo, created: () => this.#underWay.delete(token) };
    } catch (error) {
      await undo();
      throw unavailable(error);
    }
  }

  async #claim(token: string, { addresses }: WantedNetworking): Promise<readonly IpAddress[]> {
    const { ipam, nodeName, frontDoor } = this.#options;
    const assignedTo = {
      host: nodeName,
      handle: frontDoor.handleOf(token),
      attributes: { orchestrator: "docker" },
      intendedUse: "Workload",
    } as const;
    const result = await (addresses.from === "auto"
      ? ipam.assign({ ...assignedTo, ipv4Count: 1, lowestFreeBlock: true })
      : ipam.assignAddresses({ ...assignedTo, addresses: addresses.addresses })
    ).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (result.type === "assigned") return result.assignments.map(({ address }) => address);
    throw await this.#refusal(result, addresses);
  }

  async #refusal(
    result: AssignResult & { readonly type: "refused" },
    wanted: WantedNetworking["addresses"],
  ): Promise<Refusal> {
    const asked = wanted.from === "auto" ? "auto" : wanted.addresses.join(",");
    if (result.reason === "outsidePools") {
      const { resources } = await this.#options.datastore.list({ kinds: ["IPPool"] });
      const pools = resources.map(({ spec }) => String(spec["cidr"])).join(", ");
      return new Refusal(400, `CALICO_IP ${asked} is in no pool (pools: ${pools || "none"})`);
    }
    const status = result.reason === "taken" ? 409 : 400;
    return new Refusal(status, `CALICO_IP ${asked} cannot be had: ${result.message}`);
  }

  /** One look for all who ask at once: docker lets two networks of one name be made, and then can use neither. */
  #ensureNetwork(): Promise<void> {
    this.#network ??= this.#findOrMakeNetwork().catch((error: unknown) => {
      this.#network = undefined;
      throw error;
    });
    return this.#network;
  }

  /** Made on the first need; its IPAM driver is docker's "null", because the address is chosen before docker is asked. */
  async #findOrMakeNetwork(): Promise<void> {
    const { docker, network, driver } = this.#options;
    const found = await this.#networks();
    if (found.some(({ Driver, IPAM }) => Driver !== driver || IPAM?.Driver !== "null")) {
      throw new Refusal(
        409,
        `docker has a network ${network} that is not for CALICO_IP: 'docker network rm ${network}'`,
      );
    }
    if (found.length > 1) return this.#removeDuplicates(found);
    if (found.length === 1) return;
    await docker
      .json("POST", "/networks/create", {
        Name: network,
        CheckDuplicate: true,
        Driver: driver,
        IPAM: { Driver: "null" },
      })
      .catch((error: unknown) => {
        // Somebody else may have been faster.
        if (!(error instanceof DockerError && error.status === 409)) throw error;
      });
  }

  /** Docker's filter takes a part of a name for a match. */
  async #networks(): Promise<readonly DockerNetwork[]> {
    const { docker, network } = this.#options;
    const filters = encodeURIComponent(JSON.stringify({ name: [network] }));
    const listed = await docker.json("GET", `/networks?filters=${filters}`);
    return Array.isArray(listed) ? listed.filter(({ Name }) => Name === network) : [];
  }

  /** All but one; docker keeps one that containers are in. */
  async #removeDuplicates(found: readonly DockerNetwork[]): Promise<void> {
    let left = found.length;
    for (const { Id } of found) {
      if (left === 1) return;
      const isGone = await this.#options.docker.json("DELETE", `/networks/${Id}`).then(
        () => true,
        () => false,
      );
      if (isGone) left--;
    }
  }
}

/** What docker says of a network. */
type DockerNetwork = {
  readonly Id?: unknown;
  readonly Name?: unknown;
  readonly Driver?: unknown;
  readonly IPAM?: { readonly Driver?: unknown };
};

function unavailable(error: unknown): Error {
  if (error instanceof Refusal) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Refusal(503, `CALICO_IP cannot be had now: ${why}`, { cause: error });
}
