import { unreachable } from "../../protocol/types/never.ts";
import type {
  FromRouteWorker,
  RouteWorkerOptions,
  ToRouteWorker,
} from "./route-worker-messages.ts";

/** The whole dataplane of one host, as the worker thread runs it: messages in, messages out. */
export class Dataplane {
  readonly #send: (message: FromRouteWorker) => void;

  constructor(send: (message: FromRouteWorker) => void) {
    this.#send = send;
  }

  handle(message: ToRouteWorker): void {
    switch (message.type) {
      case "start":
        this.#start(message.options);
        break;
      case "bestRoutes":
      case "local":
      case "trackNextHops":
      case "sweep":
        break;
      case "stop":
        this.#send({ type: "stopped" });
        break;
      default:
        unreachable(message);
    }
  }

  #start(_options: RouteWorkerOptions): void {
    this.#send({ type: "ready", preserved: [], ownAddresses: [] });
  }
}
