import { inSpareTime, type SpareTimeWork } from "../lib/spare-time.ts";
import { DriverRehearsal } from "./driver-rehearsal.ts";
import { Rehearsal } from "./rehearsal.ts";

/**
 * Plays the whole rehearsal in spare time: feeds, then lone changes, then feeds again. Each Speaker meets code that was compiled for another, as
 * the daemon's own will; what is thrown away there is compiled for both. Returns what breaks it off.
 */
export function rehearse(host: Pick<SpareTimeWork, "isBusy" | "onError">): () => void {
  const feeds = new Rehearsal();
  const changes = new DriverRehearsal();
  const again = new Rehearsal();
  const giveUp = inSpareTime({
    ...host,
    step: () => feeds.step() || changes.step() || again.step(),
  });
  return () => {
    giveUp();
    changes.end();
  };
}
