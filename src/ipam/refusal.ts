import type { AssignedTo, AssignRequest, AssignResult, RefusalReason } from "./assign-request.ts";

export type Refused = Extract<AssignResult, { readonly type: "refused" }>;

export function refused(reason: RefusalReason, message: string): Refused {
  return { type: "refused", reason, message };
}

/** What a request that cannot be meant says about itself; undefined for a sound one. */
export function invalidRequest(request: AssignRequest): Refused | undefined {
  const { ipv4Count = 0, ipv6Count = 0 } = request;
  for (const count of [ipv4Count, ipv6Count]) {
    if (Number.isInteger(count) && count >= 0 && count <= MOST_ADDRESSES_AT_ONCE) continue;
    return refused("invalid", `${count} addresses cannot be assigned at once`);
  }
  return invalidOwner(request);
}

/** Host and handle become parts of etcd's keys, where a slash would make them the key of something else. */
export function invalidOwner({ host, handle }: AssignedTo): Refused | undefined {
  if (host === "" || host.includes("/"))
    return refused("invalid", `"${host}" is no name of a host`);
  if (handle === "" || handle.includes("/") || handle.includes("\r")) {
    return refused("invalid", `"${handle}" is no handle: it must be a name without slashes`);
  }
  return undefined;
}

const MOST_ADDRESSES_AT_ONCE = 1024;
