import type { Option } from "./command.ts";

/** Given to every command that reads or writes the datastore. */
export const DATASTORE_OPTIONS: readonly Option[] = [
  {
    flags: "-c, --config <file>",
    description:
      "names the datastore: calicoctl's or tortied's file (default: /etc/calico/calicoctl.cfg, /etc/tortie/tortied.yaml)",
  },
  {
    flags: "--etcd-endpoints <list>",
    description: "etcd, as ETCD_ENDPOINTS; ETCD_CA_CERT_FILE and the like say how",
  },
  {
    flags: "--directory <path>",
    description: "a directory of YAML as the datastore (default: /etc/tortie/cluster)",
  },
];

/** Given to every command, so that they may stand anywhere on the line. */
export const GLOBAL_OPTIONS: readonly Option[] = [
  {
    flags: "--socket <path>",
    description: "the daemon's API socket (default: /run/tortie/tortie.sock)",
  },
  { flags: "--demo <host>", description: "ask a host of 'npm run demo'" },
];
