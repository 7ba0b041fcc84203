import type { Problem } from "../api/api-types.ts";
import type { Loss } from "../datastore/loss-guard.ts";
import { NOT_WRITTEN_YET } from "../kernel/routes/family-routes.ts";
import { type KeyDrops, keyDropsFromNow } from "../kernel/tcp-md5-drops.ts";
import type { Agent } from "./agent.ts";
import { storeLocation } from "./agent-config.ts";
import { clusterProblems } from "./cluster-problems.ts";
import { rulesProblems } from "./rules-view.ts";

/** Pending routes that are named one by one; more are only counted. */
const ROUTES_NAMED = 5;

/** Counted from when the daemon's code was loaded: what was dropped before is no news of this daemon's peers. */
const keyDrops = keyDropsFromNow();

/** Everything that is not as it should be, most basic first, each with what to do. Empty when all is well. */
export function problemsOf(agent: Agent): Problem[] {
  return [
    ...datastoreProblems(agent),
    ...configProblems(agent),
    ...clusterProblems(agent.report.resources),
    ...stateProblems(agent),
    ...listenProblems(agent),
    ...kernelProblems(agent),
    ...rulesProblems(agent.rules),
    ...peerProblems(agent),
    ...ipamProblems(agent),
  ];
}

function ipamProblems({ services: { audit } }: Agent): Problem[] {
  const count = audit.confirmedCount;
  if (count === 0) return [];
  const what = `IPAM has ${count} contradictions that have lasted, such as addresses that nobody uses`;
  return [{ component: "ipam", what, fix: "tortie ipam check" }];
}

function datastoreProblems({ report, config }: Agent): Problem[] {
  const { state, loss } = report;
  if (loss !== undefined) return [lossProblem(loss, storeLocation(config))];
  if (state === "in-sync" || state === "syncing") return [];
  const location = storeLocation(config);
  return [
    {
      component: "datastore",
      what:
        state === "unreachable"
          ? `${location} cannot be read; what was read last stays in force`
          : `${location} cannot be read; this host runs on what it remembers from its last run`,
      ...cause(report.problems.find(({ where }) => isStore(where, location))?.message),
      fix: `make ${location} readable; tortied tries again by itself`,
    },
  ];
}

function lossProblem({ lost, of, since, atStart }: Loss, location: string): Problem {
  const kept = atStart ? "what this host remembers from its last run" : "everything";
  return {
    component: "datastore",
    what: `${lost} of ${of} objects have vanished from ${location} at once; ${kept} stays in force`,
    cause: `seen at ${since.toISOString()}; nothing is withdrawn until somebody says that it was meant`,
    fix: "restore the datastore, or, if it was meant: tortie datastore confirm-loss",
  };
}

/** The syncer calls the store "datastore", the store calls itself by its place. */
function isStore(where: string, location: string): boolean {
  return where === "datastore" || where === location;
}

function configProblems({ report, host, config }: Agent): Problem[] {
  const location = storeLocation(config);
  const stored = report.problems
    .filter(({ where, severity }) => !isStore(where, location) && severity !== "warning")
    .map(({ where, message, lastGoodInForce }) => ({
      component: "resources",
      what: `${where}: ${message}`,
      ...cause(lastGoodInForce === true ? "its last good version stays in force" : undefined),
    }));
  const computed = (host?.problems ?? []).map(({ resource, message }) => ({
    component: "resources",
    what: `${resource}: ${message}`,
  }));
  return [...stored, ...computed];
}

function stateProblems({ stateFailure, config }: Agent): Problem[] {
  if (stateFailure === undefined) return [];
  return [
    {
      component: "state",
      what: `${config.stateDirectory} cannot be written: a restart without the datastore would know nothing of today`,
      cause: stateFailure,
      fix: `make ${config.stateDirectory} writable for root; tortied tries again at the next change`,
    },
  ];
}

function listenProblems({ driver }: Agent): Problem[] {
  return driver.statistics().listenProblems.map(({ address, reason }) => ({
    component: "bgp",
    what: `not listening on ${address}`,
    cause: reason,
    fix: "end the other program, or set listenPort in BGPConfiguration",
  }));
}

function kernelProblems({ kernel }: Agent): Problem[] {
  const { state, detail, pending, pendingCount } = kernel.report();
  const worker: Problem[] =
    state === "failed"
      ? [
          {
            component: "kernel",
            what: "the kernel worker died and is started again",
            ...cause(detail),
          },
        ]
      : [];
  // A route whose turn has not come is work, not a problem.
  const refused = pending.filter(({ reason }) => reason !== NOT_WRITTEN_YET);
  const named = refused.slice(0, ROUTES_NAMED).map(({ route, reason }) => ({
    component: "kernel",
    what: `${route} is not installed`,
    cause: reason,
  }));
  const rest = refused.length > 0 ? pendingCount - named.length : 0;
  const more: Problem[] =
    rest > 0
      ? [
          {
            component: "kernel",
            what: `${rest} more routes are not installed`,
            fix: "tortie status -o json",
          },
        ]
      : [];
  return [...worker, ...named, ...more];
}

/** Peers that are down by an operator's wish are as they should be. */
function peerProblems({ speaker, host, heldPeers }: Agent): Problem[] {
  const keyed = new Set(
    host?.speaker.peers.filter(({ password }) => password !== undefined).map(({ name }) => name),
  );
  const byWish = new Set(
    host?.speaker.peers.filter(({ adminDown }) => adminDown !== undefined).map(({ name }) => name),
  );
  return speaker
    .peers()
    .filter(({ state, name, standsBy }) => {
      return state !== "Established" && standsBy === undefined && !byWish.has(name);
    })
    .map(({ name, address, state, lastError }) => ({
      component: "bgp",
      what: `peer ${name} (${address}) is ${state}`,
      ...cause(
        heldPeers.reasons.get(address) ??
          keyHint(keyDrops(), { state, hasKey: keyed.has(name) }) ??
          lastError?.text,
      ),
      fix: `tortie bgp neighbor ${address}`,
    }));
}

/** A wrong key makes no error: the kernel drops the segments, and the connection does not come about. RFC 2385 §2. */
function keyHint(
  { wrongKey, noKey, unexpectedKey }: KeyDrops,
  { state, hasKey }: { readonly state: string; readonly hasKey: boolean },
): string | undefined {
  if (state !== "Connect" && state !== "Active" && state !== "Idle") return undefined;
  const since = "since tortied started";
  if (hasKey && wrongKey > 0) {
    return `probably another MD5 key at the other end: the kernel dropped ${wrongKey} segments with a wrong one ${since}`;
  }
  if (hasKey && noKey > 0) {
    return `probably no MD5 key at the other end: the kernel dropped ${noKey} segments without one ${since}`;
  }
  if (!hasKey && unexpectedKey > 0) {
    return `perhaps the other end has an MD5 key and this one none: the kernel dropped ${unexpectedKey} segments with one that nobody here expects ${since}`;
  }
  return undefined;
}

function cause(text: string | undefined): { readonly cause?: string } {
  return text === undefined ? {} : { cause: text };
}
