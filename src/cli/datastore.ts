import type { Datastore } from "../datastore/datastore.ts";
import type { CommandContext } from "./command.ts";
import { type DatastoreSettings, datastoreSettings, settingsText } from "./datastore-settings.ts";
import { ExitCode } from "./exit-code.ts";
import { CommandFailure } from "./failure.ts";

/**
 * Opens the datastore that options, environment and configuration files name, uses it, and closes it. Its library is loaded
 * here and not before, so a command whose row has `datastore: true` stays quick until it needs the store.
 */
export async function withDatastore<Result>(
  context: Pick<CommandContext, "options" | "environment">,
  use: (datastore: Datastore, settings: DatastoreSettings) => Promise<Result>,
): Promise<Result> {
  return withDatastoreOf(await datastoreSettings(context), use);
}

/** The same with settings that are known already. */
export async function withDatastoreOf<Result>(
  settings: DatastoreSettings,
  use: (datastore: Datastore, settings: DatastoreSettings) => Promise<Result>,
): Promise<Result> {
  const datastore = await openDatastore(settings);
  try {
    return await use(datastore, settings);
  } catch (error) {
    throw await explained(error, settings);
  } finally {
    await datastore.close();
  }
}

async function openDatastore(settings: DatastoreSettings): Promise<Datastore> {
  if (settings.type === "directory") {
    const { DirectoryDatastore } = await import("../datastore/directory/directory-datastore.ts");
    return new DirectoryDatastore({ directory: settings.path });
  }
  const { endpointsOf } = await import("../datastore/etcd/etcd-options.ts");
  try {
    endpointsOf(settings.options);
  } catch (error) {
    throw new CommandFailure(
      {
        what: `the etcd of ${settings.from} cannot be used`,
        why: error instanceof Error ? error.message : String(error),
        fix: "ETCD_ENDPOINTS=http://127.0.0.1:2379, a list with commas; https:// with ETCD_CA_CERT_FILE",
        exitCode: ExitCode.usage,
      },
      { cause: error },
    );
  }
  const { EtcdDatastore } = await import("../datastore/etcd/etcd-datastore.ts");
  return new EtcdDatastore({ ...settings.options, timing: CLI_TIMING, random: Math.random });
}

/** A person waits less patiently than a daemon; still longer than an election. */
const CLI_TIMING = { question: 6_000 } as const;

/** What the store could not do, as a failure that says which store it was and who named it. */
async function explained(error: unknown, settings: DatastoreSettings): Promise<unknown> {
  const { DatastoreError } = await import("../datastore/datastore.ts");
  if (!(error instanceof DatastoreError)) return error;
  return new CommandFailure(
    {
      what: `the datastore does not work: ${settingsText(settings)} (named by ${settings.from})`,
      why: error.message,
      fix:
        settings.type === "directory"
          ? "name the right directory with --directory"
          : "is etcd up? Name another with --etcd-endpoints, or set ETCD_ENDPOINTS and ETCD_CA_CERT_FILE",
      exitCode: ExitCode.unreachable,
    },
    { cause: error },
  );
}
