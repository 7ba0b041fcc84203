import { readFileSync } from "node:fs";
import type { Daemon } from "./daemon.ts";
import type { Lab } from "./lab.ts";
import { waitUntil } from "./wait-until.ts";

/** From the range for tests of network devices, RFC 2544; nothing in a lab uses it. */
const MARKS = "198.18.0";

/** `ip monitor route` in one node: every change of its kernel's routes, with the instant when it was asked about. */
export class RouteMonitor {
  readonly node: string;
  readonly #lab: Lab;
  readonly #daemon: Daemon;
  #marks = 0;

  private constructor(lab: Lab, node: string) {
    this.#lab = lab;
    this.node = node;
    this.#daemon = lab.start(node, ["ip", "monitor", "route"], { log: "route-monitor" });
  }

  /** Starts it; returns when a change was seen, made for that purpose. */
  static async start(lab: Lab, node: string): Promise<RouteMonitor> {
    const monitor = new RouteMonitor(lab, node);
    await monitor.changes();
    return monitor;
  }

  /** All changes so far. A mark of our own is waited for, so that nothing is still on its way. */
  async changes(): Promise<readonly string[]> {
    this.#marks += 1;
    const mark = `${MARKS}.${this.#marks % 250}`;
    await waitUntil(
      `ip monitor on ${this.node} tells of a change`,
      async () => {
        await this.#lab.ip(this.node, `route replace blackhole ${mark} metric ${this.#marks}`);
        await this.#lab.ip(this.node, `route del blackhole ${mark} metric ${this.#marks}`);
        return this.#lines().some((line) => line.startsWith("Deleted") && line.includes(mark));
      },
      { deadlineSeconds: 30, everyMilliseconds: 20, whenLate: () => this.#daemon.logTail() },
    );
    return this.#lines().filter((line) => !line.includes(MARKS));
  }

  async stop(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
  }

  #lines(): readonly string[] {
    return readFileSync(this.#daemon.logFile, "utf8").split("\n").filter(Boolean);
  }
}
