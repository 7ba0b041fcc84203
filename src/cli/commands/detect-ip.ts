import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { parseIpAddress } from "../../../protocol/types/ip-address.ts";
import { type Prefix, parsePrefix, prefixContainsAddress } from "../../../protocol/types/prefix.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatTable } from "../text-table.ts";

/** One address of this host, and why it is not the one; absent for the one that is. */
export type AddressCandidate = {
  readonly address: string;
  readonly prefix: string;
  readonly interface: string;
  readonly isDefaultRoute: boolean;
};

export type JudgedCandidate = AddressCandidate & { readonly lost?: string };

/** Interfaces that programs make for their own ends: Calico's list. */
const BUILT_IN =
  /^(docker.*|cbr.*|dummy.*|virbr.*|lxcbr.*|veth.*|lo|cali.*|tunl.*|flannel.*|kube-ipvs.*|cni.*|br-.*|vxlan.*)$/;

/** `tortie node detect-ip` */
export async function detectIp(context: CommandContext): Promise<number> {
  const { options, stdout, stderr } = context;
  const method = String(options["method"]);
  const reached = method.startsWith("can-reach=")
    ? await sourceTowards(method.slice("can-reach=".length))
    : undefined;
  const judged = judge(candidates(), { method, reached });
  if (options["explain"] === true) stderr.write(candidateTable(judged));
  const chosen = judged.find(({ lost }) => lost === undefined);
  if (chosen !== undefined) {
    stdout.write(`${chosen.prefix}\n`);
    return ExitCode.done;
  }
  throw new CommandFailure({
    what: `no address of this host fits ${method}`,
    fix: "tortie node detect-ip --explain",
    exitCode: ExitCode.failed,
  });
}

/** The first that nothing speaks against is chosen; one that carries the default route comes before the others. */
export function judge(
  all: readonly AddressCandidate[],
  { method, reached }: { readonly method: string; readonly reached?: string | undefined },
): readonly JudgedCandidate[] {
  const ordered = all.toSorted((a, b) => Number(b.isDefaultRoute) - Number(a.isDefaultRoute));
  let chosen: string | undefined;
  return ordered.map((candidate) => {
    const lost = objection(candidate, all, { method, reached });
    if (lost !== undefined) return { ...candidate, lost };
    if (chosen !== undefined) return { ...candidate, lost: `${chosen} comes first` };
    chosen = candidate.address;
    return candidate;
  });
}

type Question = {
  readonly candidate: AddressCandidate;
  readonly all: readonly AddressCandidate[];
  readonly argument: string;
  readonly reached: string | undefined;
};

/** What speaks against a candidate, by method. Methods that name something ask for nothing else. */
const METHODS: { readonly [method: string]: (question: Question) => string | undefined } = {
  "first-found": usualObjection,
  autodetect: usualObjection,
  "can-reach": ({ candidate, argument, reached }) =>
    candidate.address === reached
      ? undefined
      : `the route to ${argument} leaves from ${reached ?? "nowhere"}`,
  interface: ({ candidate, argument }) =>
    matchesAny(candidate.interface, argument) ? undefined : "its interface is not asked for",
  "skip-interface": (question) =>
    matchesAny(question.candidate.interface, question.argument)
      ? "its interface is to be skipped"
      : usualObjection(question),
  cidr: ({ candidate, argument }) =>
    insideAny(candidate.address, argument) ? undefined : `not in ${argument}`,
};

function objection(
  candidate: AddressCandidate,
  all: readonly AddressCandidate[],
  { method, reached }: { readonly method: string; readonly reached?: string | undefined },
): string | undefined {
  const [name = "", ...rest] = method.split("=");
  const object = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (object !== undefined) return object({ candidate, all, argument: rest.join("="), reached });
  throw new CommandFailure({
    what: `no method is called ${method}`,
    fix: "first-found, can-reach=ADDRESS, interface=REGEX, skip-interface=REGEX, cidr=PREFIX",
    exitCode: ExitCode.usage,
  });
}

function usualObjection({ candidate, all }: Question): string | undefined {
  if (BUILT_IN.test(candidate.interface)) return "made by another program, or a loopback";
  const isHost = (each: AddressCandidate) => /\/(32|128)$/.test(each.prefix);
  const hasSubnet = all.some((each) => each.interface === candidate.interface && !isHost(each));
  return isHost(candidate) && hasSubnet
    ? "a host address beside a subnet: looks like a virtual IP"
    : undefined;
}

function matchesAny(name: string, patterns: string): boolean {
  return patterns.split(",").some((pattern) => new RegExp(`^(${pattern})$`).test(name));
}

function insideAny(text: string, prefixes: string): boolean {
  const address = parseIpAddress(text);
  return (
    address !== undefined &&
    prefixes
      .split(",")
      .map((each): Prefix | undefined => parsePrefix(each.trim()))
      .some((prefix) => prefix !== undefined && prefixContainsAddress(prefix, address))
  );
}

function candidates(): readonly AddressCandidate[] {
  const defaultInterface = interfaceOfDefaultRoute(readFileSync("/proc/net/route", "utf8"));
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ family }) => family === "IPv4")
      .map(({ address, cidr }) => ({
        address,
        prefix: cidr ?? address,
        interface: name,
        isDefaultRoute: name === defaultInterface,
      })),
  );
}

/** The interface whose route to 0.0.0.0/0 has the least metric. */
export function interfaceOfDefaultRoute(routes: string): string | undefined {
  return routes
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")
    .toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

/** The kernel's own choice: a connected UDP socket has a source address, and sends nothing. */
function sourceTowards(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => {
      socket.close();
      resolve(undefined);
    });
    socket.connect(9, host, () => {
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}

function candidateTable(judged: readonly JudgedCandidate[]): string {
  return formatTable(
    [
      { header: "CANDIDATE", value: ({ prefix }: JudgedCandidate) => prefix },
      { header: "INTERFACE", value: (each) => each.interface },
      { header: "VERDICT", value: ({ lost }) => (lost === undefined ? "CHOSEN" : "skipped") },
      {
        header: "WHY",
        value: ({ lost, isDefaultRoute }) =>
          lost ?? (isDefaultRoute ? "carries the default route" : "the first that fits"),
      },
    ],
    judged,
    { wide: false, width: undefined },
  );
}
