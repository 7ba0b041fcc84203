import { isIP } from "node:net";
import type { Etcd3 } from "etcd3";

/**
 * Lets a client reach "https://10.0.0.1:2379". grpc-js 1.14 sends the target as TLS server name whatever it is; RFC 6066 §3
 * forbids that for an address, and Node 26 throws. Without a server name, Node checks the certificate against the host
 * that is connected to, which is what is wanted. etcd3 makes its credentials itself and hands them to nobody, so they are taken from
 * where it keeps them; package.json pins its version, and the tests against a TLS cluster notice when this stops working.
 */
export function allowAddressOverTls(client: Etcd3): void {
  const [host] = (client as unknown as EtcdInside).pool.hosts;
  if (host === undefined) throw new Error("etcd3 keeps its hosts elsewhere");
  const credentials = host.channelCredentials;
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...target) => {
    const connector = create(...target);
    const { connectionOptions } = connector;
    if (isIP(connectionOptions.servername ?? "") !== 0) delete connectionOptions.servername;
    return connector;
  };
}

type EtcdInside = {
  readonly pool: { readonly hosts: readonly { readonly channelCredentials: Credentials }[] };
};

type Credentials = { _createSecureConnector: (...target: readonly unknown[]) => Connector };

type Connector = { readonly connectionOptions: { servername?: string } };
