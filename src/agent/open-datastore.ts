import { unreachable } from "../../protocol/types/never.ts";
import type { Datastore } from "../datastore/datastore.ts";
import { DirectoryDatastore } from "../datastore/directory/directory-datastore.ts";
import { EtcdDatastore } from "../datastore/etcd/etcd-datastore.ts";
import type { AgentConfig } from "./agent-config.ts";

/** The store that the configuration names. Nothing is read yet: a store that cannot be reached is the syncer's business. */
export function openDatastore({ datastore }: AgentConfig): Datastore {
  switch (datastore.type) {
    case "directory":
      return new DirectoryDatastore({ directory: datastore.path });
    case "etcd":
      return new EtcdDatastore(datastore);
    default:
      return unreachable(datastore);
  }
}
