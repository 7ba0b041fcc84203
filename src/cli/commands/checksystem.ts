import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { ApiClient, DaemonUnreachable } from "../../api/client.ts";
import type { CommandContext } from "../command.ts";
import type { Environment } from "../environment.ts";
import { ExitCode } from "../exit-code.ts";
import { formatOutput } from "../output.ts";
import { formatTable } from "../text-table.ts";

/** One check: `fail` keeps the host from being a node, `warn` does not. */
export type SystemCheck = {
  readonly name: string;
  readonly result: "ok" | "warn" | "fail";
  readonly found: string;
  readonly fix?: string;
};

/** Reads a file; undefined where it cannot be read. */
export type ReadFile = (path: string) => string | undefined;

/** IFA_PROTO, by which a restarted daemon knows its own addresses, came with this kernel. */
const WANTED_KERNEL = [5, 18] as const;
const BGP_PORT = 179;

/** `tortie node checksystem` */
export async function checkSystem(context: CommandContext): Promise<number> {
  const checks = [
    ...systemChecks(readFile),
    await portCheck(context.socket),
    rightsCheck(),
    ...dockerHostChecks(context.environment),
  ];
  const value = { apiVersion: "tortie/v1", kind: "SystemCheckList", items: checks };
  context.stdout.write(
    await formatOutput(context.output, value, (view) =>
      formatTable(
        [
          { header: "CHECK", value: ({ name }: SystemCheck) => name },
          { header: "RESULT", value: ({ result }) => result },
          { header: "FOUND", value: ({ found }) => found },
          { header: "FIX", value: ({ fix }) => fix ?? "" },
        ],
        checks,
        { ...view, width: undefined },
      ),
    ),
  );
  return checks.some(({ result }) => result === "fail") ? ExitCode.failed : ExitCode.done;
}

/** What files tell. */
export function systemChecks(read: ReadFile): readonly SystemCheck[] {
  return [
    kernelCheck(read("/proc/sys/kernel/osrelease")),
    ...FORWARDING.map(([name, path]) => forwardingCheck(name, read(path))),
    reversePathCheck(read),
    ...MODULES.map(([module, device, wanted]) => moduleCheck(read, { module, device, wanted })),
    clockCheck(read("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
    md5Check(read("/proc/net/netstat")),
  ];
}

function kernelCheck(release: string | undefined): SystemCheck {
  const [major = 0, minor = 0] = (release ?? "").split(".").map(Number);
  const [wantedMajor, wantedMinor] = WANTED_KERNEL;
  const isNew = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  const found = release?.trim() ?? "not Linux";
  if (isNew) return { name: "kernel", result: "ok", found };
  const fix = "Linux 5.18 or later: an older one cannot say which addresses are ours";
  return { name: "kernel", result: release === undefined ? "fail" : "warn", found, fix };
}

const FORWARDING = [
  ["forwarding IPv4", "/proc/sys/net/ipv4/ip_forward"],
  ["forwarding IPv6", "/proc/sys/net/ipv6/conf/all/forwarding"],
] as const;

function forwardingCheck(name: string, value: string | undefined): SystemCheck {
  if (value === undefined) return { name, result: "warn", found: "this family is switched off" };
  if (value.trim() !== "0") return { name, result: "ok", found: "on" };
  return { name, result: "warn", found: "off", fix: "tortied switches it on when it starts" };
}

/** Strict filtering drops what comes back another way than it went. RFC 3704 §2.2. */
function reversePathCheck(read: ReadFile): SystemCheck {
  const value = read("/proc/sys/net/ipv4/conf/all/rp_filter")?.trim();
  const name = "reverse path filter";
  if (value !== "1") return { name, result: "ok", found: value === "2" ? "loose" : "off" };
  const fix = "sysctl -w net.ipv4.conf.all.rp_filter=2, where routes are asymmetric";
  return { name, result: "warn", found: "strict on every interface", fix };
}

/** A module may be loaded, built in, or found when it is needed. */
const MODULES = [
  ["ipip", "/proc/sys/net/ipv4/conf/tunl0", "IP-in-IP pools"],
  ["vxlan", undefined, "VXLAN pools"],
  ["nf_tables", undefined, "policy and NAT"],
  ["nf_conntrack", "/proc/sys/net/netfilter/nf_conntrack_max", "policy and NAT"],
] as const;

function moduleCheck(
  read: ReadFile,
  {
    module,
    device,
    wanted,
  }: { readonly module: string; readonly device: string | undefined; readonly wanted: string },
): SystemCheck {
  const name = `module ${module}`;
  const release = read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const isLoaded = new RegExp(`^${module} `, "m").test(read("/proc/modules") ?? "");
  if (isLoaded) return { name, result: "ok", found: "loaded" };
  if (device !== undefined && existsSync(device)) return { name, result: "ok", found: "there" };
  const listed = (file: string) =>
    read(`/lib/modules/${release}/${file}`)?.includes(`/${module}.ko`);
  if (listed("modules.builtin")) return { name, result: "ok", found: "built in" };
  if (listed("modules.dep")) return { name, result: "ok", found: "loaded when it is needed" };
  if (read("/proc/modules") === undefined) {
    const fix = `only ${wanted} need it; tortie status says if it is missing`;
    return { name, result: "ok", found: "cannot be told: this kernel has no modules", fix };
  }
  return {
    name,
    result: "warn",
    found: "not found",
    fix: `modprobe ${module}; only ${wanted} need it`,
  };
}

/** Timers of seconds need a clock that does not jump; the hypervisor's emulation of a PIT is slow to read. */
function clockCheck(source: string | undefined): SystemCheck {
  const found = source?.trim() ?? "unknown";
  const slow = found === "pit" || found === "jiffies";
  return { name: "clock source", result: slow ? "warn" : "ok", found };
}

function md5Check(netstat: string | undefined): SystemCheck {
  const has = netstat?.includes("TCPMD5") === true;
  return {
    name: "TCP MD5",
    result: has ? "ok" : "warn",
    found: has ? "supported" : "this kernel has no TCP MD5 signatures",
    ...(has ? {} : { fix: "CONFIG_TCP_MD5SIG; only peers with a password need it" }),
  };
}

/** The port is free, or our own daemon has it. */
async function portCheck(socket: string): Promise<SystemCheck> {
  const name = `port ${BGP_PORT}`;
  try {
    const { pid } = await new ApiClient(socket).status();
    return { name, result: "ok", found: `tortied runs (pid ${pid})` };
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
  }
  const code = await bindError(BGP_PORT);
  if (code === undefined) return { name, result: "ok", found: "free" };
  if (code === "EACCES")
    return { name, result: "warn", found: "only root can tell", fix: "run it as root" };
  const fix = "end the other BGP program, or set listenPort in BGPConfiguration";
  return { name, result: "fail", found: "another program has it", fix };
}

function bindError(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(undefined)));
  });
}

function rightsCheck(): SystemCheck {
  const name = "rights";
  if (process.getuid?.() === 0) return { name, result: "ok", found: "root" };
  return {
    name,
    result: "warn",
    found: "not root",
    fix: "tortied needs CAP_NET_ADMIN and CAP_NET_RAW",
  };
}

/** Until people look closely, sudo keeps nothing of DOCKER_HOST, and docker then creates containers past tortie's port. */
function dockerHostChecks({ dockerHost, underSudo }: Environment): readonly SystemCheck[] {
  if (!underSudo || dockerHost !== undefined) return [];
  return [
    {
      name: "DOCKER_HOST",
      result: "warn",
      found: "not set: sudo drops it, and CALICO_IP is then not seen",
      fix: "sudo -E docker …, or docker -H localhost:2377 …",
    },
  ];
}

function readFile(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isDirectory() ? "" : readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
