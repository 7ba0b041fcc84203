import { join } from "node:path";

/** What the environment says; nothing else looks at it. */
export type Environment = {
  /** The name that the program was started by: tortie or calicoctl. */
  readonly program: string;
  readonly socket: string;
  readonly demoDirectory: string;
  readonly datastoreDirectory: string;
};

const DEFAULT_SOCKET = "/run/tortie/tortie.sock";
/** Where `npm run demo` keeps the sockets of its hosts: HOST/tortie.sock. */
const DEFAULT_DEMO_DIRECTORY = "/run/tortie-demo";
const DEFAULT_DATASTORE_DIRECTORY = "/etc/tortie/cluster";

export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  return {
    program: variables["TORTIE_PROGRAM"] || "tortie",
    socket: variables["TORTIE_SOCKET"] || DEFAULT_SOCKET,
    demoDirectory: variables["TORTIE_DEMO_DIR"] || DEFAULT_DEMO_DIRECTORY,
    datastoreDirectory: variables["TORTIE_DATASTORE_DIR"] || DEFAULT_DATASTORE_DIRECTORY,
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
