import type { DockerClient } from "./docker-client.ts";
import { ENDPOINT_ID_ANNOTATION, type FrontDoorOptions } from "./front-door-endpoints.ts";

/** Labels of a container with this prefix are its endpoint's labels, as Calico's plugin has it. */
const LABEL_PREFIX = "org.projectcalico.label.";
/** Somebody else may write in between; so often it is tried again. */
const TRIES = 3;

/** Gives the endpoint by which a container is connected to a network the container's labels, id and name. */
export async function labelEndpoint(
  connection: { readonly container: string; readonly network: string },
  options: Pick<FrontDoorOptions, "workloads" | "datastore"> & { readonly docker: DockerClient },
): Promise<void> {
  const { workloads, datastore, docker } = options;
  const found = await docker.json("GET", `/containers/${connection.container}/json`);
  const container = found as InspectedContainer | undefined;
  const id = container?.NetworkSettings?.Networks?.[connection.network]?.EndpointID;
  if (container === undefined || !id) return;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const listed = await workloads.list();
    const endpoint = listed.find(
      (row) => row.endpoint.metadata.annotations?.[ENDPOINT_ID_ANNOTATION] === id,
    )?.endpoint;
    if (endpoint === undefined) return;
    const key = {
      kind: "WorkloadEndpoint",
      namespace: endpoint.metadata.namespace ?? "default",
      name: endpoint.metadata.name,
    };
    const stored = await datastore.get(key);
    if (stored === undefined) return;
    const written = await datastore.update({
      ...stored,
      metadata: {
        ...stored.metadata,
        labels: { ...stored.metadata.labels, ...endpointLabels(container.Config?.Labels ?? {}) },
      },
      spec: { ...stored.spec, containerID: container.Id },
    });
    if (written.type !== "conflict") return;
  }
}

/** The labels of an endpoint that a container's labels ask for. */
export function endpointLabels(
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) =>
      name.startsWith(LABEL_PREFIX) && LABEL_NAME.test(name.slice(LABEL_PREFIX.length))
        ? [[name.slice(LABEL_PREFIX.length), value]]
        : [],
    ),
  );
}

/** What selectors can name. */
const LABEL_NAME = /^[A-Za-z0-9_./-]{1,253}$/;

type InspectedContainer = {
  readonly Id: string;
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly EndpointID?: string }>>;
  };
};
