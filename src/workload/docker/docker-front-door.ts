import { TOKEN_LABEL } from "./container-request.ts";
import { inspectedContainer, listedContainers } from "./container-view.ts";
import { CreateHook } from "./create-hook.ts";
import { DockerClient } from "./docker-client.ts";
import { adoptEndpoints, followDocker } from "./docker-follower.ts";
import type { DockerLog } from "./docker-log.ts";
import { DockerProxy } from "./docker-proxy.ts";
import { FormerAddresses } from "./former-addresses.ts";
import { FrontDoorEndpoints, type FrontDoorOptions } from "./front-door-endpoints.ts";
import { ipamDriver } from "./ipam-driver.ts";
import { NetworkDriver } from "./network-driver.ts";
import { PluginServer } from "./plugin-server.ts";
import type { ProxyHooks } from "./proxied-answer.ts";

export type DockerFrontDoorOptions = FrontDoorOptions & {
  /** Docker's own socket, usually /var/run/docker.sock. */
  readonly dockerSocket: string;
  /** Where docker looks for plugins, usually /run/docker/plugins. */
  readonly pluginFolder: string;
  /** Port of the proxy on loopback; without one there is no proxy. */
  readonly proxyPort?: number;
  readonly log: DockerLog;
};

/** Our driver's name, and the one that existing scripts know. */
const DRIVERS = ["tortie", "calico"] as const;
/** The docker network of containers that the proxy created. */
const NETWORK = "tortie";

/** Everything by which docker's users reach us: drivers for networks and addresses, and the proxy of 2015. */
export class DockerFrontDoor {
  readonly #plugin: PluginServer;
  readonly #proxy: DockerProxy | undefined;
  readonly #abort: AbortController;
  readonly #following: Promise<void>;

  private constructor(parts: {
    readonly plugin: PluginServer;
    readonly proxy: DockerProxy | undefined;
    readonly abort: AbortController;
    readonly following: Promise<void>;
  }) {
    this.#plugin = parts.plugin;
    this.#proxy = parts.proxy;
    this.#abort = parts.abort;
    this.#following = parts.following;
  }

  /** Opens the plugin sockets and the proxy's port. Docker need not run yet. */
  static async start(options: DockerFrontDoorOptions): Promise<DockerFrontDoor> {
    const { dockerSocket, pluginFolder, proxyPort, log } = options;
    const docker = new DockerClient(dockerSocket);
    const frontDoor = new FrontDoorEndpoints(options);
    const former = new FormerAddresses(docker);
    const parts = { ...options, docker, frontDoor, former };
    const driver = new NetworkDriver(parts);
    const create = new CreateHook({ ...parts, network: NETWORK, driver: DRIVERS[0] });
    const plugin = await PluginServer.start({
      folder: pluginFolder,
      names: DRIVERS,
      methods: {
        "Plugin.Activate": async () => ({ Implements: ["NetworkDriver", "IpamDriver"] }),
        ...driver.methods,
        ...ipamDriver(parts),
      },
      log,
    });
    // Whoever asks right after a restart shall not be told less than before it.
    const adopted = adoptEndpoints({ driver, workloads: options.workloads }).catch(() => undefined);
    const hooks = proxyHooks({ docker, driver, create, frontDoor, adopted });
    let proxy: DockerProxy | undefined;
    try {
      if (proxyPort !== undefined) {
        proxy = await DockerProxy.start({ port: proxyPort, dockerSocket, hooks, log });
        log("info", "docker.proxy", { port: proxy.port });
      }
    } catch (error) {
      await plugin.close();
      throw error;
    }
    const abort = new AbortController();
    const following = followDocker({ ...parts, drivers: DRIVERS, driver, create }, abort.signal);
    return new DockerFrontDoor({ plugin, proxy, abort, following });
  }

  /** Closes both; containers keep running, and their endpoints stay. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#following, this.#plugin.close(), this.#proxy?.close()]);
  }
}

function proxyHooks(parts: {
  readonly docker: DockerClient;
  readonly driver: NetworkDriver;
  readonly create: CreateHook;
  readonly frontDoor: FrontDoorEndpoints;
  readonly adopted: Promise<void>;
}): ProxyHooks {
  const { docker, driver, create, frontDoor, adopted } = parts;
  const portsOf = (endpointId: string) => driver.portsOf(endpointId);
  return {
    prepareCreate: (request) => create.prepare(request),
    inspected: async (container) => {
      await adopted;
      return inspectedContainer(container, portsOf);
    },
    listed: async (containers) => {
      await adopted;
      return listedContainers(containers, portsOf);
    },
    remove: async (container, forward) => {
      // Asked before docker forgets it; released before the answer, so that the address can be used again at once.
      const token = await tokenOf(docker, container);
      const answer = await forward();
      if (answer.status === 204 && token !== undefined) await frontDoor.remove(token);
      return answer;
    },
  };
}

async function tokenOf(docker: DockerClient, container: string): Promise<string | undefined> {
  const found = await docker.json("GET", `/containers/${container}/json`).catch(() => undefined);
  const labels = (
    found as { readonly Config?: { readonly Labels?: Record<string, string> } } | undefined
  )?.Config?.Labels;
  return labels?.[TOKEN_LABEL];
}
