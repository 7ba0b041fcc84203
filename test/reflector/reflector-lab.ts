import { readFileSync } from "node:fs";
import { Lab } from "../../src/lab/lab.ts";
import { type LabResource, writeResources } from "../../src/lab/resources.ts";
import { Tortied } from "../../src/lab/tortied.ts";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { Clients } from "./clients.ts";
import type { ClientPlan } from "./plain-client.ts";

export const ASN = 64_512;
export const REFLECTOR = "10.98.0.1";
export const CLUSTER_ID = "10.98.0.99";
const REFLECTOR_IPV6 = "fd98::1";
/** The witness's node, its address and the reflector's on their link. */
export const WITNESS = { node: "witness", address: "10.97.0.2", reflector: "10.97.0.1" } as const;

export type ReflectorPlan = {
  readonly name: string;
  readonly clients: number;
  /** One more client on a link of its own, for a daemon of another make (WITNESS). */
  readonly witness?: boolean;
  /** What a BGPPeer of a client says besides its address. */
  readonly peerSpec?: (client: number) => { readonly [field: string]: unknown };
};

/** A tortied that reflects, and in a namespace beside it as many clients as wanted, with an address each. */
export class ReflectorLab {
  readonly lab: Lab;
  readonly tortied: Tortied;
  readonly clients: Clients;
  readonly #processes: Clients[] = [];
  readonly #plan: ReflectorPlan;
  readonly #folder: string;

  private constructor(lab: Lab, plan: ReflectorPlan) {
    this.lab = lab;
    this.#plan = plan;
    this.#folder = `${lab.nodeFolder("reflector")}/resources`;
    this.configure(plan.peerSpec);
    this.tortied = new Tortied(lab, { node: "reflector", resourceFolder: this.#folder });
    this.clients = this.moreClients();
  }

  static async open(plan: ReflectorPlan): Promise<ReflectorLab> {
    const lab = await Lab.open(plan.name);
    try {
      const addresses = Array.from({ length: plan.clients }, (_, i) => `${clientAddress(i)}/16`);
      const witness = [
        { node: "reflector", interface: "eth1", addresses: [`${WITNESS.reflector}/24`] },
        { node: WITNESS.node, interface: "eth0", addresses: [`${WITNESS.address}/24`] },
      ] as const;
      await lab.build({
        nodes: ["reflector", "clients", ...(plan.witness === true ? [WITNESS.node] : [])],
        links: [
          ...(plan.witness === true ? [witness] : []),
          [
            {
              node: "reflector",
              interface: "eth0",
              addresses: [`${REFLECTOR}/16`, `${REFLECTOR_IPV6}/32`],
            },
            { node: "clients", interface: "eth0", addresses: [...addresses, "fd98::2/32"] },
          ],
        ],
      });
      const opened = new ReflectorLab(lab, plan);
      await opened.tortied.start();
      await waitUntil("the reflector listens", () => opened.#listens(), {
        deadlineSeconds: 60,
        everyMilliseconds: 50,
        whenLate: () => lab.logTails(),
      });
      return opened;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Says anew what the peers are; sessions that it does not concern stay. */
  configure(peerSpec: ReflectorPlan["peerSpec"] = () => ({})): void {
    writeResources(this.#folder, "reflector.yaml", [
      {
        kind: "Node",
        name: "reflector",
        spec: {
          bgp: {
            asNumber: ASN,
            ipv4Address: `${REFLECTOR}/16`,
            ipv6Address: `${REFLECTOR_IPV6}/32`,
            routeReflectorClusterID: CLUSTER_ID,
          },
        },
      },
      {
        kind: "BGPConfiguration",
        name: "default",
        // The kernel's part is shown elsewhere.
        spec: { nodeToNodeMeshEnabled: false, programClusterRoutes: "Disabled" },
      },
      ...Array.from({ length: this.#plan.clients }, (_, i) =>
        peer(`client${i}`, clientAddress(i), peerSpec(i)),
      ),
      ...(this.#plan.witness === true ? [peer(WITNESS.node, WITNESS.address)] : []),
    ]);
  }

  /** A process of its own for other clients, in the same namespace. */
  moreClients(): Clients {
    const clients = new Clients(this.lab, "clients");
    this.#processes.push(clients);
    return clients;
  }

  plans(clients: readonly number[], holdTimeSeconds: number): readonly ClientPlan[] {
    return clients.map((index) => ({
      index,
      address: clientAddress(index),
      reflector: REFLECTOR,
      asn: ASN,
      holdTimeSeconds,
    }));
  }

  /** Megabytes that the daemon has in memory now. */
  residentMegabytes(): number {
    const status = readFileSync(`/proc/${this.tortied.daemon.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }

  /** A counter of TCP in the reflector's namespace: "ListenOverflows". */
  async tcpCounter(name: string): Promise<number> {
    const text = await this.lab.run("reflector", ["cat", "/proc/net/netstat"]);
    const [names = "", values = ""] = text.split("\n").filter((line) => line.startsWith("TcpExt:"));
    const at = names.split(" ").indexOf(name);
    if (at < 0) throw new Error(`the kernel has no counter ${name}`);
    return Number(values.split(" ")[at]);
  }

  async close(): Promise<void> {
    for (const clients of this.#processes) clients.stop();
    await this.lab.close();
  }

  /** It knows its peers, and port 179 is open (0A is LISTEN). */
  async #listens(): Promise<boolean> {
    const sockets = await this.lab.run("reflector", ["cat", "/proc/net/tcp"]);
    return /:00B3 \S+ 0A/.test(sockets) && (await this.tortied.peers()).length > 0;
  }
}

function peer(
  name: string,
  address: string,
  spec: { readonly [field: string]: unknown } = {},
): LabResource {
  const families = ["IPv4", "IPv6"];
  const all = { node: "reflector", peerIP: address, asNumber: ASN, families, ...spec };
  return { kind: "BGPPeer", name, spec: all };
}

/** 10.98.1.0 and up. */
export function clientAddress(client: number): string {
  return `10.98.${1 + (client >> 8)}.${client & 255}`;
}
