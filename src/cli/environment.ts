import { join } from "node:path";

/** What the environment says; nothing else looks at it. */
export type Environment = {
  /** The name that the program was started by: tortie or calicoctl. */
  readonly program: string;
  readonly socket: string;
  readonly demoDirectory: string;
  readonly datastoreDirectory: string | undefined;
  /** As calicoctl reads them: ETCD_ENDPOINTS and the rest, or the ETCD_AUTHORITY of 2015. */
  readonly etcd: {
    readonly endpoints?: string | undefined;
    readonly authority?: string | undefined;
    readonly scheme?: string | undefined;
    readonly caFile?: string | undefined;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
  };
  /** Files that may name a datastore, the first that exists counts. */
  readonly configFiles: readonly string[];
  readonly defaultDirectory: string;
  /** Colours are not wanted: https://no-color.org. */
  readonly noColor: boolean;
  /** Where docker's client goes; and whether sudo is what lost it on the way here. */
  readonly dockerHost: string | undefined;
  readonly underSudo: boolean;
  readonly editor: string;
  /** Where this user's programs keep what must outlive them. */
  readonly stateHome: string;
};

const DEFAULT_SOCKET = "/run/tortie/tortie.sock";
/** Where `npm run demo` keeps the sockets of its hosts: HOST/tortie.sock. */
const DEFAULT_DEMO_DIRECTORY = "/run/tortie-demo";
const DEFAULT_DATASTORE_DIRECTORY = "/etc/tortie/cluster";
const CALICOCTL_CONFIG = "/etc/calico/calicoctl.cfg";
const TORTIED_CONFIG = "/etc/tortie/tortied.yaml";

export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  /** An empty variable is as good as none. */
  const text = (name: string) => variables[name] || undefined;
  return {
    program: text("TORTIE_PROGRAM") ?? "tortie",
    socket: text("TORTIE_SOCKET") ?? DEFAULT_SOCKET,
    demoDirectory: text("TORTIE_DEMO_DIR") ?? DEFAULT_DEMO_DIRECTORY,
    datastoreDirectory: text("TORTIE_DATASTORE_DIR"),
    etcd: {
      endpoints: text("ETCD_ENDPOINTS"),
      authority: text("ETCD_AUTHORITY"),
      scheme: text("ETCD_SCHEME"),
      caFile: text("ETCD_CA_CERT_FILE"),
      certFile: text("ETCD_CERT_FILE"),
      keyFile: text("ETCD_KEY_FILE"),
      username: text("ETCD_USERNAME"),
      password: text("ETCD_PASSWORD"),
    },
    configFiles: [CALICOCTL_CONFIG, TORTIED_CONFIG],
    defaultDirectory: DEFAULT_DATASTORE_DIRECTORY,
    dockerHost: text("DOCKER_HOST"),
    underSudo: text("SUDO_USER") !== undefined,
    noColor: text("NO_COLOR") !== undefined || text("TERM") === "dumb",
    editor: text("VISUAL") ?? text("EDITOR") ?? "vi",
    stateHome: text("XDG_STATE_HOME") ?? join(text("HOME") ?? "/root", ".local/state"),
  };
}

/** The daemon's socket: `--socket` wins, then `--demo HOST`, then the environment. */
export function socketPath(
  { socket, demo }: { readonly socket: string | undefined; readonly demo: string | undefined },
  environment: Environment,
): string {
  if (socket !== undefined) return socket;
  if (demo !== undefined) return join(environment.demoDirectory, demo, "tortie.sock");
  return environment.socket;
}
