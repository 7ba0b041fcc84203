import { rehearse } from "../bgp/rehearse.ts";
import type { Agent } from "./agent.ts";

/** Nothing is rehearsed in a turn's company: sessions and routes come first. Ends with the signal. */
export function rehearseInSpareTime(agent: Agent, signal: AbortSignal): void {
  if (!agent.config.rehearsal) return;
  let turns = -1;
  const isBusy = () => {
    const before = turns;
    turns = agent.driver.turns;
    return agent.configuredAt === undefined || turns !== before;
  };
  const onError = (error: unknown) =>
    agent.log.log("warn", "rehearsal.failed", { error: String(error) });
  signal.addEventListener("abort", rehearse({ isBusy, onError }), { once: true });
}
