/*
 * From a full mesh to route reflectors and back, make before break: each step changes resources and says which sessions must be up,
 * with all routes told, before the next one. While both ways exist, every route arrives twice with one next hop, so kernels have
 * nothing to change and no packet is lost. What makes it work: a BGPPeer that takes a mesh peer over keeps its session, and a
 * cluster id is given only when explicit peerings with its node stand (a node with one leaves the mesh at once).
 */
import { HostCalculation } from "../calc/calc.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { API_VERSION, formatKey, keyOf } from "../resources/resource.ts";
import { type AnyResource, type ResourceOf, resourcesOf } from "../resources/schemas.ts";

export type PlanRequest =
  | {
      readonly to: "reflectors";
      /** Names of the nodes that shall reflect. */
      readonly reflectors: readonly string[];
      /** In dotted form; the reflectors share it. */
      readonly clusterId?: string;
    }
  | { readonly to: "mesh" };

export type ReflectorPlan =
  | { readonly ok: true; readonly steps: readonly PlanStep[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

export type PlanStep = {
  /** What it does, as a sentence. */
  readonly title: string;
  /** Resources as they must be written. */
  readonly apply: readonly AnyResource[];
  /** Resources that must go. */
  readonly remove: readonly AnyResource[];
  /** Afterwards, before the next step: these sessions are Established and have received End-of-RIB of each negotiated family. */
  readonly waitFor: readonly PlannedSession[];
};

export type PlannedSession = { readonly node: string; readonly peer: string };

/** The label that reflectors have, and the BGPPeer that makes everybody their client. */
export const REFLECTOR_LABEL = "route-reflector";
const PEER_NAME = "tortie-route-reflectors";
/** As in Calico's documentation. */
const DEFAULT_CLUSTER_ID = "244.0.0.1";

/** Plans the way from what is to what is asked for. */
export function planReflectors(
  resources: Iterable<AnyResource>,
  request: PlanRequest,
): ReflectorPlan {
  const cluster = [...resources];
  return request.to === "mesh" ? planMesh(cluster) : planReflection(cluster, request);
}

function planReflection(
  cluster: readonly AnyResource[],
  { reflectors, clusterId = DEFAULT_CLUSTER_ID }: Extract<PlanRequest, { to: "reflectors" }>,
): ReflectorPlan {
  const nodes = resourcesOf(cluster, "Node");
  const chosen = nodes.filter(({ metadata }) => reflectors.includes(metadata.name));
  const problems = problemsOf(cluster, { reflectors, chosen, isDone: isReflected(nodes, chosen) });
  if (problems.length > 0) return { ok: false, problems };
  const labelled = chosen.map((node) => withLabel(node));
  const reflecting = labelled.map((node) => withClusterId(node, clusterId));
  return withWaits(
    cluster,
    [
      {
        title: `everybody peers explicitly with ${reflectors.join(" and ")}; mesh sessions with them go on as these`,
        apply: [...labelled, peerOfAll(cluster)],
        remove: [],
      },
      { title: "they begin to reflect", apply: reflecting, remove: [] },
      { title: "the mesh ends", apply: [withMesh(cluster, false)], remove: [] },
    ],
    chosen.length === 1 ? ["one route reflector is no redundancy: choose two"] : [],
  );
}

function planMesh(cluster: readonly AnyResource[]): ReflectorPlan {
  const reflecting = resourcesOf(cluster, "Node").filter(
    ({ spec }) => spec.bgp?.routeReflectorClusterID,
  );
  const peer = reflectorPeer(cluster);
  const plain = reflecting.map((node) => withClusterId(node, undefined));
  // Taken up again after the second step, nobody reflects any more and the labels are still there.
  const labelled = peer === undefined ? [] : resourcesOf(cluster, "Node").filter(hasLabel);
  const leftOver = labelled.filter((node) => !reflecting.includes(node));
  return withWaits(
    cluster,
    [
      {
        title: "the mesh begins",
        apply: isMesh(cluster) ? [] : [withMesh(cluster, true)],
        remove: [],
      },
      {
        title: "route reflectors stop reflecting, and are nodes like others",
        apply: plain,
        remove: [],
      },
      {
        title: "explicit peerings with them end; their sessions go on in the mesh",
        apply: [...plain, ...leftOver].map(withoutLabel),
        remove: peer === undefined ? [] : [peer],
      },
    ],
    [],
  );
}

function problemsOf(
  cluster: readonly AnyResource[],
  {
    reflectors,
    chosen,
    isDone,
  }: {
    readonly reflectors: readonly string[];
    readonly chosen: readonly ResourceOf<"Node">[];
    readonly isDone: boolean;
  },
): readonly string[] {
  const known = new Set(chosen.map(({ metadata }) => metadata.name));
  const config = defaultConfiguration(cluster);
  const secret = typeof config?.spec.nodeMeshPassword === "object";
  return [
    ...(reflectors.length === 0 ? ["name at least one node"] : []),
    ...reflectors.filter((name) => !known.has(name)).map((name) => `there is no Node ${name}`),
    ...chosen
      .filter(({ spec }) => spec.bgp === undefined)
      .map(({ metadata }) => `Node ${metadata.name} has no spec.bgp: it peers with nobody`),
    ...(isMesh(cluster) || isDone
      ? []
      : ["the mesh is off: there is nothing to go on in the meantime (--to-mesh is the way back)"]),
    ...(secret ? ["nodeMeshPassword is in a Kubernetes Secret, which cannot be read here"] : []),
  ];
}

/** Exactly these nodes reflect already: a plan that was carried out is none that cannot be made. */
function isReflected(
  nodes: readonly ResourceOf<"Node">[],
  chosen: readonly ResourceOf<"Node">[],
): boolean {
  const reflecting = nodes.filter(
    (node) => hasLabel(node) && node.spec.bgp?.routeReflectorClusterID,
  );
  return reflecting.length === chosen.length && chosen.every((node) => reflecting.includes(node));
}

function isMesh(cluster: readonly AnyResource[]): boolean {
  const { nodeToNodeMeshEnabled } = DEFAULTS.bgpConfiguration;
  return defaultConfiguration(cluster)?.spec.nodeToNodeMeshEnabled ?? nodeToNodeMeshEnabled;
}

function defaultConfiguration(
  cluster: readonly AnyResource[],
): ResourceOf<"BGPConfiguration"> | undefined {
  return resourcesOf(cluster, "BGPConfiguration").find(
    ({ metadata }) => metadata.name === "default",
  );
}

/** What is for a mesh only may not stand beside a mesh that is off: the BGPPeer keeps it for the way back. */
function withMesh(cluster: readonly AnyResource[], enabled: boolean): AnyResource {
  const before = defaultConfiguration(cluster);
  const { nodeMeshPassword, nodeMeshMaxRestartTime, ...spec } = before?.spec ?? {};
  const kept = reflectorPeer(cluster)?.spec ?? {};
  const password = nodeMeshPassword ?? kept.password;
  const restart = nodeMeshMaxRestartTime ?? kept.maxRestartTime;
  const forMesh = {
    ...(password !== undefined && { nodeMeshPassword: password }),
    ...(restart !== undefined && { nodeMeshMaxRestartTime: restart }),
  };
  return {
    apiVersion: API_VERSION,
    kind: "BGPConfiguration",
    ...before,
    metadata: { ...before?.metadata, name: "default" },
    spec: { ...spec, ...(enabled && forMesh), nodeToNodeMeshEnabled: enabled },
  };
}

function reflectorPeer(cluster: readonly AnyResource[]): ResourceOf<"BGPPeer"> | undefined {
  return resourcesOf(cluster, "BGPPeer").find(({ metadata }) => metadata.name === PEER_NAME);
}

function hasLabel({ metadata }: ResourceOf<"Node">): boolean {
  return metadata.labels?.[REFLECTOR_LABEL] === "true";
}

function withLabel(node: ResourceOf<"Node">): ResourceOf<"Node"> {
  const { metadata } = node;
  const labels = { ...metadata.labels, [REFLECTOR_LABEL]: "true" };
  return { ...node, metadata: { ...metadata, labels } };
}

function withoutLabel(node: ResourceOf<"Node">): ResourceOf<"Node"> {
  const { [REFLECTOR_LABEL]: _, ...labels } = node.metadata.labels ?? {};
  return { ...node, metadata: { ...node.metadata, labels } };
}

function withClusterId(
  node: ResourceOf<"Node">,
  clusterId: string | undefined,
): ResourceOf<"Node"> {
  const { routeReflectorClusterID: _, ...bgp } = node.spec.bgp ?? {};
  const added = clusterId === undefined ? {} : { routeReflectorClusterID: clusterId };
  return { ...node, spec: { ...node.spec, bgp: { ...bgp, ...added } } };
}

/** What sessions of the mesh have, so that none is reset when it becomes one with a reflector. */
function peerOfAll(cluster: readonly AnyResource[]): AnyResource {
  const standing = reflectorPeer(cluster);
  // Without a mesh, this peer is all that still knows what was set for the mesh.
  if (standing !== undefined && !isMesh(cluster)) return standing;
  const mesh = defaultConfiguration(cluster)?.spec ?? {};
  const { nodeMeshPassword: password, nodeMeshSessions: sessions } = mesh;
  return {
    apiVersion: API_VERSION,
    kind: "BGPPeer",
    metadata: { name: PEER_NAME },
    spec: {
      peerSelector: `${REFLECTOR_LABEL} == 'true'`,
      ...(password !== undefined && { password }),
      ...(sessions !== undefined && { sessions }),
      ...(mesh.nodeMeshHoldTime !== undefined && { holdTime: mesh.nodeMeshHoldTime }),
      ...(mesh.nodeMeshKeepaliveTime !== undefined && {
        keepaliveTime: mesh.nodeMeshKeepaliveTime,
      }),
      ...(mesh.nodeMeshMaxRestartTime !== undefined && {
        maxRestartTime: mesh.nodeMeshMaxRestartTime,
      }),
    },
  };
}

/** After each step, every session that then is wanted must be up: computed, as each host computes it. */
function withWaits(
  cluster: readonly AnyResource[],
  steps: readonly Omit<PlanStep, "waitFor">[],
  warnings: readonly string[],
): ReflectorPlan {
  const hosts = resourcesOf(cluster, "Node").map(({ metadata }) => {
    const calculation = new HostCalculation({ nodeName: metadata.name });
    calculation.update(cluster.map((each) => [formatKey(keyOf(each)), each] as const));
    return { node: metadata.name, calculation };
  });
  const planned = steps.map((step): PlanStep => {
    const changes = [
      ...step.apply.map((each) => [formatKey(keyOf(each)), each] as const),
      ...step.remove.map((each) => [formatKey(keyOf(each)), undefined] as const),
    ];
    const waitFor = hosts.flatMap(({ node, calculation }) => {
      const { peers } = calculation.update(changes).speaker;
      const wanted = peers.filter((peer) => isBetweenNodes(peer));
      return wanted.map(({ address }) => ({ node, peer: address }));
    });
    return { ...step, waitFor };
  });
  return { ok: true, steps: planned, warnings };
}

/** Sessions with others are not touched, and one that stands by may be idle. */
function isBetweenNodes({
  origin,
  standbyFor,
  localAsn,
  peerAsn,
}: {
  readonly origin: string;
  readonly standbyFor?: string;
  readonly localAsn: number;
  readonly peerAsn: number;
}): boolean {
  return standbyFor === undefined && origin !== "localWorkload" && localAsn === peerAsn;
}
