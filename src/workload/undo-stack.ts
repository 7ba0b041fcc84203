/** What was done so far, so that it can be undone in reverse when a later step fails. */
export class UndoStack {
  readonly #steps: { readonly what: string; readonly undo: () => Promise<unknown> }[] = [];

  /** To be called before the step: one that fails half-way must be undone too. */
  push(what: string, undo: () => Promise<unknown>): void {
    this.#steps.push({ what, undo });
  }

  /** Undoes all, last first. A step that cannot be undone keeps none of the others from it; it is told instead. */
  async run(onFailure: (what: string, error: Error) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        onFailure(step.what, error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
}
