import type { IpAddress } from "../../../protocol/types/ip-address.ts";

/** What Node's sockets cannot set by themselves. All of it is set before connect(2) or listen(2). */
export type TcpOptions = {
  readonly localAddress?: IpAddress;
  /** SO_BINDTODEVICE. */
  readonly interface?: string;
  /** TCP_MD5SIG, 1 to 80 octets. RFC 2385. */
  readonly md5Key?: string;
  /** GTSM: send TTL 255, accept only TTL > 255 - hops. RFC 5082. Without it: TTL 64 to iBGP, as the kernel has it. */
  readonly ttlSecurityHops?: number;
  /** CS6 = 48. */
  readonly dscp: number;
  readonly userTimeoutMilliseconds?: number;
};

export type ConnectTarget = {
  readonly address: IpAddress;
  readonly port: number;
  readonly options: TcpOptions;
};

/** Key of one peer on a listener; keys are added to and removed from a live listener. */
export type ListenerKey = {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly md5Key: string;
};
