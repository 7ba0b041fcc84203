import { execFileSync } from "node:child_process";
import type { Test } from "tap";
import { inNetworkNamespace } from "../../src/kernel/native/network-namespace.ts";
import { NETLINK_PROTOCOL } from "../../src/kernel/netlink/netlink-fd.ts";
import { NetlinkSocket } from "../../src/kernel/netlink/netlink-socket.ts";
import { NftablesDriver } from "../../src/kernel/nftables/nftables-driver.ts";
import { addNamespace, removeNamespace } from "./kernel-host.ts";

/** A namespace with a socket of nftables in it, for one test. */
export class NftHost {
  readonly name: string;
  readonly socket: NetlinkSocket;

  constructor(t: Test, suffix: string) {
    this.name = addNamespace(suffix);
    this.socket = inNetworkNamespace(
      `/run/netns/${this.name}`,
      () => new NetlinkSocket(NETLINK_PROTOCOL.netfilter),
    );
    t.teardown(() => {
      this.socket.close();
      removeNamespace(this.name);
    });
  }

  driver(): NftablesDriver {
    return new NftablesDriver({ socket: this.socket, name: "tortie" });
  }

  run(command: string, input?: string): string {
    const words = ["netns", "exec", this.name, ...command.split(" ")];
    return execFileSync("ip", words, { encoding: "utf8", ...(input !== undefined && { input }) });
  }
}
