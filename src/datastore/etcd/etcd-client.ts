import { rootCertificates } from "node:tls";
import type {
  Etcd3,
  ICallable,
  IDuplexStream,
  IOptions,
  IWatchRequest,
  IWatchResponse,
  KVClient,
} from "etcd3";
import { allowAddressOverTls } from "./address-over-tls.ts";
import { ETCD_TIMING, type EtcdEndpoint, type EtcdOptions, readSecrets } from "./etcd-options.ts";

/** Both directions of a Watch call. */
export type WatchCall = IDuplexStream<IWatchRequest, IWatchResponse>;

/**
 * One connection to one member of the cluster. etcd3 brings the protocol, TLS and login; which member is asked, how long
 * and how often is decided elsewhere, so its own retries and circuit breakers are switched off. A client that failed is
 * thrown away: the next one has a new TCP connection, a new login, and reads the certificates again.
 */
export class EtcdClient {
  readonly #client: Etcd3;

  private constructor(client: Etcd3) {
    this.#client = client;
  }

  /** Connects when it is first used. Loads etcd3, which takes a tenth of a second, not before it is needed. */
  static async open(endpoint: EtcdEndpoint, options: EtcdOptions): Promise<EtcdClient> {
    const { Etcd3 } = await import("etcd3");
    leaveWithoutCleanup();
    const client = new Etcd3(clientOptions(endpoint, options));
    if (endpoint.secure) allowAddressOverTls(client);
    return new EtcdClient(client);
  }

  get kv(): KVClient {
    return this.#client.kv;
  }

  /** Opens a Watch call that the server ends when its member has lost the leader, instead of saying nothing for ever. */
  async watch(): Promise<WatchCall> {
    return poolOf(this.#client).withConnection("Watch", ({ client, metadata }) => {
      // The metadata object holds the login and is shared by all calls.
      const own = metadata.clone();
      own.set("hasleader", "true");
      const call = (client as unknown as WatchService<typeof own>).watch(own);
      // An error without a listener would end the process; the reader comes a moment later.
      call.on("error", () => {});
      return call;
    });
  }

  close(): void {
    this.#client.close();
  }
}

/**
 * A TLS connection that is reset while grpc-js ends it leaves a request that never completes. Node 26 waits for it in the cleanup
 * that follows the event "exit", for ever and with a busy processor; process.exit does without that cleanup.
 */
function leaveWithoutCleanup(): void {
  if (leaves) return;
  leaves = true;
  process.once("exit", () => process.exit());
}

let leaves = false;

type WatchService<Metadata> = { readonly watch: (metadata: Metadata) => WatchCall };

/** The one thing that etcd3 does not offer is metadata on a call; its pool can, and package.json pins the version. */
function poolOf(client: Etcd3): ICallable<unknown> {
  return (client as unknown as { readonly pool: ICallable<unknown> }).pool;
}

function clientOptions(endpoint: EtcdEndpoint, options: EtcdOptions): IOptions {
  const timing = { ...ETCD_TIMING, ...options.timing };
  const { ca, cert, key, password } = readSecrets(options);
  const authorities = ca ?? Buffer.from(rootCertificates.join("\n"));
  const { username } = options;
  return {
    hosts: [endpoint.url],
    faultHandling: { host: () => ONCE, global: ONCE },
    grpcOptions: {
      // A list or a backlog is as large as it is; the cluster is trusted.
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.keepalive_time_ms": timing.keepalive,
      "grpc.keepalive_timeout_ms": timing.attempt,
      "grpc.initial_reconnect_backoff_ms": timing.retryInitial,
      "grpc.max_reconnect_backoff_ms": timing.retryMax,
      // Otherwise a new client would share the connection that the old one gave up.
      "grpc.use_local_subchannel_pool": 1,
      // Only the configuration says how etcd is reached, not http_proxy.
      "grpc.enable_http_proxy": 0,
    },
    ...(endpoint.secure && {
      credentials: {
        rootCertificate: authorities,
        ...(key !== undefined && { privateKey: key }),
        ...(cert !== undefined && { certChain: cert }),
      },
    }),
    ...(username !== undefined && {
      auth: {
        username,
        password: password ?? "",
        callOptions: () => ({ deadline: Date.now() + timing.attempt }),
      },
    }),
  };
}

/** A policy of the library "cockatiel" that does what it is told, once. */
const ONCE = {
  execute: <Result>(work: (context: { readonly signal: AbortSignal }) => Result): Result =>
    work({ signal: new AbortController().signal }),
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
} as unknown as Required<NonNullable<IOptions["faultHandling"]>>["global"];
