import type { Datastore } from "../../../datastore/datastore.ts";
import { type Profile, profileResourceName, typedName } from "../../../resources/legacy-profile.ts";
import type { CommandContext } from "../../command.ts";
import { withDatastore } from "../../datastore.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { boxedTable } from "./boxed-table.ts";
import { type EndpointFilter, endpointsOf, type ListedEndpoint } from "./endpoint-list.ts";
import { changeResource, notFound, wrongUsage } from "./legacy-usage.ts";

/** `endpoint …`, with the words of 2015. */
export async function endpoint(context: CommandContext): Promise<number> {
  const [first, second, verb, ...names] = context.rest;
  if (first === "show" && second === undefined) {
    return withDatastore(context, (datastore) => show(datastore, context));
  }
  if (first === undefined || second !== "profile") {
    throw wrongUsage(context, "endpoint needs other words", USAGE);
  }
  return withDatastore(context, async (datastore) => {
    const [found, ...others] = await endpointsOf(datastore, {
      ...filterOf(context),
      endpointId: first,
    });
    if (found === undefined) throw notFound(`there is no endpoint ${first}`);
    if (others.length > 0) {
      throw new CommandFailure({
        what: `there is more than one endpoint ${first}`,
        fix: "say --host, --orchestrator or --workload",
        exitCode: ExitCode.usage,
      });
    }
    return endpointProfiles(found, { verb, names, datastore, context });
  });
}

const USAGE = [
  "endpoint show [--host=H] [--orchestrator=O] [--workload=W] [--endpoint=E] [--detailed]",
  "endpoint ENDPOINT profile (append|remove|set) [PROFILE...]",
  "endpoint ENDPOINT profile show",
] as const;

/** The profiles of one endpoint: shown, or changed for good. */
export async function endpointProfiles(
  found: ListedEndpoint,
  asked: {
    readonly verb: string | undefined;
    readonly names: readonly string[];
    readonly datastore: Datastore;
    readonly context: CommandContext;
  },
): Promise<number> {
  const { verb, names, datastore, context } = asked;
  if (verb === "show" && names.length === 0) {
    const typed = await typedNames(datastore);
    const rows = found.profiles.map((name) => [typed.get(name) ?? name]);
    context.stdout.write(boxedTable(["Profile"], rows));
    return ExitCode.done;
  }
  const edit = verb === undefined ? undefined : EDITS[verb];
  if (edit === undefined || (names.length === 0 && verb !== "set")) {
    throw wrongUsage(context, "endpoint profile needs other words", USAGE.slice(1));
  }
  const known = await typedNames(datastore);
  const wanted = names.map((name) => profileResourceName(name));
  const missing = wanted.findIndex((name) => !known.has(name) && verb !== "remove");
  if (missing >= 0) throw notFound(`Profile ${names[missing]} not found.`);
  await changeResource(datastore, found.key, (before) => {
    if (before === undefined) throw notFound(`there is no endpoint ${found.endpointId} any more`);
    const profiles = edit.change(asStrings(before.spec["profiles"]), wanted);
    return { ...before, spec: { ...before.spec, profiles } };
  });
  context.stdout.write(`Profile(s) ${names.join(", ")} ${edit.said}.\n`);
  return ExitCode.done;
}

type Edit = {
  readonly said: string;
  readonly change: (before: readonly string[], names: readonly string[]) => readonly string[];
};

const EDITS: { readonly [verb: string]: Edit | undefined } = {
  append: {
    said: "appended",
    change: (before, names) => [...before, ...names.filter((name) => !before.includes(name))],
  },
  remove: {
    said: "removed",
    change: (before, names) => {
      const missing = names.find((name) => !before.includes(name));
      if (missing !== undefined) throw notFound(`the endpoint does not have profile ${missing}`);
      return before.filter((name) => !names.includes(name));
    },
  },
  set: { said: "set", change: (_, names) => names },
};

async function show(datastore: Datastore, context: CommandContext): Promise<number> {
  const endpoints = await endpointsOf(datastore, filterOf(context));
  const typed = await typedNames(datastore);
  const text =
    context.options["detailed"] === true
      ? boxedTable(
          [
            "Hostname",
            "Orchestrator ID",
            "Workload ID",
            "Endpoint ID",
            "Addresses",
            "MAC",
            "Profiles",
            "State",
          ],
          endpoints.map((each) => [
            each.node,
            each.orchestrator,
            each.workload,
            each.endpointId,
            each.addresses.join(" "),
            each.mac,
            each.profiles.map((name) => typed.get(name) ?? name).join(","),
            each.state,
          ]),
        )
      : boxedTable(
          ["Hostname", "Orchestrator ID", "Workload ID", "NumEndpoints"],
          counted(endpoints),
        );
  context.stdout.write(text);
  return ExitCode.done;
}

function counted(endpoints: readonly ListedEndpoint[]): readonly (readonly string[])[] {
  const counts = new Map<string, { readonly row: readonly string[]; count: number }>();
  for (const { node, orchestrator, workload } of endpoints) {
    const row = [node, orchestrator, workload];
    const known = counts.get(row.join("\0"));
    if (known === undefined) counts.set(row.join("\0"), { row, count: 1 });
    else known.count++;
  }
  return [...counts.values()].map(({ row, count }) => [...row, String(count)]);
}

function filterOf(context: CommandContext): EndpointFilter {
  const text = (name: string) => {
    const value = context.options[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    node: text("host"),
    orchestrator: text("orchestrator"),
    workload: text("workload"),
    endpointId: text("endpoint"),
  };
}

async function typedNames(datastore: Datastore): Promise<ReadonlyMap<string, string>> {
  const { resources } = await datastore.list({ kinds: ["Profile"] });
  return new Map(
    (resources as unknown as Profile[]).map((each) => [each.metadata.name, typedName(each)]),
  );
}

function asStrings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
