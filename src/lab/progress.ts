/** Where a lab says what it does; each line ends with how long it took. */
export type Progress = {
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  say(text: string): void;
};

const WIDTH = 62;

/** Progress for a person: the line appears when the work begins and its time when it ends. */
export function terminalProgress(write: (text: string) => void): Progress {
  return {
    say: (text) => write(`${text}\n`),
    async step(what, work) {
      write(`  ${what} ${".".repeat(Math.max(3, WIDTH - what.length))} `);
      const started = performance.now();
      try {
        const result = await work();
        write(`${seconds(started)}\n`);
        return result;
      } catch (error) {
        write(`failed after ${seconds(started)}\n`);
        throw error;
      }
    },
  };
}

/** Progress for a test's report: one line when the work begins and one when it is done. */
export function testProgress(comment: (text: string) => void): Progress {
  return {
    say: comment,
    async step(what, work) {
      comment(`${what} …`);
      const started = performance.now();
      const result = await work();
      comment(`${what}: ${seconds(started)}`);
      return result;
    },
  };
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}
