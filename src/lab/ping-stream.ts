import { readFileSync } from "node:fs";
import type { Daemon } from "./daemon.ts";
import type { Lab } from "./lab.ts";
import { familyOf } from "./speakers/lab-speaker.ts";
import { waitUntil } from "./wait-until.ts";

export type PingStreamResult = {
  readonly sent: number;
  readonly received: number;
  /** Sequence numbers that were never answered, without the last ones, which may still be on their way. */
  readonly lost: readonly number[];
};

/** Ten milliseconds between two requests. */
const INTERVAL_SECONDS = "0.01";
/** Requests at the end that may be unanswered when ping is stopped: a fifth of a second. */
const IN_FLIGHT = 20;

let streams = 0;

/** A hundred pings a second from a node to an address, until it is stopped. */
export class PingStream {
  readonly title: string;
  readonly #daemon: Daemon;

  private constructor(lab: Lab, from: string, to: string) {
    this.title = `${from} → ${to}`;
    const family = familyOf(to) === "ipv6" ? "-6" : "-4";
    const command = ["ping", family, "-n", "-i", INTERVAL_SECONDS, to];
    streams += 1;
    // A log of its own for each: answers to an earlier stream between the two are no answers to this one.
    this.#daemon = lab.start(from, command, { log: `ping-${streams}-${to.replaceAll(":", "_")}` });
  }

  /** Starts it; returns when the first answer has come. */
  static async start(lab: Lab, from: string, to: string): Promise<PingStream> {
    const stream = new PingStream(lab, from, to);
    await waitUntil(`the first answer of ${stream.title}`, () => stream.#answers().length > 0, {
      deadlineSeconds: 30,
      everyMilliseconds: 20,
      whenLate: () => stream.#daemon.logTail(),
    });
    return stream;
  }

  /** Stops it and counts. */
  async stop(): Promise<PingStreamResult> {
    await this.#daemon.stop("SIGINT");
    const text = readFileSync(this.#daemon.logFile, "utf8");
    const sent = Number(/(\d+) packets transmitted/.exec(text)?.[1] ?? 0);
    const answered = new Set(this.#answers());
    const lost: number[] = [];
    for (let sequence = 1; sequence <= sent - IN_FLIGHT; sequence += 1) {
      // The number that is sent has 16 bits.
      if (!answered.has(sequence % 65_536)) lost.push(sequence);
    }
    return { sent, received: answered.size, lost };
  }

  #answers(): readonly number[] {
    const text = readFileSync(this.#daemon.logFile, "utf8");
    return [...text.matchAll(/bytes from .*icmp_seq=(\d+)/g)].map((match) => Number(match[1]));
  }
}
