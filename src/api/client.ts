import type {
  ApiErrorDetail,
  ConnectedWorkloadReport,
  Done,
  ErrorReport,
  EventList,
  ExplainReport,
  KernelReport,
  PeerList,
  PeerReport,
  RemovedWorkloadReport,
  ResourceList,
  RouteList,
  RouteTableName,
  StatusReport,
  StopRequest,
  WorkloadList,
} from "./api-types.ts";
import { exchange } from "./http-exchange.ts";
import type { IpamAuditReport, IpamRepairReport } from "./ipam-audit-report.ts";
import type { RulesReport } from "./rules-report.ts";
import type { TunnelsReport, TunnelTestReport } from "./tunnel-report.ts";

/** The daemon answered, and refused. */
export class ApiRefusal extends Error {
  readonly detail: ApiErrorDetail;

  constructor(detail: ApiErrorDetail) {
    super(detail.what);
    this.name = "ApiRefusal";
    this.detail = detail;
  }
}

/** Nobody answers at the socket. */
export class DaemonUnreachable extends Error {
  readonly socket: string;
  readonly code: string;

  constructor(socket: string, cause: NodeJS.ErrnoException) {
    super(`tortied does not answer at ${socket}`, { cause });
    this.name = "DaemonUnreachable";
    this.socket = socket;
    this.code = cause.code ?? cause.message;
  }
}

export type RoutesQuery = {
  readonly table?: RouteTableName;
  readonly family?: string;
  readonly prefix?: string;
  readonly match?: "exact" | "longest" | "within";
  readonly peer?: string;
  readonly cursor?: string;
  readonly limit?: number;
};

const TIMEOUT_MILLISECONDS = 10_000;

/** The daemon's API, one method an endpoint. Methods throw ApiRefusal or DaemonUnreachable. */
export class ApiClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  status(): Promise<StatusReport> {
    return this.#get("/v1/status");
  }

  peers(): Promise<PeerList> {
    return this.#get("/v1/peers");
  }

  /** By name or address. */
  peer(name: string): Promise<PeerReport> {
    return this.#get(`/v1/peers/${encodeURIComponent(name)}`);
  }

  routes(query: RoutesQuery): Promise<RouteList> {
    return this.#get(`/v1/routes${queryText(query)}`);
  }

  explain(prefix: string): Promise<ExplainReport> {
    return this.#get(`/v1/explain${queryText({ prefix })}`);
  }

  resources(kind: string, name?: string): Promise<ResourceList> {
    return this.#get(`/v1/resources/${encodeURIComponent(kind)}${queryText({ name })}`);
  }

  kernel(): Promise<KernelReport> {
    return this.#get("/v1/kernel");
  }

  events(query: { readonly limit?: number; readonly peer?: string }): Promise<EventList> {
    return this.#get(`/v1/events${queryText(query)}`);
  }

  async metrics(): Promise<string> {
    return (await this.#exchange("GET", "/metrics", undefined)).toString("utf8");
  }

  resetPeer(name: string, message?: string): Promise<Done> {
    return this.#post(`/v1/peers/${encodeURIComponent(name)}/reset`, { message });
  }

  refreshPeer(name: string, direction: "in" | "out" | "both"): Promise<Done> {
    return this.#post(`/v1/peers/${encodeURIComponent(name)}/refresh`, { direction });
  }

  confirmLoss(): Promise<Done> {
    return this.#post("/v1/datastore/confirm-loss", {});
  }

  ipam(): Promise<IpamAuditReport> {
    return this.#get("/v1/ipam");
  }

  repairIpam(): Promise<IpamRepairReport> {
    return this.#post("/v1/ipam/repair", {});
  }

  tunnels(): Promise<TunnelsReport> {
    return this.#get("/v1/tunnels");
  }

  rules(): Promise<RulesReport> {
    return this.#get("/v1/rules");
  }

  testTunnels(node: string): Promise<TunnelTestReport> {
    return this.#post("/v1/tunnels/test", { node });
  }

  workloads(): Promise<WorkloadList> {
    return this.#get("/v1/workloads");
  }

  addWorkload(request: object): Promise<ConnectedWorkloadReport> {
    return this.#post("/v1/workloads", request);
  }

  removeWorkload(identity: object): Promise<RemovedWorkloadReport> {
    return this.#post("/v1/workloads/remove", identity);
  }

  drain(on: boolean): Promise<Done> {
    return this.#post("/v1/drain", { on });
  }

  stop(stop: StopRequest): Promise<Done> {
    return this.#post("/v1/stop", stop);
  }

  async #get<Answer>(path: string): Promise<Answer> {
    return parseAnswer(await this.#exchange("GET", path, undefined));
  }

  async #post<Answer>(path: string, body: object): Promise<Answer> {
    return parseAnswer(await this.#exchange("POST", path, JSON.stringify(body)));
  }

  async #exchange(method: "GET" | "POST", path: string, body: string | undefined): Promise<Buffer> {
    const socket = this.#socket;
    const question = { socket, method, path, body, timeoutMilliseconds: TIMEOUT_MILLISECONDS };
    const answer = await exchange(question).catch((error: Error) => {
      throw new DaemonUnreachable(socket, error);
    });
    if (answer.status === 200) return answer.body;
    throw refusal(answer.body);
  }
}

/** The answers' types are the server's promise (api-types.ts): fields are only ever added, so one of another minor version fits. */
function parseAnswer<Answer>(bytes: Buffer): Answer {
  return JSON.parse(bytes.toString("utf8")) as Answer;
}

function refusal(bytes: Buffer): Error {
  try {
    return new ApiRefusal(parseAnswer<ErrorReport>(bytes).error);
  } catch {
    return new ApiRefusal({ code: "internal", what: "the daemon's answer is not JSON" });
  }
}

function queryText(query: { readonly [name: string]: string | number | undefined }): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
