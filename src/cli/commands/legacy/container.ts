import { ipVersion, parseIpAddress } from "../../../../protocol/types/ip-address.ts";
import { parsePrefix } from "../../../../protocol/types/prefix.ts";
import { ApiClient } from "../../../api/client.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { type InspectedContainer, inspectContainer } from "./docker-inspect.ts";
import { endpointProfiles } from "./endpoint.ts";
import { endpointsOf, type ListedEndpoint } from "./endpoint-list.ts";
import { nodeName, notFound, wrongUsage } from "./legacy-usage.ts";

/** `container …`, with the words of 2015: running containers of this host, connected without docker's knowledge. */
export async function container(context: CommandContext): Promise<number> {
  const [first, second, third, ...more] = context.rest;
  if (first === "add" && second && third && more.length === 0) return add(context, second, third);
  if (first === "remove" && second && third === undefined) return remove(context, second);
  if (first === undefined || second === undefined) throw usage(context);
  if (second === "ip" && more.length === 1 && (third === "add" || third === "remove")) {
    return changeAddress(context, { name: first, verb: third, text: more[0] ?? "" });
  }
  if ((second === "endpoint-id" || second === "endpoint") && third === "show") {
    return withEndpoint(context, first, async ({ endpointId }) => {
      context.stdout.write(`${endpointId}\n`);
      return ExitCode.done;
    });
  }
  if (second === "profile") return profiles(context, first, { verb: third, names: more });
  throw usage(context);
}

const USAGE = [
  "container CONTAINER ip (add|remove) IP [--interface=eth1]",
  "container CONTAINER endpoint-id show",
  "container CONTAINER profile (append|remove|set|show) [PROFILE...]",
  "container add CONTAINER (IP|ipv4|ipv6|POOL) [--interface=eth1]",
  "container remove CONTAINER [--force]",
] as const;

function usage(context: CommandContext): CommandFailure {
  return wrongUsage(context, "container needs other words", USAGE);
}

const DEFAULT_INTERFACE = "eth1";

async function add(context: CommandContext, name: string, ip: string): Promise<number> {
  const found = await running(name);
  const known = await endpointOf(context, found);
  if (known !== undefined) {
    throw new CommandFailure({
      what: `${name} is connected already`,
      fix: `${context.environment.program} container ${name} ip add IP`,
      exitCode: ExitCode.conflict,
    });
  }
  const { addresses } = await new ApiClient(context.socket).addWorkload({
    ...requestFor(context, found),
    addresses: addressesFor(context, ip),
  });
  context.stdout.write(`IP ${addresses.join(", ")} added to ${name}\n`);
  return ExitCode.done;
}

/** An address, "ipv4" or "ipv6" for any, or the CIDR of a pool for any of that pool. */
function addressesFor(context: CommandContext, text: string): object {
  if (text === "ipv4" || text === "auto") return { from: "auto", ipv4: 1, ipv6: 0, lowest: true };
  if (text === "ipv6") return { from: "auto", ipv4: 0, ipv6: 1, lowest: true };
  if (parseIpAddress(text) !== undefined) return { from: "claim", addresses: [text] };
  if (parsePrefix(text) === undefined) {
    throw wrongUsage(context, `${JSON.stringify(text)} is neither an address nor a pool`, [
      USAGE[3],
    ]);
  }
  const isIpv6 = text.includes(":");
  return { from: "auto", ipv4: isIpv6 ? 0 : 1, ipv6: isIpv6 ? 1 : 0, pools: [text] };
}

async function remove(context: CommandContext, name: string): Promise<number> {
  const found = await inspectContainer(name);
  const known = await endpointOf(context, found);
  if (known === undefined) throw notFound(`${name} is not connected`);
  if (found.token !== undefined) throw belongsToDocker(name);
  await new ApiClient(context.socket).removeWorkload(identityOf(known));
  context.stdout.write(`Removed Calico interface from ${name}\n`);
  return ExitCode.done;
}

type AddressChange = {
  readonly name: string;
  readonly verb: "add" | "remove";
  readonly text: string;
};

async function changeAddress(context: CommandContext, change: AddressChange): Promise<number> {
  const { name, verb, text } = change;
  const address = parseIpAddress(text);
  if (address === undefined) throw wrongUsage(context, `${text} is not an IP address`, [USAGE[0]]);
  const found = await running(name);
  if (found.token !== undefined) throw belongsToDocker(name);
  const known = await endpointOf(context, found);
  if (known === undefined) throw notFound(`${name} is not connected`, USAGE[3]);
  const before = known.addresses.flatMap((each) => parseIpAddress(each.split("/")[0] ?? "") ?? []);
  if (verb === "remove" && !before.includes(address)) throw notFound(`${name} has no ${address}`);
  const addresses =
    verb === "add"
      ? [...before.filter((each) => each !== address), address]
      : before.filter((each) => each !== address);
  if (addresses.length === 0) {
    throw new CommandFailure({
      what: `${address} is the only address of ${name}`,
      fix: `${context.environment.program} container remove ${name}`,
      exitCode: ExitCode.conflict,
    });
  }
  await new ApiClient(context.socket).addWorkload({
    ...requestFor(context, found),
    addresses: {
      from: "claim",
      addresses: addresses.toSorted((a, b) => ipVersion(a) - ipVersion(b)),
    },
    profiles: known.profiles,
  });
  context.stdout.write(`IP ${address} ${verb === "add" ? "added to" : "removed from"} ${name}\n`);
  return ExitCode.done;
}

async function profiles(
  context: CommandContext,
  name: string,
  asked: { readonly verb: string | undefined; readonly names: readonly string[] },
): Promise<number> {
  const found = await inspectContainer(name);
  return withDatastore(context, async (datastore) => {
    const known = (await endpointsOf(datastore, { node: nodeName(undefined) })).find((each) =>
      isOf(each, found),
    );
    if (known === undefined) throw notFound(`${name} is not connected`);
    return endpointProfiles(known, { ...asked, datastore, context });
  });
}

/** Of a container that docker connects, docker keeps the books; behind its back they would not last. */
function belongsToDocker(name: string): CommandFailure {
  return new CommandFailure({
    what: `${name} was created with CALICO_IP, so its address is docker's for as long as it lives`,
    fix: `docker rm ${name}, and create it with another CALICO_IP`,
    exitCode: ExitCode.conflict,
  });
}

async function running(name: string): Promise<InspectedContainer> {
  const found = await inspectContainer(name);
  if (found.pid !== 0) return found;
  throw new CommandFailure({
    what: `${name} is not running`,
    fix: `docker start ${name}`,
    exitCode: ExitCode.failed,
  });
}

function requestFor(context: CommandContext, { id, pid }: InspectedContainer): object {
  const { interface: given } = context.options;
  const interfaceName = typeof given === "string" ? given : DEFAULT_INTERFACE;
  return {
    orchestrator: "docker",
    workload: id,
    endpoint: interfaceName,
    containerId: id,
    attachment: { type: "namespace", netns: `/proc/${pid}/ns/net`, interfaceName },
  };
}

function identityOf({ orchestrator, workload, interfaceName }: ListedEndpoint): object {
  return { orchestrator, workload, endpoint: interfaceName };
}

async function withEndpoint(
  context: CommandContext,
  name: string,
  use: (endpoint: ListedEndpoint) => Promise<number>,
): Promise<number> {
  const known = await endpointOf(context, await inspectContainer(name));
  if (known === undefined) throw notFound(`${name} is not connected`);
  return use(known);
}

function endpointOf(
  context: CommandContext,
  found: InspectedContainer,
): Promise<ListedEndpoint | undefined> {
  return withDatastore(context, async (datastore) => {
    const listed = await endpointsOf(datastore, { node: nodeName(undefined) });
    return listed.find((each) => isOf(each, found));
  });
}

function isOf(endpoint: ListedEndpoint, { id, token }: InspectedContainer): boolean {
  return endpoint.workload === id || (token !== undefined && endpoint.endpointId === token);
}
