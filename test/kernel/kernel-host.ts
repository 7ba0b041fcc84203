/*
 * One network namespace with its netlink socket, monitor and route driver, driven as the daemon drives them: notifications
 * are fed to the driver, and whatever work there is then is done.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { listLinks } from "../../src/kernel/kernel-lists.ts";
import { inNetworkNamespace, warmThreadPool } from "../../src/kernel/native/network-namespace.ts";
import type { KernelEvent } from "../../src/kernel/netlink/kernel-event.ts";
import { GROUP } from "../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkMonitor } from "../../src/kernel/netlink/netlink-monitor.ts";
import { NetlinkSocket } from "../../src/kernel/netlink/netlink-socket.ts";
import { RouteDriver } from "../../src/kernel/route-driver.ts";
import { TORTIE_ROUTE_PROTOCOL } from "../../src/kernel/route-protocol.ts";
import type { RouteLeg, RouteTarget } from "../../src/kernel/route-target.ts";

const DEADLINE_MILLISECONDS = 30_000;

let namespaces = 0;

/** A namespace of this process's own. */
export class KernelHost {
  readonly name: string;
  readonly path: string;
  socket: NetlinkSocket;
  driver: RouteDriver;
  overruns = 0;
  readonly events: KernelEvent[] = [];
  #monitor: NetlinkMonitor;

  private constructor(name: string, options: { readonly monitorOctets?: number }) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    this.socket = this.inside(() => new NetlinkSocket());
    this.driver = this.#newDriver();
    this.#monitor = this.#newMonitor(options.monitorOctets);
  }

  /** Two veth pairs `a` and `b` with 10.0.1.1/24, fd00:1::1/64 and 10.0.2.1/24, fd00:2::1/64. */
  static async create(options: { readonly monitorOctets?: number } = {}): Promise<KernelHost> {
    await warmThreadPool();
    const name = addNamespace(`${namespaces}`);
    for (const [i, link] of ["a", "b"].entries()) {
      ip(name, `link add name ${link} type veth peer name ${link}peer`);
      // Without link-local addresses, whose duplicate detection would speak into the tests.
      ip(name, `link set dev ${link} addrgenmode none`);
      ip(name, `link set dev ${link}peer addrgenmode none`);
      ip(name, `link set dev ${link} up`);
      ip(name, `link set dev ${link}peer up`);
      ip(name, `addr add 10.0.${i + 1}.1/24 dev ${link}`);
      ip(name, `addr add fd00:${i + 1}::1/64 dev ${link} nodad`);
    }
    ip(name, "link set lo up");
    return new KernelHost(name, options);
  }

  ip(command: string): string {
    return ip(this.name, command);
  }

  inside<Result>(section: () => Result): Result {
    return inNetworkNamespace(this.path, section);
  }

  link(name: string): number {
    const found = listLinks(this.socket).find((link) => link.name === name);
    if (found === undefined) throw new Error(`no link ${name}`);
    return found.index;
  }

  /** "a 10.0.1.2" for each leg. */
  via(...legs: readonly string[]): RouteTarget {
    const parsed = legs.map((leg): RouteLeg => {
      const [link = "", gateway = ""] = leg.split(" ");
      return { gateway: IpAddress(gateway), interfaceIndex: this.link(link) };
    });
    return { type: "gateways", legs: parsed };
  }

  /** Our routes as `ip route` prints them. */
  routes(version: 4 | 6 = 4): string[] {
    return this.ip(`-${version} route show proto ${TORTIE_ROUTE_PROTOCOL}`)
      .split(/\n(?=\S)/)
      .map((line) => line.replace(/\s+/g, " ").trim())
      .filter((line) => line !== "")
      .sort();
  }

  pending(): string[] {
    return this.driver
      .status({ pendingLimit: 100 })
      .pending.map(({ route, reason }) => `${route}: ${reason}`);
  }

  /** Applies until nothing is left to do. */
  apply(): number {
    let written = 0;
    for (let i = 0; i < 1000 && this.driver.hasWork; i++) written += this.driver.apply().written;
    return written;
  }

  /** Works as events come, until the condition holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await until(what, () => {
      this.apply();
      return condition();
    });
  }

  /** As after kill -9: everything is forgotten but what the kernel has. */
  restart(): void {
    this.socket.close();
    this.#monitor.close();
    this.socket = this.inside(() => new NetlinkSocket());
    this.driver = this.#newDriver();
    this.#monitor = this.#newMonitor(undefined);
  }

  /** Records what `ip monitor route` prints, until the returned function is called. It ends with a marker that we set. */
  async watch(): Promise<() => Promise<string[]>> {
    const child = spawn("ip", ["-n", this.name, "-o", "monitor", "route"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const marker = async (word: string) => {
      await until(`the monitor to show ${word}`, () => {
        if (text.includes(word)) return true;
        this.ip(`route replace blackhole ${word}`);
        return false;
      });
    };
    await marker("192.0.2.253");
    text = "";
    return async () => {
      await marker("192.0.2.254");
      child.kill();
      for (const word of ["192.0.2.253", "192.0.2.254"]) this.ip(`route del blackhole ${word}`);
      return text.split("\n").filter((line) => line !== "" && !line.includes("192.0.2.25"));
    };
  }

  remove(): void {
    this.#monitor.close();
    this.socket.close();
    removeNamespace(this.name);
  }

  #newDriver(): RouteDriver {
    return new RouteDriver({ socket: this.socket, protocol: TORTIE_ROUTE_PROTOCOL, table: 254 });
  }

  #newMonitor(receiveBufferOctets: number | undefined): NetlinkMonitor {
    const { link, ipv4Address, ipv6Address, ipv4Route, ipv6Route } = GROUP;
    return this.inside(
      () =>
        new NetlinkMonitor({
          groups: [link, ipv4Address, ipv6Address, ipv4Route, ipv6Route],
          ignorePortIds: [this.socket.portId],
          ...(receiveBufferOctets === undefined ? {} : { receiveBufferOctets }),
          onEvent: (event) => {
            this.events.push(event);
            this.driver.handle(event);
          },
          onOverrun: () => {
            this.overruns++;
            this.driver.audit();
          },
          onError: (error) => {
            throw error;
          },
        }),
    );
  }
}

/** Makes a namespace that goes when this process ends. Those of test processes that were killed go now. */
export function addNamespace(suffix: string): string {
  if (namespaces === 0) process.once("exit", () => toRemove.forEach(removeNamespace));
  namespaces++;
  for (const other of readdirSync("/run/netns")) {
    const owner = /^tt(\d+)-kernel-/.exec(other)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeNamespace(other);
  }
  const name = `tt${process.pid}-kernel-${suffix}`;
  execFileSync("ip", ["netns", "add", name]);
  toRemove.add(name);
  return name;
}

export function removeNamespace(name: string): void {
  spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
  toRemove.delete(name);
}

const toRemove = new Set<string>();

/** Runs `ip` in a namespace. */
export function ip(namespace: string, command: string): string {
  return execFileSync("ip", ["-n", namespace, ...command.split(" ")], { encoding: "utf8" });
}

/** Waits for a condition, looked at whenever the event loop has gone round. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MILLISECONDS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
