/*
 * `calicoctl node`, as in 2015: says in the datastore who this host is, makes the default pools where there are none, and
 * starts the daemon, which goes on by itself.
 */
import { hostname, networkInterfaces } from "node:os";
import { ipVersion, parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import type { Datastore } from "../../../datastore/datastore.ts";
import { API_VERSION, type Resource } from "../../../resources/resource.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { type DatastoreSettings, datastoreSettings } from "../../datastore-settings.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { runDaemon, startDaemon } from "./daemon-process.ts";
import { changeResource, nodeName, wrongUsage } from "./legacy-usage.ts";
import { writeNodeConfig } from "./node-config.ts";
import { addPool } from "./pool-resource.ts";

/** What 2015's calicoctl made, and what its documentation counts on. */
const DEFAULT_POOLS = [
  { version: 4, name: "default-ipv4-ippool", cidr: "192.168.0.0/16" },
  { version: 6, name: "default-ipv6-ippool", cidr: "fd80:24e2:f998:72d6::/64" },
] as const;

const DEFAULT_PROXY_PORT = 2377;
const DEFAULT_LOG_DIRECTORY = "/var/log/tortie";

/** `calicoctl node --ip=IP` */
export async function node(context: CommandContext): Promise<number> {
  if (context.rest.length > 0) throw wrongUsage(context, "node needs other words", USAGE);
  if (process.getuid?.() !== 0) {
    throw new CommandFailure({
      what: "calicoctl node needs root",
      why: "the daemon changes routes and interfaces of this host",
      fix: "sudo -E calicoctl node …, so that ETCD_AUTHORITY is kept",
      exitCode: ExitCode.usage,
    });
  }
  const addresses = nodeAddresses(context);
  const asNumber = asNumberOf(context);
  const settings = await datastoreSettings(context);
  const name = nodeName(undefined);
  await withDatastore(context, async (datastore) => {
    await ensurePools(datastore, context);
    await describeNode(datastore, { name, addresses, asNumber });
  });
  return launch(context, { settings, name });
}

const USAGE = [
  "node [--ip=IP] [--ip6=IP6] [--as=AS] [--log-dir=DIR] [--detach=true] [--docker-proxy=PORT|off]",
  "node stop | node remove | node show | node bgp peer (add|remove|show)",
] as const;

async function launch(
  context: CommandContext,
  { settings, name }: { readonly settings: DatastoreSettings; readonly name: string },
): Promise<number> {
  const { stdout, socket, options } = context;
  const proxyPort = proxyPortOf(context);
  const withDocker = options["runtime"] !== "none";
  const configFile = writeNodeConfig({
    name,
    settings,
    socket,
    docker: withDocker ? { proxyPort } : undefined,
  });
  const logDirectory =
    typeof options["logDir"] === "string" ? options["logDir"] : DEFAULT_LOG_DIRECTORY;
  if (options["detach"] === "false") return runDaemon(configFile);
  const id = await startDaemon({
    configFile,
    logDirectory,
    socket,
    proxyPort: withDocker ? proxyPort : undefined,
  });
  if (withDocker && proxyPort !== undefined) {
    stdout.write(`Docker Remote API is on port ${proxyPort}.  Run \n\n`);
    stdout.write(`export DOCKER_HOST=localhost:${proxyPort}\n\n`);
    stdout.write("before using `docker run` for Calico networking.\n\n");
  }
  stdout.write(`Calico node is running with id: ${id}\n`);
  return ExitCode.done;
}

/** Scripts read standard output, so notes go to the other one. */
async function ensurePools(datastore: Datastore, context: CommandContext): Promise<void> {
  if (context.options["defaultIppools"] === false) return;
  const { resources } = await datastore.list({ kinds: ["IPPool"] });
  for (const { version, name, cidr } of DEFAULT_POOLS) {
    const exists = resources.some(
      ({ spec }) => String(spec["cidr"]).includes(":") === (version === 6),
    );
    if (exists) continue;
    await addPool(datastore, { cidr, name });
    context.stderr.write(`There was no IPv${version} pool: created ${cidr}\n`);
  }
}

type NodeAddresses = { readonly ipv4?: string; readonly ipv6?: string };

async function describeNode(
  datastore: Datastore,
  node: {
    readonly name: string;
    readonly addresses: NodeAddresses;
    readonly asNumber: number | undefined;
  },
): Promise<void> {
  const { name, addresses, asNumber } = node;
  await changeResource(datastore, { kind: "Node", name }, (before): Resource => {
    const bgp = (before?.spec["bgp"] ?? {}) as Readonly<Record<string, unknown>>;
    return {
      ...(before ?? { apiVersion: API_VERSION, kind: "Node", metadata: { name } }),
      spec: {
        ...before?.spec,
        bgp: {
          ...bgp,
          ...(addresses.ipv4 !== undefined && { ipv4Address: addresses.ipv4 }),
          ...(addresses.ipv6 !== undefined && { ipv6Address: addresses.ipv6 }),
          ...(asNumber !== undefined && { asNumber }),
        },
      },
    };
  });
}

function nodeAddresses(context: CommandContext): NodeAddresses {
  const ipv4 = givenAddress(context, { option: "ip", version: 4 }) ?? detectedAddress();
  const ipv6 = givenAddress(context, { option: "ip6", version: 6 });
  if (ipv4 === undefined && ipv6 === undefined) {
    throw new CommandFailure({
      what: `no address was found that ${hostname()} could peer from`,
      fix: `${context.environment.program} node --ip=IP`,
      exitCode: ExitCode.usage,
    });
  }
  return { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
}

/** The address with the length that its interface has: the hosts of one subnet reach one another without a router. */
function givenAddress(
  context: CommandContext,
  { option, version }: { readonly option: "ip" | "ip6"; readonly version: 4 | 6 },
): string | undefined {
  const text = context.options[option];
  if (typeof text !== "string") return undefined;
  const address = parseIpAddress(text);
  if (address === undefined || ipVersion(address) !== version) {
    throw wrongUsage(context, `--${option}=${text} is not an IPv${version} address`, [USAGE[0]]);
  }
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find((each) => each.address === address)?.cidr;
  if (own === undefined || own === null) {
    context.stderr.write(`WARNING: no interface of this host has the address ${address}\n`);
  }
  return own ?? `${address}/${version === 4 ? 32 : 128}`;
}

/** Interfaces that other programs make for containers and tunnels; nobody peers from them. */
const NOT_UPLINKS = /^(lo|docker|br-|cali|tunl|veth|virbr|vxlan|cni|flannel|dummy|ttd)/;

function detectedAddress(): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (NOT_UPLINKS.test(name)) continue;
    const found = addresses?.find(({ family, internal }) => family === "IPv4" && !internal)?.cidr;
    if (found) return found;
  }
  return undefined;
}

function asNumberOf(context: CommandContext): number | undefined {
  const { as: text } = context.options;
  if (typeof text !== "string") return undefined;
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number < 4_294_967_295) return number;
  throw wrongUsage(context, `--as=${text} is not an AS number`, [USAGE[0]]);
}

function proxyPortOf(context: CommandContext): number | undefined {
  const { dockerProxy } = context.options;
  if (dockerProxy === "off") return undefined;
  if (typeof dockerProxy !== "string") return DEFAULT_PROXY_PORT;
  const port = Number(dockerProxy);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw wrongUsage(context, "--docker-proxy takes a port, or off", [USAGE[0]]);
}
