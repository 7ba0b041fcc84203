import { unreachable } from "../../../protocol/types/never.ts";
import { formatKey, keyOf, type Resource, type ResourceKey } from "../../resources/resource.ts";
import {
  DatastoreError,
  type DeleteResult,
  type TransactResult,
  type Write,
  type WriteResult,
} from "../datastore.ts";
import { assertTransaction, newIdentity, refusalsOf, withIdentityOf } from "../transaction.ts";
import type { DirectoryFiles } from "./directory-files.ts";
import { withDirectoryLock } from "./directory-lock.ts";
import { finishTransaction, putFiles } from "./file-transaction.ts";
import { StagedFiles } from "./staged-files.ts";

/** People who save a file while a writer works on it are rare; as often as this in a row they do not. */
const MAX_ATTEMPTS = 5;

/** Writes objects into a directory: under its lock, after reading what is there, and by rename of whole files. */
export class DirectoryWriter {
  readonly #directory: string;
  readonly #files: DirectoryFiles;
  readonly #holderOf: (key: string) => string | undefined;

  /** `holderOf` knows in which file an object was when it was last in force. */
  constructor(
    directory: string,
    known: {
      readonly files: DirectoryFiles;
      readonly holderOf: (key: string) => string | undefined;
    },
  ) {
    this.#directory = directory;
    this.#files = known.files;
    this.#holderOf = known.holderOf;
  }

  async create(resource: Resource): Promise<WriteResult> {
    return this.#change((stage) => {
      if (stage.find(formatKey(keyOf(resource)))) return { type: "alreadyExists" };
      return { type: "written", resource: stage.create(withIdentity(resource)) };
    });
  }

  async update(resource: Resource): Promise<WriteResult> {
    return this.#change((stage) => {
      const stored = stage.find(formatKey(keyOf(resource)));
      if (stored === undefined) return { type: "notFound" };
      if (!isStill(stored, resource.metadata.resourceVersion)) return { type: "conflict" };
      return { type: "written", resource: stage.replace(withIdentityOf(stored, resource)) };
    });
  }

  async delete(
    key: ResourceKey,
    { resourceVersion }: { readonly resourceVersion?: string },
  ): Promise<DeleteResult> {
    return this.#change((stage) => {
      const stored = stage.find(formatKey(key));
      if (stored === undefined) return { type: "notFound" };
      if (!isStill(stored, resourceVersion)) return { type: "conflict" };
      stage.remove(formatKey(key));
      return { type: "deleted", resource: stored };
    });
  }

  async transact(writes: readonly Write[]): Promise<TransactResult> {
    assertTransaction(writes);
    return this.#change((stage) => {
      const refusals = refusalsOf(writes, (key) => stage.find(key));
      if (refusals.length > 0) return { type: "refused", refusals };
      return { type: "written", resources: writes.map((write) => perform(write, stage)) };
    });
  }

  /** Does what a writer that died had begun. */
  async finishOthers(): Promise<void> {
    await withDirectoryLock(this.#directory, async () => {
      await finishTransaction(this.#directory, this.#files);
    });
  }

  /** Lets `work` change the files as they are now; nothing is written if they have changed meanwhile, and it is done again. */
  async #change<Result>(work: (stage: StagedFiles) => Result): Promise<Result> {
    return withDirectoryLock(this.#directory, async () => {
      await finishTransaction(this.#directory, this.#files);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const files = await this.#files.readNow();
        const stage = new StagedFiles(this.#directory, { files, holderOf: this.#holderOf });
        const result = work(stage);
        if (!(await this.#areUnchanged(stage))) continue;
        await putFiles(this.#directory, stage.changes(), this.#files);
        return result;
      }
      throw new DatastoreError(`the files in ${this.#directory} change all the time`);
    });
  }

  async #areUnchanged(stage: StagedFiles): Promise<boolean> {
    for (const { name, signature, isNew } of stage.changes()) {
      const present = await this.#files.signatureOf(name);
      if (isNew && present !== undefined) {
        throw new DatastoreError(`${this.#directory}/${name} is there, but holds another object`);
      }
      if (present !== signature) return false;
    }
    return true;
  }
}

function perform(write: Write, stage: StagedFiles): Resource | undefined {
  switch (write.type) {
    case "create":
      return stage.create(withIdentity(write.resource));
    case "update": {
      const stored = stage.find(formatKey(keyOf(write.resource)));
      return stage.replace(stored ? withIdentityOf(stored, write.resource) : write.resource);
    }
    case "delete":
      return stage.remove(formatKey(write.key));
    case "expect":
      return undefined;
    default:
      return unreachable(write);
  }
}

function withIdentity(resource: Resource): Resource {
  return { ...resource, metadata: newIdentity(resource.metadata) };
}

function isStill({ metadata }: Resource, resourceVersion: string | undefined): boolean {
  return resourceVersion === undefined || resourceVersion === metadata.resourceVersion;
}
