import { ApiClient } from "../../api/client.ts";
import type { KindInfo } from "../../resources/kind-info.ts";
import { findKind, KINDS } from "../../resources/kinds.ts";
import type { Resource } from "../../resources/resource.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { formatOutput } from "../output.ts";
import { formatTable, type TableColumn } from "../text-table.ts";

/** What Calico takes when no BGPConfiguration says otherwise. */
const DEFAULT_AS_NUMBER = 64512;

/** `tortie get KIND [NAME]` */
export async function get(context: CommandContext): Promise<number> {
  const [word = "", name] = context.arguments;
  const kind = requireKind(word);
  const client = new ApiClient(context.socket);
  const list = await client.resources(kind.kind, name);
  const items = list.items as readonly Resource[];
  const globalAsNumber = await readGlobalAsNumber(client);
  const columns: TableColumn<Resource>[] = kind.columns.map((column) => ({
    header: column.header,
    value: (resource) => column.value(resource, { globalAsNumber }),
    ...(column.wide === true && { wide: true }),
  }));
  const [only] = items;
  const value = name !== undefined && items.length === 1 ? only : list;
  const text = await formatOutput(context.output, value, (view) =>
    formatTable(columns, items, { ...view, width: context.width }),
  );
  context.stdout.write(text);
  return ExitCode.done;
}

/** The kind that a word names, or a failure that lists them. */
export function requireKind(word: string): KindInfo {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  throw new CommandFailure({
    what: `no kind is called ${word}`,
    fix: `use one of ${KINDS.map(({ plural }) => plural).join(", ")}`,
    exitCode: ExitCode.usage,
  });
}

async function readGlobalAsNumber(client: ApiClient): Promise<number> {
  const { items } = await client.resources("BGPConfiguration");
  const fallback = (items as readonly Resource[]).find(
    ({ metadata }) => metadata.name === "default",
  );
  const asNumber = fallback?.spec["asNumber"];
  return typeof asNumber === "number" ? asNumber : DEFAULT_AS_NUMBER;
}
