import type { Datastore } from "../../datastore/datastore.ts";
import { objectOf } from "../../ipam/ipam-objects.ts";
import { IPAM_CONFIGURATION_NAME } from "../../resources/ipam-names.ts";
import type { Resource } from "../../resources/resource.ts";
import { validateResource } from "../../resources/validate.ts";
import type { CommandContext } from "../command.ts";
import { withDatastore } from "../datastore.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";
import { booleanWord, numberWord, secondsWord, usage } from "../ipam-words.ts";

const KEY = { kind: "IPAMConfiguration", name: IPAM_CONFIGURATION_NAME } as const;

/** `tortie ipam configure` */
export async function ipamConfigure(context: CommandContext): Promise<number> {
  const changes = changesIn(context.options);
  if (Object.keys(changes).length === 0) {
    throw usage("nothing is said that could be configured", "for example --strict-affinity true");
  }
  return withDatastore(context, async (datastore) => {
    await write(datastore, changes);
    const text = Object.entries(changes).map(([field, value]) => `${field}=${value}`);
    context.stdout.write(`Successfully set ${text.join(", ")}\n`);
    return ExitCode.done;
  });
}

/** The spec's fields, from either spelling. */
function changesIn(options: CommandContext["options"]): Readonly<Record<string, unknown>> {
  const word = (...names: readonly string[]) =>
    names.map((name) => options[name]).find((each) => typeof each === "string") as
      | string
      | undefined;
  const strict = word("strictAffinity", "strictaffinity");
  const most = word("maxBlocksPerHost");
  const cooldown = word("cooldown");
  const seconds = word("ipCooldownSeconds");
  return {
    ...(strict !== undefined && { strictAffinity: booleanWord(strict) }),
    ...(most !== undefined && { maxBlocksPerHost: numberWord(most) }),
    ...(cooldown !== undefined && { ipCooldownSeconds: secondsWord(cooldown) }),
    ...(seconds !== undefined && { ipCooldownSeconds: numberWord(seconds) }),
  };
}

async function write(
  datastore: Datastore,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const stored = await datastore.get(KEY);
  const spec = { ...(stored?.spec ?? { autoAllocateBlocks: true }), ...changes };
  const resource = objectOf(KEY, spec, stored?.metadata);
  assertValid(resource);
  const result = await (stored === undefined
    ? datastore.create(resource)
    : datastore.update(resource));
  if (result.type === "written") return;
  throw new CommandFailure({
    what: "somebody else has changed the configuration at the same time",
    fix: "do it again",
    exitCode: ExitCode.conflict,
  });
}

function assertValid(resource: Resource): void {
  const validated = validateResource(resource, { unknownFields: "warning" });
  if (validated.ok) return;
  const [complaint] = validated.complaints.filter(({ severity }) => severity !== "warning");
  if (complaint === undefined) return;
  throw new CommandFailure({
    what: `${complaint.path.slice(1).join(".") || "the configuration"} ${complaint.message}`,
    fix: complaint.fix,
    exitCode: ExitCode.invalidInput,
  });
}
