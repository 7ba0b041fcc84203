import { unreachable } from "../../../../protocol/types/never.ts";
import type { Datastore } from "../../../datastore/datastore.ts";
import {
  defaultProfile,
  type Profile,
  profileResourceName,
  typedName,
  whyNotATag,
} from "../../../resources/legacy-profile.ts";
import type { Resource } from "../../../resources/resource.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { boxedTable } from "./boxed-table.ts";
import { endpointRow, endpointsOf, type ListedEndpoint } from "./endpoint-list.ts";
import { changeResource, notFound, wrongUsage } from "./legacy-usage.ts";
import { formatRule, type ProfileRule, parseRule } from "./profile-rule.ts";
import { legacyRules, readLegacyRules } from "./profile-rule-json.ts";
import { readStandardInput } from "./standard-input.ts";

/** `profile …`, with the words of 2015. */
export async function profile(context: CommandContext): Promise<number> {
  const [first, second, ...rest] = context.rest;
  if (first === "show" && second === undefined) return show(context);
  if ((first === "add" || first === "remove") && second !== undefined && rest.length === 0) {
    return withDatastore(context, (datastore) =>
      first === "add"
        ? add(second, { datastore, context })
        : remove(second, { datastore, context }),
    );
  }
  if (first !== undefined && (second === "tag" || second === "rule")) {
    return withDatastore(context, (datastore) =>
      second === "tag"
        ? tag(first, rest, { datastore, context })
        : rule(first, rest, { datastore, context }),
    );
  }
  throw wrongUsage(context, "profile needs other words", USAGE);
}

const USAGE = [
  "profile show [--detailed]",
  "profile (add|remove) PROFILE",
  "profile PROFILE tag show",
  "profile PROFILE tag (add|remove) TAG",
  "profile PROFILE rule (show|json|update)",
  "profile PROFILE rule add (inbound|outbound) [--at=N] (allow|deny) [RULE]",
  "profile PROFILE rule remove (inbound|outbound) (--at=N|RULE)",
] as const;

type Use = { readonly datastore: Datastore; readonly context: CommandContext };

async function add(name: string, { datastore, context }: Use): Promise<number> {
  const why = whyNotATag(name);
  if (why !== undefined) throw wrongUsage(context, `a profile's name ${why}`, [USAGE[1]]);
  const result = await datastore.create(defaultProfile(name) as unknown as Resource);
  const said =
    result.type === "written" ? `Created profile ${name}` : `Profile ${name} already exists.`;
  context.stdout.write(`${said}\n`);
  return ExitCode.done;
}

/** A profile that endpoints still name would leave them without any rule: nothing could reach them. */
async function remove(name: string, { datastore, context }: Use): Promise<number> {
  const found = await find(name, datastore);
  const users = (await endpointsOf(datastore)).filter(({ profiles }) =>
    profiles.includes(found.metadata.name),
  );
  if (users.length > 0 && context.options["check"] !== false) {
    throw new CommandFailure({
      what: `profile ${name} is in use by ${users.length} endpoint${users.length === 1 ? "" : "s"}`,
      why: users.map(({ node, endpointId }) => `${endpointId} on ${node}`).join(", "),
      fix: "take it from them first, or add --no-check",
      exitCode: ExitCode.conflict,
    });
  }
  await datastore.delete({ kind: "Profile", name: found.metadata.name });
  context.stdout.write(`Deleted profile ${name}\n`);
  return ExitCode.done;
}

async function show(context: CommandContext): Promise<number> {
  return withDatastore(context, async (datastore) => {
    const { resources } = await datastore.list({ kinds: ["Profile"] });
    const profiles = (resources as unknown as Profile[]).toSorted((a, b) =>
      typedName(a).localeCompare(typedName(b)),
    );
    const endpoints =
      context.options["detailed"] === true ? await endpointsOf(datastore) : undefined;
    context.stdout.write(
      endpoints === undefined
        ? boxedTable(
            ["Name"],
            profiles.map((each) => [typedName(each)]),
          )
        : detailed(profiles, endpoints),
    );
    return ExitCode.done;
  });
}

function detailed(profiles: readonly Profile[], endpoints: readonly ListedEndpoint[]): string {
  const rows = profiles.flatMap((each) => {
    const users = endpoints.filter(({ profiles: names }) => names.includes(each.metadata.name));
    if (users.length === 0) return [[typedName(each), "None", "None", "None", "None", "None"]];
    return users.map((endpoint) => {
      const { node, orchestrator, workload, endpointId, state } = endpointRow(endpoint);
      return [typedName(each), node, orchestrator, workload, endpointId, state];
    });
  });
  return boxedTable(
    ["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State"],
    rows,
  );
}

async function tag(name: string, words: readonly string[], use: Use): Promise<number> {
  const [verb, word, ...rest] = words;
  const { context, datastore } = use;
  if (verb === "show" && word === undefined) {
    const { spec } = await find(name, datastore);
    for (const each of Object.keys(spec.labelsToApply ?? {})) context.stdout.write(`${each}\n`);
    return ExitCode.done;
  }
  if ((verb !== "add" && verb !== "remove") || word === undefined || rest.length > 0) {
    throw wrongUsage(context, "profile tag needs other words", [USAGE[2], USAGE[3]]);
  }
  const why = whyNotATag(word);
  if (why !== undefined) throw wrongUsage(context, `a tag ${why}`, [USAGE[3]]);
  await change(name, datastore, (before) => {
    const { [word]: known, ...others } = before.spec.labelsToApply ?? {};
    if (verb === "remove" && known === undefined)
      throw notFound(`profile ${name} has no tag ${word}`);
    const labelsToApply = verb === "add" ? { ...others, [word]: "" } : others;
    return { ...before, spec: { ...before.spec, labelsToApply } };
  });
  const said = verb === "add" ? "added to" : "removed from";
  context.stdout.write(`Tag ${word} ${said} profile ${name}\n`);
  return ExitCode.done;
}

async function rule(name: string, words: readonly string[], use: Use): Promise<number> {
  const { context, datastore } = use;
  const [verb, direction, ...rest] = words;
  switch (verb) {
    case "show":
      context.stdout.write(rulesText(await find(name, datastore)));
      return ExitCode.done;
    case "json": {
      const rules = legacyRules(await find(name, datastore));
      context.stdout.write(`${JSON.stringify(rules, undefined, 2)}\n`);
      return ExitCode.done;
    }
    case "update":
      return updateRules(name, use);
    case "add":
    case "remove":
      if (direction !== "inbound" && direction !== "outbound") break;
      return changeRules(name, { verb, field: FIELDS[direction], words: rest }, use);
    default:
      break;
  }
  throw wrongUsage(context, "profile rule needs other words", USAGE.slice(4));
}

const FIELDS = { inbound: "ingress", outbound: "egress" } as const;

type RuleChange = {
  readonly verb: "add" | "remove";
  readonly field: "ingress" | "egress";
  readonly words: readonly string[];
};

async function changeRules(name: string, asked: RuleChange, use: Use): Promise<number> {
  const { context, datastore } = use;
  const at = positionOf(context);
  const byPosition = asked.verb === "remove" && asked.words.length === 0 && at !== undefined;
  const parsed = byPosition ? undefined : parseRule(asked.words);
  if (parsed?.type === "wrong") throw wrongUsage(context, parsed.why, USAGE.slice(5));
  await change(name, datastore, (before) => {
    const rules = [...(before.spec[asked.field] ?? [])];
    switch (asked.verb) {
      case "add":
        // A place beyond the end is the end.
        if (parsed !== undefined) rules.splice((at ?? rules.length + 1) - 1, 0, parsed.rule);
        break;
      case "remove":
        rules.splice(placeOf(parsed?.rule, { rules, at, name }), 1);
        break;
      default:
        return unreachable(asked.verb);
    }
    return { ...before, spec: { ...before.spec, [asked.field]: rules } };
  });
  return ExitCode.done;
}

function placeOf(
  wanted: ProfileRule | undefined,
  where: {
    readonly rules: readonly ProfileRule[];
    readonly at: number | undefined;
    readonly name: string;
  },
): number {
  const { rules, at, name } = where;
  const words = wanted === undefined ? undefined : formatRule(wanted);
  const index =
    words === undefined ? (at ?? 0) - 1 : rules.findIndex((each) => formatRule(each) === words);
  if (rules[index] === undefined) throw notFound(`profile ${name} has no such rule`);
  return index;
}

async function updateRules(name: string, { context, datastore }: Use): Promise<number> {
  const read = readLegacyRules(await readStandardInput());
  if (read.type === "wrong" || read.id !== name) {
    const why = read.type === "wrong" ? read.why : `its id is ${read.id}, not ${name}`;
    throw new CommandFailure({
      what: "the rules on standard input are not in force",
      why,
      fix: `${context.environment.program} profile ${name} rule json > rules; edit it; … rule update < rules`,
      exitCode: ExitCode.invalidInput,
    });
  }
  await change(name, datastore, (before) => ({
    ...before,
    spec: { ...before.spec, ingress: [...read.ingress], egress: [...read.egress] },
  }));
  context.stdout.write(`Successfully updated profile ${name} rules.\n`);
  return ExitCode.done;
}

function rulesText({ spec }: Profile): string {
  const numbered = (rules: readonly ProfileRule[] | undefined) =>
    (rules ?? [])
      .map((each, index) => `${String(index + 1).padStart(4)} ${formatRule(each)}\n`)
      .join("");
  return `Inbound rules:\n${numbered(spec.ingress)}Outbound rules:\n${numbered(spec.egress)}`;
}

function positionOf(context: CommandContext): number | undefined {
  const { at } = context.options;
  if (typeof at !== "string") return undefined;
  if (!/^[1-9]\d{0,3}$/.test(at))
    throw wrongUsage(context, "--at is a place, from 1 on", USAGE.slice(5));
  return Number(at);
}

async function find(name: string, datastore: Datastore): Promise<Profile> {
  const found = await datastore.get({ kind: "Profile", name: profileResourceName(name) });
  if (found === undefined) throw notFound(`Profile ${name} not found.`);
  return found as unknown as Profile;
}

async function change(
  name: string,
  datastore: Datastore,
  edit: (before: Profile) => Profile,
): Promise<void> {
  const key = { kind: "Profile", name: profileResourceName(name) };
  await changeResource(datastore, key, (before) => {
    if (before === undefined) throw notFound(`Profile ${name} not found.`);
    return edit(before as unknown as Profile) as unknown as Resource;
  });
}
