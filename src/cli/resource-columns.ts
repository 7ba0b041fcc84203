import type { KindInfo } from "../resources/kind-info.ts";
import type { Resource } from "../resources/resource.ts";
import type { CommandContext } from "./command.ts";
import type { TableColumn } from "./text-table.ts";

/** The columns of a kind's table; several namespaces at once get a column of their own. */
export function columnsOf(
  kind: KindInfo,
  options: CommandContext["options"],
  { globalAsNumber }: { readonly globalAsNumber: number },
): readonly TableColumn<Resource>[] {
  const columns: TableColumn<Resource>[] = kind.columns.map((column) => ({
    header: column.header,
    value: (resource) => column.value(resource, { globalAsNumber }),
    ...(column.wide === true && { wide: true }),
  }));
  const namespaced =
    kind.scope === "namespaced" &&
    (options["allNamespaces"] === true || typeof options["namespace"] === "string");
  if (!namespaced) return columns;
  return [{ header: "NAMESPACE", value: ({ metadata }) => metadata.namespace ?? "-" }, ...columns];
}
