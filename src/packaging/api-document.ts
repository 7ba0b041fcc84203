import type { Schema } from "./type-schema.ts";
import { schemasOfTypes } from "./type-schema.ts";

/** As much of an endpoint's row as the document tells. */
export type DocumentedEndpoint = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly act: boolean;
};

/** What an endpoint is for, what it takes, and which type of api-types.ts it answers with; undefined answers text. */
type Description = {
  readonly summary: string;
  readonly answer: string | undefined;
  readonly query?: readonly string[];
};

/** One row for each endpoint; an endpoint without one is an error. */
const DESCRIPTIONS: { readonly [methodAndPath: string]: Description } = {
  "GET /v1/status": { summary: "Health of this host", answer: "StatusReport" },
  "GET /v1/peers": { summary: "Every BGP session", answer: "PeerList" },
  "GET /v1/peers/:name": { summary: "One session, by name or address", answer: "PeerReport" },
  "GET /v1/routes": {
    summary: "Routes of a table, in pages",
    answer: "RouteList",
    query: ["table", "family", "prefix", "match", "peer", "cursor", "limit"],
  },
  "GET /v1/explain": {
    summary: "Why a prefix goes where it goes",
    answer: "ExplainReport",
    query: ["prefix"],
  },
  "GET /v1/resources/:kind": {
    summary: "Resources as this daemon has read them, without keys",
    answer: "ResourceList",
    query: ["name"],
  },
  "GET /v1/kernel": {
    summary: "Routes in the kernel, and what is pending",
    answer: "KernelReport",
  },
  "GET /v1/events": {
    summary: "What happened lately, the latest last",
    answer: "EventList",
    query: ["limit", "peer"],
  },
  "GET /v1/rules": { summary: "Policy and NAT as the kernel has them", answer: "RulesReport" },
  "GET /v1/workloads": { summary: "Workloads of this host", answer: "WorkloadList" },
  "GET /v1/tunnels": {
    summary: "Tunnels of this host, and who is behind them",
    answer: "TunnelsReport",
  },
  "GET /metrics": { summary: "OpenMetrics", answer: undefined },
  "POST /v1/peers/:name/reset": { summary: "Ends a session with a Cease", answer: "Done" },
  "POST /v1/peers/:name/refresh": {
    summary: "Asks for routes again, or sends ours",
    answer: "Done",
  },
  "POST /v1/workloads": { summary: "Connects a workload", answer: "ConnectedWorkloadReport" },
  "POST /v1/workloads/remove": { summary: "Removes a workload", answer: "RemovedWorkloadReport" },
  "POST /v1/workloads/check": { summary: "Whether a workload is as it was made", answer: "Done" },
  "POST /v1/workloads/gc": { summary: "Removes workloads that are not named", answer: "Done" },
  "POST /v1/tunnels/test": {
    summary: "Whether packets pass the tunnels, and how long they may be",
    answer: "TunnelTestReport",
  },
  "GET /v1/ipam": { summary: "Addresses by pool, and what looks lost", answer: "IpamAuditReport" },
  "POST /v1/ipam/repair": { summary: "Releases what is lost", answer: "IpamRepairReport" },
  "POST /v1/datastore/confirm-loss": { summary: "A loss of keys was meant", answer: "Done" },
  "POST /v1/drain": { summary: "Asks peers to take other ways, RFC 8326", answer: "Done" },
  "POST /v1/stop": { summary: "Stops the daemon", answer: "Done" },
};

/** The API as an OpenAPI 3.1 document. */
export function apiDocument(options: {
  readonly endpoints: readonly DocumentedEndpoint[];
  /** The text of api-types.ts. */
  readonly types: string;
  readonly version: string;
}): object {
  const answers = options.endpoints.flatMap((each) => DESCRIPTIONS[nameOf(each)]?.answer ?? []);
  const schemas = schemasOfTypes(options.types, [...answers, "ErrorReport", "StopRequest"]);
  const paths = new Map<string, Record<string, object>>();
  for (const endpoint of options.endpoints) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, "{$1}");
    const operations = paths.get(path) ?? {};
    operations[endpoint.method.toLowerCase()] = operationOf(endpoint, schemas);
    paths.set(path, operations);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "tortied",
      version: options.version,
      description:
        "HTTP over a unix socket, /run/tortie/tortie.sock. Everyone on the host may read; acts are for root and group tortie. Fields and paths are only ever added under /v1.",
    },
    paths: Object.fromEntries(paths),
    components: { schemas },
  };
}

function operationOf(endpoint: DocumentedEndpoint, schemas: Record<string, Schema>): object {
  const description = DESCRIPTIONS[nameOf(endpoint)];
  if (description === undefined) {
    throw new Error(`${nameOf(endpoint)} has no row in api-document.ts`);
  }
  const { summary, answer, query = [] } = description;
  if (answer !== undefined && schemas[answer] === undefined) {
    throw new Error(`${nameOf(endpoint)} answers ${answer}, which api-types.ts does not declare`);
  }
  const inPath = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? "");
  const parameters = [
    ...inPath.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
    ...query.map((name) => ({ name, in: "query", schema: { type: "string" } })),
  ];
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(endpoint.act && { "x-acting": "root or group tortie" }),
    responses: {
      200: { description: "Done", content: contentOf(answer) },
      default: {
        description: "Refused, with what, why and what to do",
        content: contentOf("ErrorReport"),
      },
    },
  };
}

function contentOf(type: string | undefined): object {
  return type === undefined
    ? { "text/plain": { schema: { type: "string" } } }
    : { "application/json": { schema: { $ref: `#/components/schemas/${type}` } } };
}

function nameOf({ method, path }: DocumentedEndpoint): string {
  return `${method} ${path}`;
}
