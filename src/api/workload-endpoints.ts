import { z } from "zod";
import { type IpAddress, parseIpAddress } from "../../protocol/types/ip-address.ts";
import {
  type ConnectedWorkload,
  WorkloadError,
  type WorkloadErrorCode,
  type WorkloadRequest,
} from "../workload/workload-request.ts";
import type { ListedWorkload, Workloads } from "../workload/workloads.ts";
import { ApiError } from "./api-error.ts";
import type { ApiSource } from "./api-source.ts";
import {
  API_VERSION,
  type ApiErrorDetail,
  type ConnectedWorkloadReport,
  type RemovedWorkloadReport,
  type WorkloadList,
  type WorkloadReport,
} from "./api-types.ts";
import { parse } from "./parse-request.ts";

/*
 * The bodies of /v1/workloads. They come from programs of ours (tortie-cni, tortie), but whoever may act could send
 * anything: what reaches the kernel or a path is checked here.
 */

const name = z.string().min(1).max(253);
const interfaceName = z.string().regex(/^[^\s/:]{1,15}$/, "must be an interface name");
const netns = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, "must be an absolute path");

const address = z.string().transform((text, context): IpAddress => {
  const parsed = parseIpAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `not an IP address: ${text}` });
  return z.NEVER;
});

const identity = {
  orchestrator: z.string().regex(/^[a-z0-9]{1,32}$/, "must be lower-case letters and digits"),
  workload: name,
  endpoint: name,
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
    .optional(),
};

const attachment = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("namespace"), netns, interfaceName }),
  z.strictObject({ type: z.literal("pair"), peerName: interfaceName }),
  z.strictObject({ type: z.literal("host"), interfaceName }),
]);

const addresses = z.discriminatedUnion("from", [
  z.strictObject({
    from: z.literal("auto"),
    ipv4: z.int().min(0).max(16).optional(),
    ipv6: z.int().min(0).max(16).optional(),
    pools: z.array(z.string()).optional(),
    lowest: z.boolean().optional(),
  }),
  z.strictObject({ from: z.literal("claim"), addresses: z.array(address).min(1).max(32) }),
  z.strictObject({ from: z.literal("elsewhere"), addresses: z.array(address).min(1).max(32) }),
]);

const labels = z.record(z.string(), z.string());

const addSchema = z.strictObject({
  ...identity,
  containerId: name.optional(),
  pod: name.optional(),
  attachment,
  addresses,
  handle: name.optional(),
  profiles: z.array(name).optional(),
  labels: labels.optional(),
  annotations: labels.optional(),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        protocol: z.union([z.string(), z.int()]),
        port: z.int().min(1).max(65_535),
        hostPort: z.int().min(0).max(65_535).optional(),
        hostIP: z.string().optional(),
      }),
    )
    .optional(),
  mac: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "must be a MAC address")
    .optional(),
  mtu: z.int().min(68).max(65_535).optional(),
});

const removeSchema = z.strictObject({
  ...identity,
  containerId: name.optional(),
  handle: name.optional(),
});

const checkSchema = z.strictObject({
  ...identity,
  inside: z
    .strictObject({ netns, interfaceName, addresses: z.array(address).optional() })
    .optional(),
});

const gcSchema = z.strictObject({
  orchestrators: z.array(z.string()).min(1),
  /** Only endpoints that have this annotation with this value: those of one network. */
  annotation: z.strictObject({ name, value: z.string() }),
  valid: z.array(z.strictObject({ containerId: name, endpoint: name })),
});

/** A checked body is what its schema says; that optional fields are absent, and not undefined, the schema cannot say. */
type Arguments<Act extends keyof Workloads> = Parameters<Workloads[Act]>;

/** GET /v1/workloads. */
export async function listWorkloads(source: ApiSource): Promise<WorkloadList> {
  const listed = await source.workloads().list();
  return { apiVersion: API_VERSION, kind: "WorkloadList", items: listed.map(workloadReport) };
}

/** POST /v1/workloads. */
export async function addWorkload(
  body: unknown,
  source: ApiSource,
): Promise<ConnectedWorkloadReport> {
  const request = parse(addSchema, body) as WorkloadRequest;
  return connectedReport(await told(() => source.workloads().add(request)));
}

/** POST /v1/workloads/remove. */
export async function removeWorkload(
  body: unknown,
  source: ApiSource,
): Promise<RemovedWorkloadReport> {
  const request = parse(removeSchema, body) as Arguments<"remove">[0];
  const { existed } = await told(() => source.workloads().remove(request));
  return { apiVersion: API_VERSION, kind: "RemovedWorkload", existed };
}

/** POST /v1/workloads/check. */
export async function checkWorkload(body: unknown, source: ApiSource): Promise<object> {
  const { inside, ...identified } = parse(checkSchema, body);
  const problems = await told(() =>
    source.workloads().check(identified as Arguments<"check">[0], inside as Arguments<"check">[1]),
  );
  return { apiVersion: API_VERSION, kind: "CheckedWorkload", problems };
}

/** POST /v1/workloads/gc. */
export async function collectWorkloads(body: unknown, source: ApiSource): Promise<object> {
  const { orchestrators, annotation, valid } = parse(gcSchema, body);
  const keep = new Set(valid.map(({ containerId, endpoint }) => `${containerId} ${endpoint}`));
  const removed = await told(() =>
    source.workloads().gc({
      orchestrators,
      isValid: ({ metadata, spec }) =>
        metadata.annotations?.[annotation.name] !== annotation.value ||
        keep.has(`${spec.containerID} ${spec.endpoint}`),
    }),
  );
  return {
    apiVersion: API_VERSION,
    kind: "CollectedWorkloads",
    removed: removed.map(({ metadata }) => metadata.name),
  };
}

function workloadReport({ endpoint, state, problems }: ListedWorkload): WorkloadReport {
  const { metadata, spec } = endpoint;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    orchestrator: spec.orchestrator ?? "",
    workload: spec.workload ?? "",
    endpoint: spec.endpoint ?? "",
    interface: spec.interfaceName ?? "",
    addresses: (spec.ipNetworks ?? []).map((network) => network.split("/")[0] ?? ""),
    profiles: spec.profiles ?? [],
    state,
    problems,
  };
}

function connectedReport({ endpoint, ...connected }: ConnectedWorkload): ConnectedWorkloadReport {
  const { name, namespace = "default" } = endpoint.metadata;
  return { apiVersion: API_VERSION, kind: "ConnectedWorkload", name, namespace, ...connected };
}

/** What went wrong, in the words of the API. */
async function told<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    throw new ApiError({ code: CODES[error.code], what: error.message }, { cause: error });
  }
}

const CODES: { readonly [code in WorkloadErrorCode]: ApiErrorDetail["code"] } = {
  invalid: "bad-request",
  taken: "conflict",
  "no-address": "exhausted",
  "not-found": "not-found",
  unavailable: "not-ready",
  kernel: "kernel",
};
