import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { type EtcdCertificates, makeCertificates } from "./etcd-certificates.ts";
import { Wire } from "./wire.ts";

/**
 * A real etcd cluster on loopback. Clients and members reach each member over a wire that a test can break, on ports that
 * the kernel chose. Everything is in one temporary folder, and goes with `close`.
 */
export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly certificates: EtcdCertificates | undefined;
  readonly folder: string;

  private constructor(
    folder: string,
    certificates: EtcdCertificates | undefined,
    members: readonly EtcdMember[],
  ) {
    this.folder = folder;
    this.certificates = certificates;
    this.members = members;
  }

  /** Starts a cluster; with `tls`, clients need a certificate. */
  static async start({
    members: count = 1,
    tls = false,
  }: {
    readonly members?: number;
    readonly tls?: boolean;
  } = {}): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), `tt${process.pid}-etcd-`));
    const certificates = tls ? makeCertificates(folder) : undefined;
    const ports = await freePorts(2 * count);
    const members: EtcdMember[] = [];
    for (let index = 0; index < count; index++) {
      const [client = 0, peer = 0] = ports.slice(2 * index);
      members.push(
        await EtcdMember.prepare({ name: `m${index + 1}`, folder, certificates, client, peer }),
      );
    }
    const cluster = new EtcdCluster(folder, certificates, members);
    try {
      await Promise.all(members.map((member) => member.start(members)));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Endpoints over the wires. */
  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** Runs etcdctl on one member, past the wires. */
  async ctl(args: readonly string[]): Promise<string> {
    return this.member(0).ctl(args);
  }

  member(index: number): EtcdMember {
    const member = this.members[index];
    if (member === undefined) throw new Error(`no member ${index}`);
    return member;
  }

  /** The member that leads now. */
  async leader(): Promise<EtcdMember> {
    const find = async () => {
      const leads = await Promise.all(this.members.map((member) => member.leads()));
      return this.members.find((_, index) => leads[index]);
    };
    return waitUntil("a member leads", find, { deadlineSeconds: 60 });
  }

  /** Cuts one member off from the others; clients still reach all. */
  isolate(member: EtcdMember): void {
    for (const other of this.members) {
      if (other === member) continue;
      other.peerWire.bar(member.name);
      member.peerWire.bar(other.name);
    }
  }

  /** Mends all wires and wakes all members. */
  mend(): void {
    for (const member of this.members) {
      member.clientWire.set("open");
      member.peerWire.set("open");
      member.peerWire.unbar();
      member.signal("SIGCONT");
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type MemberOptions = {
  readonly name: string;
  readonly folder: string;
  readonly certificates: EtcdCertificates | undefined;
  readonly client: number;
  readonly peer: number;
};

/** One etcd process and its wires. */
export class EtcdMember {
  readonly name: string;
  readonly clientWire: Wire;
  readonly peerWire: Wire;
  readonly #options: MemberOptions;
  #process: ChildProcess | undefined;
  #cluster: readonly EtcdMember[] = [];

  private constructor(options: MemberOptions, clientWire: Wire, peerWire: Wire) {
    this.name = options.name;
    this.#options = options;
    this.clientWire = clientWire;
    this.peerWire = peerWire;
  }

  static async prepare(options: MemberOptions): Promise<EtcdMember> {
    const { client, peer } = options;
    const callerOf = (request: string) => member.#callerOf(request);
    const member: EtcdMember = new EtcdMember(
      options,
      await Wire.open(client),
      await Wire.open(peer, { callerOf }),
    );
    return member;
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${this.clientWire.port}`;
  }

  /** Past the wire. */
  get directEndpoint(): string {
    return `${this.#scheme}://127.0.0.1:${this.#options.client}`;
  }

  get #peerUrl(): string {
    return `http://127.0.0.1:${this.peerWire.port}`;
  }

  get #scheme(): string {
    return this.#options.certificates === undefined ? "http" : "https";
  }

  /** Starts it, or starts it again on the data that it has. */
  async start(cluster: readonly EtcdMember[] = this.#cluster): Promise<void> {
    this.#cluster = cluster;
    const { name, folder, peer, certificates } = this.#options;
    const local = this.directEndpoint;
    const log = openSync(join(folder, `${name}.log`), "a");
    this.#process = spawn(
      "etcd",
      [
        ...["--name", name, "--data-dir", join(folder, name)],
        ...["--listen-client-urls", local, "--advertise-client-urls", local],
        ...["--listen-peer-urls", `http://127.0.0.1:${peer}`],
        ...["--initial-advertise-peer-urls", this.#peerUrl],
        ...["--initial-cluster", cluster.map((each) => `${each.name}=${each.#peerUrl}`).join()],
        ...["--initial-cluster-token", `tt${process.pid}`, "--logger=zap", "--log-level=warn"],
        ...(certificates === undefined ? [] : serverFlags(certificates)),
      ],
      { stdio: ["ignore", log, log], env: { PATH: process.env["PATH"] } },
    );
    closeSync(log);
    await waitUntil(`${name} is healthy`, () => this.ctl(["endpoint", "health"]), {
      deadlineSeconds: 60,
      whenLate: () => readFileSync(join(folder, `${name}.log`), "utf8").slice(-2000),
    });
  }

  /** Runs etcdctl on this member, past its wire; returns what it prints. */
  async ctl(args: readonly string[]): Promise<string> {
    const { certificates } = this.#options;
    const tls =
      certificates === undefined
        ? []
        : ["--cacert", certificates.ca, "--cert", certificates.cert, "--key", certificates.key];
    const endpoint = this.directEndpoint;
    // Not synchronously: the wires between the members live in this process.
    const { stdout } = await run("etcdctl", ["--endpoints", endpoint, ...tls, ...args], {
      env: { PATH: process.env["PATH"], ETCDCTL_API: "3" },
      timeout: 10_000,
    });
    return stdout;
  }

  /** A member that does not answer leads nobody. */
  async leads(): Promise<boolean> {
    const text = await this.ctl(["endpoint", "status", "-w", "json"]).catch(() => "[]");
    const [status] = JSON.parse(text) as EndpointStatus[];
    return status !== undefined && status.Status.leader === status.Status.header.member_id;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#process?.kill(signal);
  }

  /** Ends it without a chance to say goodbye. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.#running) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async close(): Promise<void> {
    await this.kill();
    this.clientWire.close();
    this.peerWire.close();
  }

  get #running(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Each request from member to member names the sender's address. */
  #callerOf(request: string): string | undefined {
    const [, urls] = /^x-peerurls: (.*?)\r?$/im.exec(request) ?? [];
    return this.#cluster.find((each) => urls?.split(",").includes(each.#peerUrl))?.name;
  }
}

const run = promisify(execFile);

type EndpointStatus = {
  readonly Status: { readonly header: { readonly member_id: number }; readonly leader: number };
};

function serverFlags({ ca, serverCert, serverKey }: EtcdCertificates): string[] {
  return [
    ...["--cert-file", serverCert, "--key-file", serverKey],
    ...["--trusted-ca-file", ca, "--client-cert-auth"],
  ];
}

/** Below the ports that the kernel gives to outgoing connections: one of those may take a free port at any moment. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** Ports that nobody listens on; two processes begin their search at different places. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; ports.length < count && i < PORTS; i++) {
    const port = FIRST_PORT + ((process.pid * 37 + i) % PORTS);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const outcome = new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!(await outcome)) return false;
  server.close();
  await once(server, "close");
  return true;
}
