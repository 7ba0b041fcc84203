import { type IpAddress, ipVersion, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { unreachable } from "../../protocol/types/never.ts";
import type { AssignResult, RefusalReason } from "../ipam/assign-request.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { UndoStack } from "./undo-stack.ts";
import { WorkloadError, type WorkloadErrorCode, type WorkloadRequest } from "./workload-request.ts";

/** IPAM as far as workloads need it. */
export type WorkloadIpam = Pick<Ipam, "assign" | "assignAddresses" | "release" | "byHandle">;

/** Who the addresses are for. */
export type AddressOwner = { readonly host: string; readonly handle: string };

/** Addresses for a workload; `settle` is for when it is connected. */
export type ObtainedAddresses = {
  readonly addresses: readonly IpAddress[];
  /** Gives back what an earlier incarnation had and this one has not: nobody else will ever ask for it. */
  readonly settle: () => Promise<void>;
};

/** What addresses are obtained with. */
export type ObtainOptions = {
  readonly ipam: WorkloadIpam;
  readonly owner: AddressOwner;
  readonly undo: UndoStack;
  /** IP versions that the cluster has a pool of. */
  readonly poolVersions: ReadonlySet<4 | 6>;
};

/**
 * The addresses of a workload, by where they come from. What the handle held before stays its own when a later step fails:
 * only what this call added is given back.
 */
export async function obtainAddresses(
  options: ObtainOptions,
  request: WorkloadRequest,
): Promise<ObtainedAddresses> {
  const { ipam, owner, undo } = options;
  if (request.addresses.from === "elsewhere") {
    return { addresses: request.addresses.addresses, settle: async () => {} };
  }
  const held = (await ipam.byHandle(owner.handle)).map(({ address }) => address);
  undo.push("assignment of addresses", async () => {
    const now = (await ipam.byHandle(owner.handle)).map(({ address }) => address);
    await giveBack(options, without(now, held));
  });
  const addresses = addressesOf(await ask(options, request));
  return { addresses, settle: () => giveBack(options, without(held, addresses)) };
}

function without(all: readonly IpAddress[], some: readonly IpAddress[]): readonly IpAddress[] {
  return all.filter((address) => !some.includes(address));
}

/** Gives addresses of the handle back; an address that has another owner by now is left alone. */
async function giveBack(
  { ipam, owner: { handle } }: ObtainOptions,
  addresses: readonly IpAddress[],
): Promise<void> {
  if (addresses.length === 0) return;
  await ipam.release({ addresses: addresses.map((address) => ({ address, handle })) });
}

function ask(
  { ipam, owner, poolVersions }: ObtainOptions,
  request: WorkloadRequest,
): Promise<AssignResult> {
  const { addresses } = request;
  const common = {
    ...owner,
    attributes: attributesOf(request),
    intendedUse: "Workload",
    reuse: true,
  } as const;
  switch (addresses.from) {
    case "auto":
      return ipam.assign({
        ...common,
        ipv4Count: addresses.ipv4 ?? Number(poolVersions.has(4) || addresses.ipv6 === undefined),
        ipv6Count: addresses.ipv6 ?? Number(poolVersions.has(6)),
        ...(addresses.pools && { pools: addresses.pools }),
        ...(addresses.lowest && { lowestFreeBlock: true }),
      });
    case "claim":
      return ipam.assignAddresses({ ...common, addresses: addresses.addresses });
    case "elsewhere":
      throw new Error("addresses from elsewhere are not assigned here");
    default:
      return unreachable(addresses);
  }
}

function attributesOf({ namespace, pod, workload }: WorkloadRequest): Record<string, string> {
  return { namespace: namespace ?? "default", ...(pod === undefined ? { workload } : { pod }) };
}

function addressesOf(result: AssignResult): readonly IpAddress[] {
  if (result.type === "refused") throw new WorkloadError(CODES[result.reason], result.message);
  const addresses = result.assignments.map(({ address }) => address);
  if (addresses.length === 0) throw new WorkloadError("invalid", "no address was asked for");
  return addresses;
}

const CODES: { readonly [reason in RefusalReason]: WorkloadErrorCode } = {
  noPool: "no-address",
  unknownPool: "invalid",
  exhausted: "no-address",
  blockLimit: "no-address",
  taken: "taken",
  foreignBlock: "taken",
  outsidePools: "invalid",
  invalid: "invalid",
};

/** "192.168.0.1/32", as a WorkloadEndpoint lists it. */
export function networkOf(address: IpAddress): string {
  return `${address}/${ipVersion(address) === 4 ? 32 : 128}`;
}

/** The reverse of networkOf, for all of an endpoint. */
export function addressesOfNetworks(networks: readonly string[] | undefined): readonly IpAddress[] {
  return (networks ?? []).flatMap((network) => parseIpAddress(network.split("/")[0] ?? "") ?? []);
}
