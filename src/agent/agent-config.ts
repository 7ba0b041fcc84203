import { z } from "zod";
import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";

/**
 * What `tortied --config FILE` reads, and every default. It says who this host is and where things are; everything about
 * BGP comes from the resources in the datastore.
 */
export type AgentConfig = z.infer<typeof agentConfigSchema>;

/** A route protocol number that no other routing program of a Linux host uses (rtnetlink(7), /etc/iproute2/rt_protos). */
export const DEFAULT_ROUTE_PROTOCOL = 116;
/** RT_TABLE_MAIN. */
export const DEFAULT_ROUTE_TABLE = 254;

/** Protocol numbers of the kernel, boot scripts, dnsrouted, Calico with BIRD, and FRR's zebra: their routes are not ours. */
const FOREIGN_PROTOCOLS = [0, 1, 2, 3, 4, 11, 12, 80, 186];

const address = z.string().transform((text, context): IpAddress => {
  const parsed = parseIpAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `not an IP address: ${text}` });
  return z.NEVER;
});

const absolutePath = z.string().regex(/^\//, "must be an absolute path");

const datastore = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("directory"), path: absolutePath }),
  z.strictObject({ type: z.literal("etcd"), endpoints: z.array(z.url()).min(1) }),
]);

const listen = z.strictObject({
  port: z.int().min(1).max(65_535).optional(),
  addresses: z.array(address).min(1).optional(),
});

export const agentConfigSchema = z.strictObject({
  /** Name of this host's Node resource. */
  nodeName: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "must be lower-case letters, digits, '-' and '.'"),
  datastore,
  apiSocket: absolutePath.default("/run/tortie/tortie.sock"),
  stateDirectory: absolutePath.default("/var/lib/tortie"),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
  routeTable: z.int().min(1).max(0xffff_ffff).default(DEFAULT_ROUTE_TABLE),
  routeProtocol: z
    .int()
    .min(1)
    .max(255)
    .refine((number) => !FOREIGN_PROTOCOLS.includes(number), {
      message: "belongs to the kernel or to another routing program",
    })
    .default(DEFAULT_ROUTE_PROTOCOL),
  /** Run in this network namespace ("/run/netns/NAME") instead of the one that tortied was started in. */
  networkNamespace: absolutePath.optional(),
  /** Takes the place of what the resources say about listening. */
  listen: listen.optional(),
});

/** Where the resources are, for people. */
export function storeLocation({ datastore }: AgentConfig): string {
  return datastore.type === "directory" ? datastore.path : datastore.endpoints.join(",");
}
