import type { Socket } from "node:net";
import type { IpAddress } from "../../protocol/types/ip-address.ts";
import type { ConnectTarget, ListenerKey, TcpOptions } from "../kernel/native/tcp-options.ts";

/** Makes the sockets that sessions run over. The kernel's stand in native-bgp-sockets.ts; tests refuse and delay with their own. */
export type BgpSockets = {
  /** A socket that is connecting; every failure is its "error" event. */
  readonly connect: (target: ConnectTarget) => Socket;
  /** Listens, or rejects; a port that is taken is an error that names its owner. */
  readonly listen: (options: ListenOptions) => Promise<BgpListener>;
  /** Applies a peer's options to a connection that it opened; false when they forbid the connection. */
  readonly applyToAccepted: (socket: Socket, options: TcpOptions) => boolean;
  /** Gives a connection that stands another MD5 key. Until the other end has it too, neither hears the other. */
  readonly changeKey: (socket: Socket, key: PeerKey) => void;
};

/** The MD5 key that one peer's connections are signed with. */
export type PeerKey = { readonly address: IpAddress; readonly md5Key: string };

export type ListenOptions = {
  readonly address: IpAddress;
  readonly port: number;
  readonly keys: readonly ListenerKey[];
  readonly onConnection: (socket: Socket) => void;
  /** The listener died; its connections live on. */
  readonly onError: (error: Error) => void;
};

/** A live listener. */
export type BgpListener = {
  readonly port: number;
  /** The whole desired set. */
  readonly setKeys: (keys: readonly ListenerKey[]) => void;
  readonly close: () => Promise<void>;
};
