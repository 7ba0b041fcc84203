import type { TaskTimesReport } from "./api-types.ts";
import type { MetricFamily } from "./openmetrics.ts";

/** What the BGP driver's tasks took, by kind: a task that is long keeps timers and other peers waiting. */
export function taskFamilies(tasks: readonly TaskTimesReport[]): MetricFamily[] {
  return [
    {
      name: "tortie_task_duration_seconds",
      type: "histogram",
      help: 'How long tasks of the BGP driver took; "turn" is one as a whole, the others are its parts.',
      samples: tasks.flatMap(({ task, count, milliseconds, buckets }) => [
        ...buckets.map(({ milliseconds: bound, count: value }) => ({
          suffix: "_bucket" as const,
          labels: { task, le: bound / 1000 },
          value,
        })),
        { suffix: "_bucket" as const, labels: { task, le: "+Inf" }, value: count },
        { suffix: "_sum" as const, labels: { task }, value: milliseconds / 1000 },
        { suffix: "_count" as const, labels: { task }, value: count },
      ]),
    },
    {
      name: "tortie_task_max_seconds",
      type: "gauge",
      help: "The longest task of the BGP driver since it started. Over 0.005 it was too long, or the machine was busy.",
      samples: tasks.map(({ task, maxMilliseconds }) => ({
        labels: { task },
        value: maxMilliseconds / 1000,
      })),
    },
    {
      name: "tortie_tasks_over_limit",
      type: "counter",
      help: "Tasks of the BGP driver that took more than 5 ms.",
      samples: tasks.map(({ task, overLimit }) => ({ labels: { task }, value: overLimit })),
    },
  ];
}
