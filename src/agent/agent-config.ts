import { z } from "zod";
import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import { parseEndpoint } from "../datastore/etcd/etcd-options.ts";

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

const etcdEndpoint = z.string().superRefine((text, context) => {
  const parsed = parseEndpoint(text);
  if (typeof parsed === "string") context.addIssue({ code: "custom", message: parsed });
});

/** Files are read when a connection is made, so that renewed certificates need no restart. */
const etcd = z
  .strictObject({
    type: z.literal("etcd"),
    endpoints: z.array(etcdEndpoint).min(1),
    caFile: absolutePath.optional(),
    certFile: absolutePath.optional(),
    keyFile: absolutePath.optional(),
    username: z.string().min(1).optional(),
    /** Its first line is the password, which stands nowhere else. */
    passwordFile: absolutePath.optional(),
  })
  .superRefine((given, context) => {
    const complain = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    const secure = given.endpoints.filter((endpoint) => endpoint.startsWith("https:")).length;
    if (secure > 0 && secure < given.endpoints.length) {
      complain("endpoints", "must be all http or all https");
    }
    if (given.certFile !== undefined && given.keyFile === undefined) {
      complain("certFile", "needs keyFile");
    }
    if (given.keyFile !== undefined && given.certFile === undefined) {
      complain("keyFile", "needs certFile");
    }
    if (given.username !== undefined && given.passwordFile === undefined) {
      complain("username", "needs passwordFile");
    }
    if (given.passwordFile !== undefined && given.username === undefined) {
      complain("passwordFile", "needs username");
    }
    if (secure === 0 && (given.caFile ?? given.certFile) !== undefined) {
      complain("endpoints", "must be https where certificates are given");
    }
  });

const datastore = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("directory"), path: absolutePath }),
  etcd,
]);

/** Docker on this host: network and IPAM drivers always, and the proxy of 2015 only where a port is named. */
const docker = z.strictObject({
  socket: absolutePath.default("/var/run/docker.sock"),
  pluginFolder: absolutePath.default("/run/docker/plugins"),
  /** On loopback. Whoever may use docker is root, so this is for root and group docker only. */
  proxyPort: z.int().min(1).max(65_535).optional(),
});

const listen = z.strictObject({
  port: z.int().min(1).max(65_535).optional(),
  addresses: z.array(address).min(1).optional(),
});

export const agentConfigSchema = z
  .strictObject({
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
    /** When most of the cluster vanishes from the datastore, take that for meant after this time. Unset: when a person says so. */
    confirmLossAfterSeconds: z.int().min(60).max(604_800).optional(),
    /** Whether a young daemon compiles in its spare time what it will need (docs/adr/0015). */
    rehearsal: z.boolean().default(true),
    /** Without it docker is none of this daemon's business. */
    docker: docker.optional(),
  })
  .superRefine((given, context) => {
    // Docker would look for the proxy, and the kernel for its clients, in the namespace that tortied was started in.
    if (given.docker === undefined || given.networkNamespace === undefined) return;
    const message =
      "cannot be used together with networkNamespace: start tortied in that namespace";
    context.addIssue({ code: "custom", path: ["docker"], message });
  });

/** Where the resources are, for people. */
export function storeLocation({ datastore }: AgentConfig): string {
  return datastore.type === "directory" ? datastore.path : datastore.endpoints.join(",");
}
