import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";

/** A resource in Calico's shape, as its YAML says it. */
export type LabResource = {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: { readonly [label: string]: string };
  readonly annotations?: { readonly [annotation: string]: string };
  readonly spec: { readonly [field: string]: unknown };
};

/** Puts a file with these resources in place, whole, in the folder that a lab's daemons read. */
export function writeResources(
  folder: string,
  file: string,
  resources: readonly LabResource[],
): void {
  mkdirSync(folder, { recursive: true });
  const documents = resources.map(({ kind, spec, ...metadata }) =>
    stringify({ apiVersion: "projectcalico.org/v3", kind, metadata, spec }),
  );
  // A name that begins with a dot is not read; the rename shows the file at once and complete.
  writeFileSync(`${folder}/.${file}`, documents.join("---\n"));
  renameSync(`${folder}/.${file}`, `${folder}/${file}`);
}

/** An endpoint of the lab, named as Calico names endpoints: node, orchestrator, workload and interface, "-" doubled. */
export function workloadEndpoint(workload: {
  readonly name: string;
  readonly host: string;
  readonly hostInterface: string;
  readonly addresses: readonly string[];
  readonly profiles?: readonly string[];
}): LabResource {
  const doubled = (part: string) => part.replaceAll("-", "--");
  return {
    kind: "WorkloadEndpoint",
    name: [workload.host, "lab", workload.name, "eth0"].map(doubled).join("-"),
    namespace: "default",
    spec: {
      node: workload.host,
      orchestrator: "lab",
      workload: workload.name,
      endpoint: "eth0",
      interfaceName: workload.hostInterface,
      // Without a profile nobody may talk to it.
      profiles: workload.profiles ?? ["projectcalico-default-allow"],
      ipNetworks: workload.addresses.map(
        (address) => `${address}/${address.includes(":") ? 128 : 32}`,
      ),
    },
  };
}
