import type { ChangePreview, PrefixChange, SessionChange } from "../analyse/preview-change.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { formatKey, keyOf } from "../resources/resource.ts";
import type { AnyResource } from "../resources/schemas.ts";
import { isChange, type ResourceChange } from "./resource-change.ts";

/** More hosts than this are counted, not computed: each takes the time of a daemon's start. */
const MOST_HOSTS = 200;
const MOST_PREFIXES = 8;

/** What the changes would do to sessions and prefixes, host by host; empty where they touch nothing. */
export async function previewOf(
  datastore: Datastore,
  changes: readonly ResourceChange[],
): Promise<readonly ChangePreview[]> {
  const real = changes.filter(isChange);
  if (real.length === 0) return [];
  const { previewClusterChange } = await import("../analyse/preview-change.ts");
  const { resources } = await datastore.list();
  const before = await goodOnes(resources);
  const after = new Map(before.map((resource) => [formatKey(keyOf(resource)), resource]));
  for (const { key, after: wanted } of real) {
    if (wanted === undefined) after.delete(formatKey(key));
    else after.set(formatKey(key), wanted as AnyResource);
  }
  const nodeNames = before
    .filter(({ kind }) => kind === "Node")
    .map(({ metadata }) => metadata.name)
    .slice(0, MOST_HOSTS);
  return previewClusterChange({ before, after: after.values(), nodeNames });
}

/** A bad object in the store is not in force anywhere, so it is left out here as well. */
async function goodOnes(resources: readonly unknown[]): Promise<readonly AnyResource[]> {
  const { validateResource } = await import("../resources/validate.ts");
  return resources.flatMap((resource) => {
    const validated = validateResource(resource, { unknownFields: "warning" });
    return validated.ok ? [validated.resource] : [];
  });
}

/**
 * For people:
 *
 *     This change
 *       resets      node-1: Node_10_0_0_254 (peerAsn)
 *       withdraws   node-1: 192.168.0.0/26 from 2 peers
 */
export function previewText(previews: readonly ChangePreview[]): string {
  const lines = previews.flatMap(previewLines);
  return lines.length === 0 ? "" : `This change\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function previewLines(preview: ChangePreview): readonly string[] {
  const { nodeName, reset, refreshed, added, removed, withdrawn, announced } = preview;
  return [
    ...reset.map((session) => sessionLine("resets", nodeName, session)),
    ...removed.map((session) => sessionLine("ends", nodeName, session)),
    ...added.map((session) => sessionLine("begins", nodeName, session)),
    ...refreshed.map((session) => sessionLine("refreshes", nodeName, session)),
    ...prefixLines("withdraws", nodeName, withdrawn),
    ...prefixLines("announces", nodeName, announced),
  ];
}

function sessionLine(
  verb: string,
  nodeName: string,
  { peer, address, fields }: SessionChange,
): string {
  const why = fields.length === 0 ? "" : ` (${fields.join(", ")})`;
  return `${verb.padEnd(10)}  ${nodeName}: session ${peer} with ${address}${why}`;
}

function prefixLines(
  verb: string,
  nodeName: string,
  changes: readonly PrefixChange[],
): readonly string[] {
  const shown = changes.slice(0, MOST_PREFIXES).map(({ prefix, peers, changed }) => {
    const how = changed === true ? " with other attributes" : "";
    const whom = `${verb === "withdraws" ? "from" : "to"} ${peers.length === 1 ? peers[0] : `${peers.length} peers`}`;
    return `${verb.padEnd(10)}  ${nodeName}: ${prefix} ${whom}${how}`;
  });
  const rest = changes.length - shown.length;
  return rest === 0
    ? shown
    : [...shown, `${verb.padEnd(10)}  ${nodeName}: and ${rest} prefixes more`];
}
