import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Lab } from "../../src/lab/lab.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import type { TableSpec } from "./client-tables.ts";
import type { ClientPlan, ClientReport, RouteBatch } from "./plain-client.ts";
import type { PlainFamily } from "./plain-update.ts";

/** What can be asked of the process that plays clients. */
export type ClientsRequest =
  | { readonly type: "open"; readonly clients: readonly ClientPlan[] }
  | {
      readonly type: "announce" | "withdraw";
      readonly client: number;
      readonly table: TableSpec;
    }
  | { readonly type: "say"; readonly client: number; readonly batch: RouteBatch }
  | {
      readonly type: "refresh";
      readonly clients: readonly number[];
      readonly family: PlainFamily;
    }
  | { readonly type: "pause" | "resume"; readonly clients: readonly number[] }
  | { readonly type: "forgetGaps" | "report" }
  | {
      /** Whether these have this version of the routes, whatever else the attributes say. */
      readonly type: "latest";
      readonly clients: readonly number[];
      readonly table: TableSpec;
    }
  | {
      readonly type: "differences";
      readonly clients: readonly number[];
      readonly clusterId: string;
    };

export type ClientsQuestion = { readonly number: number; readonly request: ClientsRequest };
type ClientsAnswer = { readonly number: number; readonly answer: unknown };

/** Clients of a reflector that live in a lab's node, in plain octets. */
export class Clients {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #asked = 0;
  #ended: string | undefined;

  constructor(lab: Lab, node: string) {
    this.#process = fork(fileURLToPath(new URL("clients-process.ts", import.meta.url)), {
      execPath: "ip",
      execArgv: ["netns", "exec", lab.namespace(node), process.execPath],
      serialization: "advanced",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    this.#process.on("message", ({ number, answer }: ClientsAnswer) => {
      this.#waiting.get(number)?.(answer);
      this.#waiting.delete(number);
    });
    this.#process.on("exit", (code, signal) => {
      this.#ended = `the clients' process ended with ${signal ?? code}`;
      for (const answer of this.#waiting.values()) answer(undefined);
    });
  }

  async open(clients: readonly ClientPlan[]): Promise<void> {
    await this.ask({ type: "open", clients });
  }

  async reports(): Promise<readonly ClientReport[]> {
    return (await this.ask({ type: "report" })) as readonly ClientReport[];
  }

  async ask(request: ClientsRequest): Promise<unknown> {
    if (this.#ended !== undefined) throw new Error(this.#ended);
    const number = ++this.#asked;
    const answer = await new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#process.send({ number, request } satisfies ClientsQuestion);
    });
    if (this.#ended !== undefined) throw new Error(this.#ended);
    return answer;
  }

  /** Waits until every one of these clients holds what naive reflection says. */
  async agree(what: string, clients: readonly number[], clusterId: string): Promise<void> {
    let differences: readonly string[] = [];
    await waitUntil(
      what,
      async () => {
        const request = { type: "differences", clients, clusterId } as const;
        differences = (await this.ask(request)) as readonly string[];
        return differences.length === 0;
      },
      { deadlineSeconds: 60, whenLate: () => differences.slice(0, 10).join("\n") },
    );
  }

  /** Waits until each of these clients is as it should be. */
  async until(
    what: string,
    clients: readonly number[],
    holds: (report: ClientReport) => boolean,
    deadlineSeconds = 60,
  ): Promise<readonly ClientReport[]> {
    const asked = new Set(clients);
    let others: readonly ClientReport[] = [];
    const late = () =>
      `not so: ${others.length}, such as ${JSON.stringify(others.slice(0, 3), null, 1)}`;
    const found = await waitUntil(
      what,
      async () => {
        const reports = (await this.reports()).filter(({ index }) => asked.has(index));
        others = reports.filter((report) => !holds(report));
        // Nobody dials again.
        if (others.some(({ state }) => state === "lost")) return "lost";
        return reports.length === asked.size && others.length === 0 ? reports : undefined;
      },
      { deadlineSeconds, everyMilliseconds: 20, whenLate: late },
    );
    if (found === "lost") throw new Error(`${what}: ${late()}`);
    return found;
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}
