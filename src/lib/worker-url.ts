/** Threads that the daemon starts; each has its own entry in the bundle. */
export type WorkerName = "route-worker";

const SOURCES: { readonly [name in WorkerName]: string } = {
  "route-worker": "../dataplane/route-worker.ts",
};

/**
 * Where a worker's first file is: beside the bundle in a release (`dist/NAME.js`), in its folder when the sources run as
 * they are. It is the only place that knows, because the bundler does not rewrite `new Worker(new URL(…))`.
 */
export function workerUrl(name: WorkerName): URL {
  const fromSources = import.meta.url.endsWith(".ts");
  return new URL(fromSources ? SOURCES[name] : `./${name}.js`, import.meta.url);
}
