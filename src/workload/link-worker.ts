import { parentPort } from "node:worker_threads";
import { enterNetworkNamespace, warmThreadPool } from "../kernel/native/network-namespace.ts";
import { NetlinkSocket } from "../kernel/netlink/netlink-socket.ts";
import type { LinkAnswer, LinkRequest } from "./link-requests.ts";
import { WorkloadLinks } from "./workload-links.ts";

/** What the link worker is told: where the host is, first, then one request after another, each with a number. */
export type ToLinkWorker =
  | { readonly type: "start"; readonly networkNamespace?: string }
  | { readonly type: "request"; readonly id: number; readonly request: LinkRequest };

/** One answer, with the number of its request. */
export type FromLinkWorker = { readonly id: number; readonly answer: LinkAnswer };

if (parentPort === null) throw new Error("the link worker runs as a worker thread");
const port = parentPort;
let links: WorkloadLinks | undefined;
// Messages wait in the port meanwhile.
await warmThreadPool();

port.on("message", (message: ToLinkWorker) => {
  if (message.type === "start") {
    if (message.networkNamespace !== undefined) enterNetworkNamespace(message.networkNamespace);
    links = new WorkloadLinks(new NetlinkSocket());
  } else if (links !== undefined) {
    const answer = links.handle(message.request);
    port.postMessage({ id: message.id, answer } satisfies FromLinkWorker);
  } else throw new Error('the first message must be "start"');
});
