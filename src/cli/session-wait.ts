/*
 * Waits until sessions all over the cluster are up. Every node is asked through the datastore, in a CalicoNodeStatus that is made
 * for the purpose and taken away again; nodes of Calico answer such objects too. An answer counts only if it was given after
 * the question, and a node that never answers is believed to be what the other ends of its sessions say.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedSession } from "../analyse/plan-rr.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { API_VERSION, type Resource } from "../resources/resource.ts";

export type SessionWaitOptions = {
  readonly datastore: Datastore;
  readonly deadlineMilliseconds: number;
  readonly signal: AbortSignal;
  /** Told when another number of sessions is up. */
  readonly onProgress: (up: number, of: number) => void;
};

/** A session that is not up, and what each end says of it. */
export type MissingSession = PlannedSession & { readonly why: string };

/** A node that lives has answered by then. */
const SILENCE_MILLISECONDS = 5_000;
const LOOK_MILLISECONDS = 250;
/** Answers of all nodes together: every write is heard by every node. */
const MOST_ANSWERS_PER_SECOND = 10;
const LONGEST_PERIOD_SECONDS = 60;
const KIND = "CalicoNodeStatus";
const PREFIX = "tortie-plan-rr-";

/** One wait after another; nodes that were silent once are not waited for again. */
export class SessionWait {
  readonly #options: SessionWaitOptions;
  readonly #silent = new Set<string>();

  constructor(options: SessionWaitOptions) {
    this.#options = options;
  }

  /** Sessions that are not up at the deadline, or when the signal came; none if all are up. */
  async until(sessions: readonly PlannedSession[]): Promise<readonly MissingSession[]> {
    const { datastore } = this.#options;
    const nodes = [...new Set(sessions.map(({ node }) => node))];
    try {
      await ask(datastore, nodes);
      return await this.#watch(sessions, nodes);
    } finally {
      for (const node of nodes) await datastore.delete({ kind: KIND, name: `${PREFIX}${node}` });
    }
  }

  async #watch(
    sessions: readonly PlannedSession[],
    nodes: readonly string[],
  ): Promise<readonly MissingSession[]> {
    const { datastore, deadlineMilliseconds, signal, onProgress } = this.#options;
    const started = performance.now();
    for (let told = -1; ; ) {
      const said = await readAnswers(datastore);
      const elapsed = performance.now() - started;
      if (elapsed > SILENCE_MILLISECONDS) {
        for (const node of nodes) if (!said.answers.has(node)) this.#silent.add(node);
      }
      const missing = missingSessions(sessions, { ...said, silent: this.#silent });
      const up = sessions.length - missing.length;
      if (up !== told) onProgress(up, sessions.length);
      told = up;
      if (missing.length === 0 || signal.aborted || elapsed > deadlineMilliseconds) return missing;
      await sleep(LOOK_MILLISECONDS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** What nodes say; those without an entry have not answered. */
export type Answers = {
  readonly answers: ReadonlyMap<string, readonly ToldSession[]>;
  /** The node that has an address. */
  readonly nodeOf: ReadonlyMap<string, string>;
  /** Addresses by node. */
  readonly addressesOf: ReadonlyMap<string, readonly string[]>;
  /** Nodes for which the other ends of their sessions speak. */
  readonly silent: ReadonlySet<string>;
};

type ToldSession = {
  readonly peerIP: string;
  readonly state: string;
  /** Absent in what Calico's nodes say. */
  readonly toldAll?: boolean;
};

/** Those of the sessions that are not up, as far as the answers go. */
export function missingSessions(
  sessions: readonly PlannedSession[],
  told: Answers,
): readonly MissingSession[] {
  return sessions.flatMap((session) => {
    const why = whyNotUp(session, told);
    return why === undefined ? [] : [{ ...session, why }];
  });
}

function whyNotUp(
  { node, peer }: PlannedSession,
  { answers, nodeOf, addressesOf, silent }: Answers,
): string | undefined {
  const own = answers.get(node);
  if (own !== undefined) {
    return lackOf(
      node,
      own.find(({ peerIP }) => peerIP === peer),
    );
  }
  const other = nodeOf.get(peer);
  const others = other === undefined ? undefined : answers.get(other);
  if (!silent.has(node)) return `${node} has not answered yet`;
  if (other === undefined || others === undefined) {
    return `${node} does not say how its sessions are, nor does the other end: is tortied running there?`;
  }
  const addresses = addressesOf.get(node) ?? [];
  return lackOf(
    other,
    others.find(({ peerIP }) => addresses.includes(peerIP)),
  );
}

function lackOf(who: string, session: ToldSession | undefined): string | undefined {
  if (session === undefined) return `${who} has no such peer`;
  if (session.state !== "Established") return `${who} says ${session.state}`;
  return session.toldAll === false ? `${who} waits for End-of-RIB` : undefined;
}

/** Questions of an earlier run are asked anew: an answer that is there already would be an old one. */
async function ask(datastore: Datastore, nodes: readonly string[]): Promise<void> {
  const period = Math.min(
    Math.max(1, Math.ceil(nodes.length / MOST_ANSWERS_PER_SECOND)),
    LONGEST_PERIOD_SECONDS,
  );
  for (const node of nodes) {
    const name = `${PREFIX}${node}`;
    await datastore.delete({ kind: KIND, name });
    await datastore.create({
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name },
      spec: { node, classes: ["Agent", "BGP"], updatePeriodSeconds: period },
    });
  }
}

async function readAnswers(
  datastore: Datastore,
): Promise<Pick<Answers, "answers" | "nodeOf" | "addressesOf">> {
  const { resources } = await datastore.list({ kinds: ["Node", KIND] });
  const answers = new Map<string, readonly ToldSession[]>();
  const nodeOf = new Map<string, string>();
  const addressesOf = new Map<string, readonly string[]>();
  for (const resource of resources) {
    const { name } = resource.metadata;
    if (resource.kind === "Node") {
      const addresses = addressesOfNode(resource);
      addressesOf.set(name, addresses);
      for (const address of addresses) nodeOf.set(address, name);
    } else if (name.startsWith(PREFIX)) {
      const sessions = sessionsIn(resource);
      if (sessions !== undefined) answers.set(name.slice(PREFIX.length), sessions);
    }
  }
  return { answers, nodeOf, addressesOf };
}

function addressesOfNode({ spec }: Resource): readonly string[] {
  const { ipv4Address, ipv6Address } = (spec["bgp"] ?? {}) as { readonly [field: string]: unknown };
  return [ipv4Address, ipv6Address].flatMap((each) =>
    typeof each === "string" ? [each.split("/")[0] ?? each] : [],
  );
}

function sessionsIn({
  status,
}: Resource & { readonly status?: unknown }): readonly ToldSession[] | undefined {
  const { bgp } = (status ?? {}) as { readonly bgp?: ToldByFamily };
  return bgp && [...(bgp.peersV4 ?? []), ...(bgp.peersV6 ?? [])];
}

type ToldByFamily = {
  readonly peersV4?: readonly ToldSession[];
  readonly peersV6?: readonly ToldSession[];
};
