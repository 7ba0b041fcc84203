import type { Datastore } from "../../datastore/datastore.ts";
import type { DockerClient } from "./docker-client.ts";
import type { FrontDoorEndpoints } from "./front-door-endpoints.ts";

/** On a network's profile, for each host's docker network of that name: the profile is found without asking docker. */
const NETWORK_ANNOTATION = "tortie.dev/docker-network.";
/** Digits of docker's id that tell its networks apart. */
const DIGITS = 12;

/**
 * The profile of a docker network, called as the network is. When docker starts, it starts containers before it answers
 * anybody, and waits for us: so it is asked for the name once in a network's life, and never then.
 */
export async function networkProfile(
  networkId: string,
  parts: {
    readonly docker: DockerClient;
    readonly datastore: Datastore;
    readonly frontDoor: FrontDoorEndpoints;
  },
): Promise<string> {
  const { docker, datastore, frontDoor } = parts;
  const annotation = `${NETWORK_ANNOTATION}${networkId.slice(0, DIGITS)}`;
  const { resources } = await datastore.list({ kinds: ["Profile"] });
  const known = resources.find(({ metadata }) => metadata.annotations?.[annotation] !== undefined);
  if (known !== undefined) return known.metadata.name;
  const network = await docker.json("GET", `/networks/${networkId}`);
  const name = (network as { readonly Name?: unknown } | undefined)?.Name;
  if (typeof name !== "string") throw new Error(`docker knows no network ${networkId}`);
  const profile = await frontDoor.ensureProfile(name);
  const stored = await datastore.get({ kind: "Profile", name: profile });
  if (stored !== undefined) {
    const annotations = { ...stored.metadata.annotations, [annotation]: name };
    // Another host may annotate it now; then this one does with the next container.
    await datastore.update({ ...stored, metadata: { ...stored.metadata, annotations } });
  }
  return profile;
}
