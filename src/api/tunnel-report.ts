/** What `tortie tunnel show` and `tortie tunnel test` answer. */
export type TunnelsReport = {
  readonly apiVersion: string;
  readonly kind: "Tunnels";
  readonly devices: readonly TunnelDeviceReport[];
  readonly pools: readonly {
    readonly cidr: string;
    readonly device: string;
    readonly mode: "Always" | "CrossSubnet";
  }[];
};

export type TunnelDeviceReport = {
  readonly name: string;
  readonly type: "ipip" | "vxlan";
  readonly local: string;
  readonly address?: string;
  readonly up: boolean;
  /** Of the device, and of the interface below it. */
  readonly mtu?: number;
  readonly vni?: number;
  readonly port?: number;
  readonly macAddress?: string;
  readonly remotes: readonly {
    readonly node: string;
    readonly underlay: string;
    readonly address: string;
    readonly macAddress?: string;
  }[];
  /** Nodes whose Node resource does not bear an address of such a device: packets to them take the plain way. */
  readonly notReady: readonly string[];
};

/** What a path to a far end carries. Sizes are of IP packets, in octets. */
export type TunnelTestReport = {
  readonly apiVersion: string;
  readonly kind: "TunnelTest";
  readonly items: readonly {
    readonly device: string;
    readonly node: string;
    readonly underlay: string;
    /** The largest packet that the path takes in one piece; absent when nothing was answered. */
    readonly pathMtu?: number;
    /** The device's MTU and its overhead. */
    readonly needed: number;
    /** The device MTU that would work. */
    readonly workingMtu?: number;
    readonly verdict: "ok" | "too small" | "no answer";
    readonly advice?: string;
  }[];
};
