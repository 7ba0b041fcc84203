import { z } from "zod";
import type { RouteQuery } from "../../protocol/speaker/speaker-snapshot.ts";
import {
  type Family,
  IPV4_UNICAST,
  IPV6_UNICAST,
  parseFamily,
} from "../../protocol/types/family.ts";
import { parseIpAddress } from "../../protocol/types/ip-address.ts";
import { hostPrefix, type Prefix, parsePrefix, prefixFamily } from "../../protocol/types/prefix.ts";
import { findKind, KINDS } from "../resources/kinds.ts";
import { ApiError } from "./api-error.ts";
import type { ApiSource } from "./api-source.ts";
import { API_VERSION, type Done, type ExplainReport, type PeerReport } from "./api-types.ts";
import { badRequest, parse } from "./parse-request.ts";
import { routeReport } from "./reports.ts";
import type { TunnelTestReport } from "./tunnel-report.ts";
import {
  addWorkload,
  checkWorkload,
  collectWorkloads,
  listWorkloads,
  removeWorkload,
} from "./workload-endpoints.ts";

/** One row of the API: what it is called, who may call it, and what it answers. */
export type Endpoint = {
  readonly method: "GET" | "POST";
  /** "/v1/peers/:name"; a part after a colon is given to `answer` by that name. */
  readonly path: string;
  /** An act is for root and the group `tortie`; everything else is for everyone. */
  readonly act: boolean;
  readonly answer: (
    request: ApiRequest,
    source: ApiSource,
  ) => object | string | Promise<object | string>;
};

export type ApiRequest = {
  readonly parameters: { readonly [name: string]: string };
  readonly query: { readonly [name: string]: string };
  readonly body: unknown;
};

/** Routes of one answer: more would keep the event loop from the sessions. */
export const ROUTE_PAGE_LIMIT = 1000;
const EVENT_LIMIT = 1000;

/** Every endpoint. To add one, add a row. */
export const ENDPOINTS: readonly Endpoint[] = [
  read("/v1/status", (_, source) => source.status()),
  read("/v1/peers", (_, source) => list("PeerList", source.peers())),
  read("/v1/peers/:name", ({ parameters }, source) => findPeer(source, parameters["name"])),
  read("/v1/routes", ({ query }, source) => routes(query, source)),
  read("/v1/explain", ({ query }, source) => explain(query, source)),
  read("/v1/resources/:kind", ({ parameters, query }, source) =>
    resources(parameters["kind"] ?? "", query, source),
  ),
  read("/v1/kernel", (_, source) => kernel(source)),
  read("/v1/events", ({ query }, source) => list("EventList", source.events(eventQuery(query)))),
  read("/v1/workloads", (_, source) => listWorkloads(source)),
  read("/v1/tunnels", (_, source) => source.tunnels()),
  read("/v1/rules", (_, source) => source.rules()),
  read("/v1/ipam", (_, source) => source.ipam()),
  read("/metrics", (_, source) => source.metrics()),
  act("/v1/peers/:name/reset", (request, source) => resetPeer(request, source)),
  act("/v1/peers/:name/refresh", (request, source) => refreshPeer(request, source)),
  act("/v1/workloads", ({ body }, source) => addWorkload(body, source)),
  act("/v1/workloads/remove", ({ body }, source) => removeWorkload(body, source)),
  act("/v1/workloads/check", ({ body }, source) => checkWorkload(body, source)),
  act("/v1/workloads/gc", ({ body }, source) => collectWorkloads(body, source)),
  act("/v1/ipam/repair", (_, source) => source.repairIpam()),
  act("/v1/tunnels/test", ({ body }, source) => testTunnels(body, source)),
  act("/v1/datastore/confirm-loss", ({ body }, source) => confirmLoss(body, source)),
  act("/v1/drain", ({ body }, source) => drain(body, source)),
  act("/v1/stop", ({ body }, source) => stop(body, source)),
];

function read(path: string, answer: Endpoint["answer"]): Endpoint {
  return { method: "GET", path, act: false, answer };
}

function act(path: string, answer: Endpoint["answer"]): Endpoint {
  return { method: "POST", path, act: true, answer };
}

function list<Kind extends string, Item>(
  kind: Kind,
  items: readonly Item[],
): { readonly apiVersion: string; readonly kind: Kind; readonly items: readonly Item[] } {
  return { apiVersion: API_VERSION, kind, items };
}

/** By name, or by address. */
function findPeer(source: ApiSource, name: string | undefined): PeerReport {
  const address = name === undefined ? undefined : parseIpAddress(name);
  const peer = source.peers().find((each) => each.name === name || each.address === address);
  if (peer !== undefined) return peer;
  throw new ApiError({
    code: "not-found",
    what: `no peer is called ${name}`,
    cause: "neither a name nor an address of a configured peer",
    fix: "tortie bgp peers",
  });
}

const prefix = z.string().transform((text, context): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `not a prefix such as 10.0.0.0/24: ${text}` });
  return z.NEVER;
});

/** An address stands for the longest match of it. */
const prefixOrAddress = z.string().transform((text, context) => {
  const address = parseIpAddress(text);
  if (address !== undefined) return { prefix: hostPrefix(address), match: "longest" as const };
  const parsed = parsePrefix(text);
  if (parsed !== undefined) return { prefix: parsed, match: "exact" as const };
  context.addIssue({ code: "custom", message: `neither a prefix nor an address: ${text}` });
  return z.NEVER;
});

const family = z.string().transform((text, context): Family => {
  const parsed = parseFamily(text);
  if (parsed === IPV4_UNICAST || parsed === IPV6_UNICAST) return parsed;
  context.addIssue({ code: "custom", message: "must be ipv4-unicast or ipv6-unicast" });
  return z.NEVER;
});

const routesSchema = z.strictObject({
  table: z.enum(["loc", "in", "out"]).default("loc"),
  family: family.optional(),
  prefix: prefix.optional(),
  match: z.enum(["exact", "longest", "within"]).default("exact"),
  peer: z.string().optional(),
  cursor: z.string().max(4096).optional(),
  limit: z.coerce.number().int().min(1).max(ROUTE_PAGE_LIMIT).default(100),
});

const TABLES = { loc: "loc-rib", in: "adj-in", out: "adj-out" } as const;

function routes(input: ApiRequest["query"], source: ApiSource): object {
  const query = parse(routesSchema, input);
  if (query.table !== "loc" && query.peer === undefined) {
    throw badRequest(`table=${query.table} belongs to one peer`, "add peer=NAME");
  }
  const peer = query.peer === undefined ? undefined : routePeer(source, query.peer);
  const page = source.routes({
    table: TABLES[query.table],
    family: query.family ?? (query.prefix ? prefixFamily(query.prefix) : IPV4_UNICAST),
    limit: query.limit,
    ...(peer !== undefined && { peer }),
    ...(query.prefix !== undefined && { prefix: { prefix: query.prefix, match: query.match } }),
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  });
  return {
    ...list("RouteList", page.routes.map(routeReport)),
    ...(page.cursor !== undefined && { cursor: page.cursor }),
  };
}

/** "local" stands for this host's own originations. */
function routePeer(source: ApiSource, peer: string): string {
  return peer === "local" ? peer : findPeer(source, peer).name;
}

const explainSchema = z.strictObject({ prefix: prefixOrAddress });

function explain(input: ApiRequest["query"], source: ApiSource): ExplainReport {
  const { prefix: asked } = parse(explainSchema, input);
  const query: RouteQuery = {
    table: "loc-rib",
    family: prefixFamily(asked.prefix),
    prefix: asked,
    limit: ROUTE_PAGE_LIMIT,
  };
  const paths = source.routes(query).routes.map(routeReport);
  const found = paths[0]?.prefix;
  if (found === undefined) {
    throw new ApiError({
      code: "not-found",
      what: `no route to ${asked.prefix}`,
      cause: "no peer sent one that is kept, and this host does not originate one",
      fix: "tortie bgp peers",
    });
  }
  const pending = source.kernel()?.pending.find(({ route }) => route.split(" ")[0] === found);
  return {
    apiVersion: API_VERSION,
    kind: "Explanation",
    prefix: found,
    paths: [...paths].sort((a, b) => Number(b.best) - Number(a.best)),
    ...(pending !== undefined && { kernel: `not installed: ${pending.reason}` }),
  };
}

function resources(word: string, query: ApiRequest["query"], source: ApiSource): object {
  const kind = findKind(word);
  if (kind === undefined) {
    throw new ApiError({
      code: "not-found",
      what: `no kind is called ${word}`,
      cause: `known kinds are ${KINDS.map(({ plural }) => plural).join(", ")}`,
    });
  }
  const { name } = parse(z.strictObject({ name: z.string().optional() }), query);
  const all = source.resources(kind.kind);
  const items = name === undefined ? all : all.filter(({ metadata }) => metadata.name === name);
  if (name === undefined || items.length > 0) return list("ResourceList", items);
  throw new ApiError({
    code: "not-found",
    what: `no ${kind.kind} is called ${name}`,
    fix: `tortie get ${kind.plural}`,
  });
}

function kernel(source: ApiSource): object {
  const report = source.kernel();
  if (report !== undefined) return report;
  throw new ApiError({ code: "not-ready", what: "the kernel has not been looked at yet" });
}

function eventQuery(query: ApiRequest["query"]): { limit: number; peer?: string } {
  const { limit, peer } = parse(
    z.strictObject({
      limit: z.coerce.number().int().min(1).max(EVENT_LIMIT).default(100),
      peer: z.string().optional(),
    }),
    query,
  );
  return { limit, ...(peer !== undefined && { peer }) };
}

function resetPeer({ parameters, body }: ApiRequest, source: ApiSource): Done {
  const { message } = parse(z.strictObject({ message: z.string().max(128).optional() }), body);
  const { name } = findPeer(source, parameters["name"]);
  source.resetPeer(name, message);
  return done(`the session with ${name} is being reset`);
}

function refreshPeer({ parameters, body }: ApiRequest, source: ApiSource): Done {
  const schema = z.strictObject({ direction: z.enum(["in", "out", "both"]).default("both") });
  const { direction } = parse(schema, body);
  const { name } = findPeer(source, parameters["name"]);
  source.refreshPeer(name, direction);
  return done(`routes of ${name} are being refreshed (${direction})`);
}

/** Sends echo requests of many sizes, so it is an act. */
function testTunnels(body: unknown, source: ApiSource): Promise<TunnelTestReport> {
  const { node } = parse(z.strictObject({ node: z.string().max(253).optional() }), body);
  return source.testTunnels({ node });
}

async function confirmLoss(body: unknown, source: ApiSource): Promise<Done> {
  parse(z.strictObject({}), body);
  const { lost, of } = await source.confirmLoss();
  return done(`the loss of ${lost} of ${of} objects is confirmed; every host follows`);
}

function drain(body: unknown, source: ApiSource): Done {
  const { on } = parse(z.strictObject({ on: z.boolean().default(true) }), body);
  source.drain(on);
  return done(on ? "peers are asked to take other ways" : "this host is as good a way as before");
}

function stop(body: unknown, source: ApiSource): Done {
  const schema = z.strictObject({
    mode: z.enum(["restart", "shutdown"]).default("shutdown"),
    cleanup: z.boolean().default(false),
    message: z.string().max(128).optional(),
  });
  const { mode, cleanup, message } = parse(schema, body);
  if (cleanup && mode === "restart") {
    throw badRequest("a restart keeps the routes", "leave cleanup out, or use mode=shutdown");
  }
  source.stop({ mode, cleanup, ...(message !== undefined && { message }) });
  return done(mode === "restart" ? "stopping; routes stay" : "withdrawing and stopping");
}

function done(did: string): Done {
  return { apiVersion: API_VERSION, kind: "Done", did };
}
