import { parentPort } from "node:worker_threads";
import { Dataplane } from "./dataplane.ts";
import type { FromRouteWorker, ToRouteWorker } from "./route-worker-messages.ts";

/**
 * Entry of the kernel worker thread: messages in, messages out. A bug ends the thread with its error, which the main
 * thread sees; the kernel keeps its routes, and a fresh worker adopts them.
 */
if (parentPort === null) throw new Error("the route worker runs as a worker thread");
const port = parentPort;

const dataplane = new Dataplane((message: FromRouteWorker) => {
  port.postMessage(message);
  // Nothing keeps the thread alive after its last word.
  if (message.type === "stopped") port.close();
});

port.on("message", (message: ToRouteWorker) => dataplane.handle(message));
