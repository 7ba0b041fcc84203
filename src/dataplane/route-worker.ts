import { parentPort } from "node:worker_threads";
import { nameSourcesInStacks } from "../lib/source-positions.ts";
import { inSpareTime } from "../lib/spare-time.ts";
import { Dataplane } from "./dataplane.ts";
import { RouteRehearsal } from "./route-rehearsal.ts";
import type { FromRouteWorker, ToRouteWorker } from "./route-worker-messages.ts";

/**
 * Entry of the kernel worker thread: messages in, messages out. A bug ends the thread with its error, which the main
 * thread sees; the kernel keeps its routes, and a fresh worker adopts them.
 */
if (parentPort === null) throw new Error("the route worker runs as a worker thread");
const port = parentPort;
nameSourcesInStacks();
let dataplane: Dataplane | undefined;
let endRehearsal: (() => void) | undefined;

port.on("message", (message: ToRouteWorker) => {
  if (dataplane !== undefined) {
    dataplane.handle(message);
    if (message.type === "bestRoutes") send({ type: "bestRoutesTaken" });
  } else if (message.type === "start") {
    dataplane = new Dataplane(message.options, send);
    if (message.options.rehearsal) rehearse(dataplane);
  } else throw new Error(`the first message must be "start", not "${message.type}"`);
});

/** Routes come first: the rehearsal goes on when the worker has nothing to do. */
function rehearse(worker: Dataplane): void {
  const rehearsal = new RouteRehearsal();
  endRehearsal = inSpareTime({
    step: () => rehearsal.step(),
    isBusy: () => worker.isBusy,
    onError: (error) => {
      const fields = { error: String(error) };
      send({ type: "log", level: "warn", name: "rehearsal.failed", fields });
    },
  });
}

function send(message: FromRouteWorker): void {
  port.postMessage(message);
  // After its last word nothing keeps the thread alive.
  if (message.type !== "stopped") return;
  endRehearsal?.();
  port.close();
}
