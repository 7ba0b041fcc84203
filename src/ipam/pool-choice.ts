import { matchesSelector, parseSelector } from "../resources/selector.ts";
import { type IpVersion, versionOf } from "./address-range.ts";
import type { AssignRequest, IntendedUse, RefusalReason } from "./assign-request.ts";
import type { IpamSettings, Pool } from "./settings.ts";

export type PoolChoice =
  | { readonly ok: true; readonly pools: readonly Pool[] }
  | { readonly ok: false; readonly reason: RefusalReason; readonly message: string };

/** The pools of one IP version that a request may be served from, in the order in which they are tried. */
export function choosePools(
  request: AssignRequest,
  { settings, version }: { readonly settings: IpamSettings; readonly version: IpVersion },
): PoolChoice {
  const { host, intendedUse, pools: wanted } = request;
  const enabled = settings.pools.filter(
    ({ cidr, disabled }) => versionOf(cidr) === version && !disabled,
  );
  if (wanted !== undefined) return chooseWanted(wanted, { request, settings, version });
  const pools = enabled.filter(
    (pool) =>
      pool.automatic &&
      pool.allowedUses.includes(intendedUse) &&
      selectsHost(pool, { host, settings }) &&
      selects(pool.namespaceSelector, request.namespaceLabels),
  );
  if (pools.length > 0) return { ok: true, pools };
  const why =
    enabled.length === 0
      ? `there is no enabled IPv${version} pool`
      : `none of the IPv${version} pools (${enabled.map(({ name }) => name).join(", ")}) is for ${intendedUse.toLowerCase()}s on ${host}: look at nodeSelector, namespaceSelector, allowedUses and assignmentMode`;
  return { ok: false, reason: "noPool", message: why };
}

/** Whether the pool's nodeSelector takes a host; a host that is no Node has no labels. */
export function selectsHost(
  { nodeSelector }: Pool,
  { host, settings }: { readonly host: string; readonly settings: IpamSettings },
): boolean {
  return selects(nodeSelector, settings.labelsOf(host));
}

/** Pools that somebody asks for are not chosen by selectors, as in Calico. */
function chooseWanted(
  wanted: readonly string[],
  {
    request: { intendedUse },
    settings,
    version,
  }: {
    readonly request: AssignRequest;
    readonly settings: IpamSettings;
    readonly version: IpVersion;
  },
): PoolChoice {
  const pools: Pool[] = [];
  for (const word of wanted) {
    const pool = settings.pools.find(({ name, cidr }) => name === word || cidr === word);
    const fault = faultOf(pool, intendedUse);
    if (pool === undefined || fault !== undefined) {
      return { ok: false, reason: "unknownPool", message: `the pool ${word} ${fault}` };
    }
    if (versionOf(pool.cidr) === version) pools.push(pool);
  }
  if (pools.length > 0) return { ok: true, pools };
  return {
    ok: false,
    reason: "noPool",
    message: `none of the pools that were asked for (${wanted.join(", ")}) is IPv${version}`,
  };
}

function faultOf(pool: Pool | undefined, use: IntendedUse): string | undefined {
  if (pool === undefined) return "does not exist";
  if (pool.disabled) return "is disabled";
  return pool.allowedUses.includes(use)
    ? undefined
    : `is not for ${use.toLowerCase()}s (allowedUses)`;
}

/** A selector that cannot be read selects nothing: the pool is reported elsewhere, and its addresses are not given away. */
function selects(selector: string, labels: Readonly<Record<string, string>> | undefined): boolean {
  const parsed = parseSelector(selector);
  return parsed.ok && matchesSelector(parsed.selector, labels ?? {});
}
