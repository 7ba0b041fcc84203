import { readFileSync } from "node:fs";
import type { StoreProblem } from "../datastore.ts";

/** How an etcd cluster is reached. Files are read again for each connection, so that renewed certificates are used. */
export type EtcdOptions = {
  /** "https://10.0.0.1:2379"; all http or all https. */
  readonly endpoints: readonly string[];
  /** Certificates of the authorities that sign the servers'; without, those that Node trusts. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly username?: string | undefined;
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined;
  /** Where it comes from the environment; a file is better. */
  readonly password?: string | undefined;
  readonly timing?: Partial<EtcdTiming>;
  /** Chooses the member that is asked first; many hosts with one configuration should not all ask the same. */
  readonly random?: () => number;
};

/** Times in milliseconds, and why. */
export type EtcdTiming = {
  /** One question to one member. Longer than an election (about 1 s), so that a new leader can still answer. */
  readonly attempt: number;
  /** All attempts at one question together. */
  readonly question: number;
  /** A watch asks so often whether the server is there, and is given up when two questions in a row had no answer. */
  readonly progress: number;
  /** A watch that has had no answer from any member for so long ends with an error. */
  readonly watch: number;
  /** HTTP/2 pings; a server refuses pings more often than every 5 s. */
  readonly keepalive: number;
  /** Wait before the next attempt: doubles from `initial` to `max`. */
  readonly retryInitial: number;
  readonly retryMax: number;
};

export const ETCD_TIMING: EtcdTiming = {
  attempt: 3_000,
  question: 10_000,
  progress: 3_000,
  watch: 15_000,
  keepalive: 10_000,
  retryInitial: 50,
  retryMax: 1_000,
};

/** etcd's client port. */
const DEFAULT_PORT = "2379";

export type EtcdEndpoint = {
  /** For people; holds no secrets. */
  readonly url: string;
  readonly secure: boolean;
  /** "10.0.0.1:2379", "[fd00::1]:2379". */
  readonly target: string;
  readonly loopback: boolean;
};

/** An endpoint, or what is wrong with it. What is wrong does not quote the text: someone may have written a password there. */
export function parseEndpoint(text: string): EtcdEndpoint | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    return "must be a URL such as https://10.0.0.1:2379";
  }
  if (url.username !== "" || url.password !== "") {
    return "must not hold a user name or password; use username and passwordFile";
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    return "must end after the port";
  // URL leaves out a scheme's usual port, which is not etcd's.
  const port = /:(\d+)\/?$/.exec(text)?.[1] ?? DEFAULT_PORT;
  const target = `${url.hostname}:${port}`;
  const loopback = LOOPBACK.test(url.hostname);
  const secure = url.protocol === "https:";
  return { url: `${url.protocol}//${target}`, secure, target, loopback };
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The endpoints of checked options. */
export function endpointsOf({ endpoints }: EtcdOptions): readonly EtcdEndpoint[] {
  const parsed = endpoints.map((text) => {
    const endpoint = parseEndpoint(text);
    if (typeof endpoint === "string") throw new Error(`an etcd endpoint ${endpoint}`);
    return endpoint;
  });
  if (parsed.length === 0) throw new Error("etcd needs an endpoint");
  if (new Set(parsed.map(({ secure }) => secure)).size > 1) {
    throw new Error("etcd endpoints must be all http or all https");
  }
  return parsed;
}

/** Says where passwords, keys and all that the cluster is made of would travel in the clear. */
export function plainTextWarnings(endpoints: readonly EtcdEndpoint[]): readonly StoreProblem[] {
  return endpoints
    .filter(({ secure, loopback }) => !secure && !loopback)
    .map(({ url }) => ({
      where: "datastore.endpoints",
      message: `${url} is plain HTTP: whoever is on the way can read and change the cluster; use https`,
      severity: "warning",
    }));
}

export type EtcdSecrets = {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly password?: string;
};

/** Reads the files that the options name. Throws what the file system throws, which names the file and quotes nothing. */
export function readSecrets(options: EtcdOptions): EtcdSecrets {
  const { caFile, certFile, keyFile, passwordFile } = options;
  return {
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
    ...(options.password !== undefined && { password: options.password }),
    ...(passwordFile !== undefined && {
      password: readFileSync(passwordFile, "utf8").split(/\r?\n/, 1)[0] ?? "",
    }),
  };
}
