import { unreachable } from "../../../protocol/types/never.ts";

/** The few requests of the Docker API in which the proxy takes part; all others pass as octets. */
export type ProxiedRoute =
  | { readonly type: "create" }
  | { readonly type: "inspect" }
  | { readonly type: "list" }
  | { readonly type: "remove"; readonly container: string };

/** Which of them a request is; undefined for all others. */
export function proxiedRoute(method: string, target: string): ProxiedRoute | undefined {
  const path = target.split("?")[0] ?? "";
  const [, name] = /^(?:\/v[0-9.]+)?\/containers\/([^/]+)(?:\/json)?$/.exec(path) ?? [];
  const known = ROUTES.find((route) => route.method === method && route.path.test(path));
  if (known === undefined) return undefined;
  switch (known.type) {
    case "create":
    case "inspect":
    case "list":
      return { type: known.type };
    case "remove":
      return name === undefined ? undefined : { type: "remove", container: name };
    default:
      return unreachable(known);
  }
}

const ROUTES = [
  { type: "create", method: "POST", path: /^(\/v[0-9.]+)?\/containers\/create$/ },
  { type: "list", method: "GET", path: /^(\/v[0-9.]+)?\/containers\/json$/ },
  { type: "inspect", method: "GET", path: /^(\/v[0-9.]+)?\/containers\/[^/]+\/json$/ },
  { type: "remove", method: "DELETE", path: /^(\/v[0-9.]+)?\/containers\/[^/]+$/ },
] as const;
