/** Something that calls back when the reader of a stream should look up. */
export type Interruptions = { onConfirm: (() => void) | undefined };

/** A stream, and between its items "interrupted" whenever somebody asks for it. Ends as the stream ends. */
export async function* withInterruptions<Item>(
  items: AsyncIterable<Item>,
  source: Interruptions,
): AsyncGenerator<Item | "interrupted"> {
  const iterator = items[Symbol.asyncIterator]();
  let asked = false;
  let wake = () => {};
  source.onConfirm = () => {
    asked = true;
    wake();
  };
  let next: Promise<IteratorResult<Item>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const first = asked
        ? undefined
        : await eitherOf(next, (resolve) => {
            wake = resolve;
          });
      if (first === undefined) {
        asked = false;
        yield "interrupted";
        continue;
      }
      next = undefined;
      if (first.done) return;
      yield first.value;
    }
  } finally {
    source.onConfirm = undefined;
    // An iterator that waits for its next item would answer only with it.
    iterator.return?.().catch(() => {});
  }
}

/** What comes first: the item, or a call of what `arm` was given. Leaves nothing behind at what takes long. */
function eitherOf<Result>(
  item: Promise<Result>,
  arm: (resolve: () => void) => void,
): Promise<Result | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
  item.then(resolve, reject);
  arm(() => resolve(undefined));
  return promise;
}
