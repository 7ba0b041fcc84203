/** The clients of one reflector, in a process of their own in their namespace: it does what its parent asks, and answers. */
import { setImmediate as turn } from "node:timers/promises";
import { type TableSpec, tableOf } from "./client-tables.ts";
import type { ClientsQuestion, ClientsRequest } from "./clients.ts";
import { NaiveReflection } from "./naive-reflection.ts";
import { PlainClient } from "./plain-client.ts";
import { textOf } from "./plain-update.ts";

const clients = new Map<number, PlainClient>();

/** Work is done in slices of so many milliseconds, so that the clients' own KEEPALIVEs are never late. */
const SLICE_MILLISECONDS = 10;

process.on("message", async ({ number, request }: ClientsQuestion) => {
  process.send?.({ number, answer: await answerTo(request) });
});
process.on("disconnect", () => process.exit());

async function answerTo(request: ClientsRequest): Promise<unknown> {
  switch (request.type) {
    case "open":
      for (const plan of request.clients) clients.set(plan.index, new PlainClient(plan));
      return undefined;
    case "announce":
      return await announce(clientOf(request.client), request.table);
    case "withdraw": {
      const keys = [...tableOf(request.table)].flatMap((batch) => batch.keys);
      clientOf(request.client).withdraw({ family: request.table.family, keys });
      return undefined;
    }
    case "say":
      clientOf(request.client).announce(request.batch);
      return undefined;
    case "refresh":
      for (const index of request.clients) clientOf(index).refresh(request.family);
      return undefined;
    case "pause":
      for (const index of request.clients) clientOf(index).pause();
      return undefined;
    case "resume":
      for (const index of request.clients) clientOf(index).resume();
      return undefined;
    case "forgetGaps":
      for (const client of clients.values()) client.forgetGaps();
      return undefined;
    case "report":
      return [...clients.values()].map((client) => client.report());
    case "latest":
      return request.clients.every((index) => hasLatest(clientOf(index), request.table));
    case "differences": {
      const naive = new NaiveReflection([...clients.values()], request.clusterId);
      const found: string[] = [];
      for (const index of request.clients) {
        found.push(...naive.differences(clientOf(index)));
        if (found.length > 0) break;
        await turn();
      }
      return found;
    }
  }
}

function hasLatest({ table }: PlainClient, spec: TableSpec): boolean {
  for (const { keys, attributes } of tableOf(spec)) {
    const said = textOf(attributes);
    if (!keys.every((key) => said.split(" ").every((part) => table.get(key)?.includes(part)))) {
      return false;
    }
  }
  return true;
}

async function announce(client: PlainClient, table: TableSpec): Promise<undefined> {
  let began = performance.now();
  for (const batch of tableOf(table)) {
    client.announce(batch);
    if (performance.now() - began < SLICE_MILLISECONDS) continue;
    await turn();
    began = performance.now();
  }
}

function clientOf(index: number): PlainClient {
  const client = clients.get(index);
  if (client === undefined) throw new Error(`there is no client ${index}`);
  return client;
}
