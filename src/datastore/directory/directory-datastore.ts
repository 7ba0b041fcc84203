import { type FSWatcher, watch } from "node:fs";
import { formatKey, type Resource, type ResourceKey } from "../../resources/resource.ts";
import type {
  Datastore,
  DeleteResult,
  Listing,
  ListOptions,
  Revision,
  StoreProblem,
  TransactResult,
  WatchBatch,
  Write,
  WriteResult,
} from "../datastore.ts";
import { isListed } from "../listed.ts";
import { WatchLog } from "../watch-log.ts";
import { DirectoryFiles } from "./directory-files.ts";
import { DirectoryWriter } from "./directory-writer.ts";
import { isTransactionOpen } from "./file-transaction.ts";
import { ObjectIndex } from "./object-index.ts";
import { hasErrors } from "./resource-file.ts";

export type DirectoryOptions = {
  readonly directory: string;
  /** Between looks that nothing prompted: fs.watch may miss, and does not work on every file system. */
  readonly pollMilliseconds?: number;
  /** For so long must a file have been left alone before it is read. */
  readonly settleMilliseconds?: number;
};

/**
 * The embedded datastore: a directory of YAML files with one object or many each, edited by hand or through this class.
 * Several daemons on one machine may share a directory. Writers take a lock and put whole files in place by rename; readers
 * look when fs.watch says so, and slowly all the time. An object's resourceVersion is a hash of its content, so it means the
 * same to every process and survives an edit by hand; the revision of a listing means something to this process only.
 *
 * A file that cannot be read as it should is reported with its place, and the last good version of its objects stays. That
 * memory ends with the process.
 */
export class DirectoryDatastore implements Datastore {
  readonly #options: Required<DirectoryOptions>;
  readonly #files: DirectoryFiles;
  readonly #writer: DirectoryWriter;
  readonly #index = new ObjectIndex();
  readonly #log = new WatchLog(`${process.pid}-${performance.timeOrigin}-${instances++}-`);
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #closed = false;
  /** Why the directory itself could not be looked at, last time. */
  #failure: string | undefined;
  /** Looks and writes come one after another. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor({ directory, pollMilliseconds = 5000, settleMilliseconds = 50 }: DirectoryOptions) {
    this.#options = { directory, pollMilliseconds, settleMilliseconds };
    this.#files = new DirectoryFiles(this.#options);
    this.#writer = new DirectoryWriter(directory, {
      files: this.#files,
      holderOf: (key) => this.#index.fileOf(key),
    });
  }

  async list(options: ListOptions = {}): Promise<Listing> {
    return this.#inTurn(async () => {
      if (await isTransactionOpen(this.#options.directory)) await this.#writer.finishOthers();
      for (let looks = 0; !(await this.#look()).settled && looks < MAX_LOOKS; looks++) {
        await delay(this.#options.settleMilliseconds);
      }
      this.#startWatching();
      const resources = this.#index.resources().filter((each) => isListed(each, options));
      return { resources, revision: this.#log.revision };
    });
  }

  async get(key: ResourceKey): Promise<Resource | undefined> {
    return this.#inTurn(async () => {
      await this.#look();
      const wanted = formatKey(key);
      // What another process wrote a moment ago has not settled, but it is whole.
      const files = await this.#files.readNow();
      const loaded = files
        .flatMap(({ resources }) => resources)
        .find((each) => each.key === wanted);
      if (loaded) return loaded.stored;
      return files.some(hasErrors) ? this.#index.get(wanted) : undefined;
    });
  }

  async create(resource: Resource): Promise<WriteResult> {
    return this.#write(() => this.#writer.create(resource));
  }

  async update(resource: Resource): Promise<WriteResult> {
    return this.#write(() => this.#writer.update(resource));
  }

  async delete(
    key: ResourceKey,
    options: { readonly resourceVersion?: string } = {},
  ): Promise<DeleteResult> {
    return this.#write(() => this.#writer.delete(key, options));
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    return this.#write(() => this.#writer.transact(writes));
  }

  watch({
    after,
    signal,
  }: {
    readonly after: Revision;
    readonly signal: AbortSignal;
  }): AsyncIterable<WatchBatch> {
    return this.#log.watch(after, signal);
  }

  problems(): readonly StoreProblem[] {
    const own = this.#failure;
    const failed = own === undefined ? [] : [{ where: this.#options.directory, message: own }];
    return [...failed, ...this.#index.problems()];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    clearTimeout(this.#timer);
    await this.#queue;
  }

  async #write<Result>(write: () => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      const result = await write();
      this.#publish();
      return result;
    });
  }

  async #look(): Promise<{ readonly settled: boolean }> {
    const { changed, settled } = await this.#files.look();
    if (changed) this.#publish();
    return { settled };
  }

  #publish(): void {
    const before = JSON.stringify(this.#index.problems());
    this.#log.append(this.#index.replace(this.#files.files));
    if (JSON.stringify(this.#index.problems()) !== before) this.#log.problemsChanged();
  }

  #startWatching(): void {
    if (this.#watcher || this.#closed) return;
    const { directory, settleMilliseconds } = this.#options;
    this.#watcher = watch(directory, () => this.#lookWithin(settleMilliseconds / 5));
    this.#watcher.on("error", () => {
      this.#watcher?.close();
      this.#watcher = undefined;
    });
    this.#lookWithin(this.#options.pollMilliseconds);
  }

  /** Arms the one timer, unless it rings earlier anyhow. */
  #lookWithin(milliseconds: number): void {
    const dueAt = performance.now() + milliseconds;
    if (this.#closed || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      void this.#inTurn(() => this.#lookAgain());
    }, milliseconds);
  }

  /** A look that nobody waits for: failure is remembered and tried again. */
  async #lookAgain(): Promise<void> {
    if (this.#closed) return;
    const failureBefore = this.#failure;
    let next = this.#options.pollMilliseconds;
    try {
      const { settled } = await this.#look();
      this.#failure = undefined;
      this.#startWatching();
      if (!settled) next = this.#options.settleMilliseconds;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
    }
    if (this.#failure !== failureBefore) this.#log.problemsChanged();
    this.#lookWithin(next);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** A file that never comes to rest is left out of a listing, and comes as an event when it does. */
const MAX_LOOKS = 40;

/** Tells the revisions of two stores in one process apart. */
let instances = 0;

function delay(milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, milliseconds);
  return promise;
}
