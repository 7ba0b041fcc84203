/*
 * Addresses for docker networks made with `--ipam-driver tortie`. A network has no subnet of its own: each container gets one
 * address (/32 or /128) out of the cluster's pools, or out of the pool that `--subnet` names.
 */
import { randomBytes } from "node:crypto";
import { type IpAddress, ipVersion, parseIpAddress } from "../../../protocol/types/ip-address.ts";
import type { Datastore } from "../../datastore/datastore.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import type { FormerAddresses } from "./former-addresses.ts";
import type { PluginCall, PluginMethods } from "./plugin-server.ts";

export type IpamDriverOptions = {
  readonly nodeName: string;
  readonly ipam: Ipam;
  readonly datastore: Datastore;
  readonly former: FormerAddresses;
};

/** The address spaces that docker knows our networks by; also how the network driver sees whose addresses it is given. */
export const ADDRESS_SPACES = {
  LocalDefaultAddressSpace: "TortieLocal",
  GlobalDefaultAddressSpace: "TortieGlobal",
} as const;

/** The methods of docker's IpamDriver interface. */
export function ipamDriver(options: IpamDriverOptions): PluginMethods {
  return {
    "IpamDriver.GetCapabilities": async () => ({
      RequiresMACAddress: false,
      RequiresRequestReplay: false,
    }),
    "IpamDriver.GetDefaultAddressSpaces": async () => ADDRESS_SPACES,
    "IpamDriver.RequestPool": (call) => requestPool(call, options),
    "IpamDriver.ReleasePool": async () => ({}),
    "IpamDriver.RequestAddress": (call) => requestAddress(call, options),
    "IpamDriver.ReleaseAddress": (call) => releaseAddress(call, options),
  };
}

/** Gives back an address that docker held; one that belongs to someone else by now stays. */
export async function releaseDockerAddress(
  address: IpAddress,
  { ipam, nodeName }: Pick<IpamDriverOptions, "ipam" | "nodeName">,
): Promise<void> {
  const owner = await ipam.ownerOf(address);
  if (owner?.handle === undefined || !owner.handle.startsWith(handlePrefix(nodeName))) return;
  const { handle, sequenceNumber } = owner;
  await ipam.release({
    addresses: [{ address, handle, ...(sequenceNumber !== undefined && { sequenceNumber }) }],
  });
}

/** In docker's network driver API: the gateway of a pool. Without it docker would ask for an address of its own. */
const GATEWAY_DATA = "com.docker.network.gateway";
const ADDRESS_TYPE = "RequestAddressType";

async function requestPool(call: PluginCall, { datastore }: IpamDriverOptions): Promise<object> {
  const version = call["V6"] === true ? 6 : 4;
  const everything = version === 6 ? "::/0" : "0.0.0.0/0";
  const wanted = textOf(call["Pool"]);
  if (textOf(call["SubPool"]) !== "") {
    throw new Error("--ip-range is not for tortie: name a whole pool with --subnet, or none");
  }
  const Data = { [GATEWAY_DATA]: everything };
  if (wanted === "") return { PoolID: `${POOL_ID}${everything}`, Pool: everything, Data };
  const { resources } = await datastore.list({ kinds: ["IPPool"] });
  const cidrs = resources.map(({ spec }) => String(spec["cidr"]));
  if (!cidrs.includes(wanted)) {
    throw new Error(`--subnet ${wanted} is no pool (pools: ${cidrs.join(", ") || "none"})`);
  }
  return { PoolID: `${POOL_ID}${wanted}`, Pool: wanted, Data };
}

async function requestAddress(call: PluginCall, options: IpamDriverOptions): Promise<object> {
  const { ipam, nodeName: host } = options;
  const requestOptions = call["Options"];
  if (isFields(requestOptions) && requestOptions[ADDRESS_TYPE] === GATEWAY_DATA) {
    throw new Error("every container's gateway is 169.254.1.1 or fe80::1: leave --gateway out");
  }
  const pool = textOf(call["PoolID"]).slice(POOL_ID.length);
  const given = textOf(call["Address"]);
  const assignedTo = {
    host,
    handle: `${handlePrefix(host)}${randomBytes(16).toString("hex")}`,
    attributes: { orchestrator: "libnetwork" },
    intendedUse: "Workload",
  } as const;
  const former = given === "" ? await options.former.takeFor(textOf(call["PoolID"])) : undefined;
  const wanted = given === "" ? former : addressOf(given);
  let result = wanted && (await ipam.assignAddresses({ ...assignedTo, addresses: [wanted] }));
  // Nobody asked for the former address by name: any other is as good as none would be.
  if (result === undefined || (result.type === "refused" && wanted === former)) {
    result = await ipam.assign({
      ...assignedTo,
      ...(pool.includes(":") ? { ipv6Count: 1 } : { ipv4Count: 1 }),
      ...(!pool.endsWith("/0") && { pools: [pool] }),
    });
  }
  if (result.type === "refused") throw new Error(result.message);
  const [assigned] = result.assignments;
  if (assigned === undefined) throw new Error("the pool gave no address");
  return {
    Address: `${assigned.address}/${ipVersion(assigned.address) === 4 ? 32 : 128}`,
    Data: {},
  };
}

async function releaseAddress(call: PluginCall, options: IpamDriverOptions): Promise<object> {
  const address = addressOf(textOf(call["Address"]));
  await releaseDockerAddress(address, options);
  options.former.released(address, textOf(call["PoolID"]));
  return {};
}

const POOL_ID = "tortie:";

function handlePrefix(nodeName: string): string {
  return `libnetwork.${nodeName}.`;
}

function addressOf(text: string): IpAddress {
  const address = parseIpAddress(text.split("/")[0] ?? "");
  if (address === undefined) throw new Error(`${text} is not an IP address`);
  return address;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isFields(value: unknown): value is PluginCall {
  return typeof value === "object" && value !== null;
}
