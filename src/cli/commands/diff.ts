import { formatKey, keyOf } from "../../resources/resource.ts";
import { hideKeys } from "../change-resources.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { previewOf, previewText } from "../preview-text.ts";
import { differenceLines, isChange, type ResourceChange, replacement } from "../resource-change.ts";
import { requireResources } from "../resource-input.ts";

/** `tortie diff -f FILE`: what apply would change, field by field, and what the network would feel. */
export function diff(context: CommandContext): Promise<number> {
  const wanted = requireResources(context);
  return withDatastore(context, async (datastore) => {
    const changes: ResourceChange[] = [];
    for (const resource of wanted) {
      const change = replacement(await datastore.get(keyOf(resource)), resource);
      if (isChange(change)) changes.push(change);
    }
    for (const change of changes) context.stdout.write(changeText(change));
    if (changes.length === 0) return ExitCode.done;
    context.stdout.write(previewText(await previewOf(datastore, changes)));
    return ExitCode.failed;
  });
}

function changeText(change: ResourceChange): string {
  const head = `${formatKey(change.key)}${change.before === undefined ? " is new" : ""}`;
  return `${head}\n${differenceLines(change)
    .map((line) => `  ${hideKeys(line)}\n`)
    .join("")}`;
}
