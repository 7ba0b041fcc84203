import { inSpareTime, type SpareTimeWork } from "../lib/spare-time.ts";
import { DriverRehearsal } from "./driver-rehearsal.ts";
import { Rehearsal } from "./rehearsal.ts";

/** Plays the whole rehearsal in spare time: feeds first, then lone changes. Returns what breaks it off. */
export function rehearse(host: Pick<SpareTimeWork, "isBusy" | "onError">): () => void {
  const feeds = new Rehearsal();
  const changes = new DriverRehearsal();
  const giveUp = inSpareTime({ ...host, step: () => feeds.step() || changes.step() });
  return () => {
    giveUp();
    changes.end();
  };
}
