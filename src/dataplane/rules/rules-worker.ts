import { parentPort } from "node:worker_threads";
import { RulesEnforcer } from "./rules-enforcer.ts";
import type { FromRulesWorker, ToRulesWorker } from "./rules-messages.ts";

/**
 * Entry of the rules worker thread: messages in, messages out. A bug ends the thread with its error, which the main thread
 * sees; the kernel keeps the rules, and a fresh worker reads them.
 */
if (parentPort === null) throw new Error("the rules worker runs as a worker thread");
const port = parentPort;
let enforcer: RulesEnforcer | undefined;

port.on("message", (message: ToRulesWorker) => {
  if (enforcer !== undefined) enforcer.handle(message);
  else if (message.type === "start") enforcer = new RulesEnforcer(message.options, send);
  else throw new Error(`the first message must be "start", not "${message.type}"`);
});

function send(message: FromRulesWorker): void {
  port.postMessage(message);
  // After its last word nothing keeps the thread alive.
  if (message.type === "stopped") port.close();
}
