/** The clients of one reflector, in a process of their own in their namespace: it does what its parent asks, and answers. */
import { tableOf } from "./client-tables.ts";
import type { ClientsQuestion, ClientsRequest } from "./clients.ts";
import { NaiveReflection } from "./naive-reflection.ts";
import { PlainClient } from "./plain-client.ts";

const clients = new Map<number, PlainClient>();

process.on("message", (question: ClientsQuestion) => {
  process.send?.({ number: question.number, answer: answerTo(question.request) });
});
process.on("disconnect", () => process.exit());

function answerTo(request: ClientsRequest): unknown {
  switch (request.type) {
    case "open":
      for (const plan of request.clients) clients.set(plan.index, new PlainClient(plan));
      return undefined;
    case "announce":
      for (const batch of tableOf(request.table)) clientOf(request.client).announce(batch);
      return undefined;
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
    case "close":
      for (const index of request.clients) {
        clientOf(index).close();
        clients.delete(index);
      }
      return undefined;
    case "forgetGaps":
      for (const client of clients.values()) client.forgetGaps();
      return undefined;
    case "report":
      return [...clients.values()].map((client) => client.report());
    case "table":
      return [...clientOf(request.client).table];
    case "differences": {
      const naive = new NaiveReflection([...clients.values()], request.clusterId);
      return request.clients.flatMap((index) => naive.differences(clientOf(index)));
    }
  }
}

function clientOf(index: number): PlainClient {
  const client = clients.get(index);
  if (client === undefined) throw new Error(`there is no client ${index}`);
  return client;
}
